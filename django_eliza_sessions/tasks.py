"""The Celery door: beat tasks, and the dispatchers that hand work to workers."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from celery import current_task, shared_task

from django_eliza_sessions.origin import coming_from
from django_eliza_sessions.services import answering, jobs, replies, sweep

#: Seconds in which what is asked for is gathered into one task.
GATHER = 0.1
#: When, on the monotonic clock, the task that was sent last for a job is to be done.
_gathered_until: dict[str, float] = {}


def _task(function: Callable[..., None]) -> Any:
    """Make a task, whose id stands for a request's; jobs have their own."""

    @wraps(function)
    def run(**arguments: Any) -> None:
        with coming_from("task", request_id=current_task.request.id):
            function(**arguments)

    return shared_task(ignore_result=True)(run)


@_task
def sweep_sessions(**_kwargs: Any) -> None:
    """Warn about sessions near their deadline, and mark those past it as expired."""
    sweep.sweep_sessions()


@_task
def purge_sessions(**_kwargs: Any) -> None:
    """Delete or anonymise what was kept for long enough."""
    jobs.run_in_thread("purge_sessions")


@_task
def recover_replies(**_kwargs: Any) -> None:
    """Hand out again the replies whose holder or task was lost."""
    replies.recover_replies()


@_task
def recover_jobs(**_kwargs: Any) -> None:
    """Hand out again the events, webhooks and erasures that are still due."""
    jobs.recover_jobs()


@_task
def run_job(*, name: str, **_kwargs: Any) -> None:
    """Do a job that a change left behind."""
    jobs.run_in_thread(name)


@_task
def answer_reply(*, reply_id: str, **_kwargs: Any) -> None:
    """Answer one message."""
    answering.answer_reply(reply_id=UUID(reply_id))


def dispatch_job(name: str) -> None:
    """Hand a job to a Celery worker; for the ``JOB_DISPATCHER`` setting.

    Once per ``GATHER`` seconds and process, and it is done after them: what is asked
    for meanwhile is done with it.
    """
    now = time.monotonic()
    if now >= _gathered_until.get(name, now):
        run_job.apply_async(kwargs={"name": name}, countdown=GATHER)
        _gathered_until[name] = now + GATHER


def dispatch_reply(reply_id: UUID) -> None:
    """Hand a reply to a Celery worker; for the ``REPLY_DISPATCHER`` setting."""
    answer_reply.delay(reply_id=str(reply_id))
