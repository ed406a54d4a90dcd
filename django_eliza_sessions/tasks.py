"""The Celery door: beat tasks, and the dispatcher that hands replies to workers."""

from typing import Any
from uuid import UUID

from celery import shared_task

from django_eliza_sessions.services import answering, replies, sweep


@shared_task(ignore_result=True)
def sweep_sessions(**_kwargs: Any) -> None:
    """Warn about sessions near their deadline, and mark those past it as expired."""
    sweep.sweep_sessions()


@shared_task(ignore_result=True)
def purge_sessions(**_kwargs: Any) -> None:
    """Delete sessions that have been over for longer than the retention setting."""
    sweep.purge_sessions()


@shared_task(ignore_result=True)
def recover_replies(**_kwargs: Any) -> None:
    """Hand out again the replies whose holder or task was lost."""
    replies.recover_replies()


@shared_task(ignore_result=True)
def answer_reply(*, reply_id: str, **_kwargs: Any) -> None:
    """Answer one message."""
    answering.answer_reply(reply_id=UUID(reply_id))


def dispatch_reply(reply_id: UUID) -> None:
    """Hand a reply to a Celery worker; for the ``REPLY_DISPATCHER`` setting."""
    answer_reply.delay(reply_id=str(reply_id))
