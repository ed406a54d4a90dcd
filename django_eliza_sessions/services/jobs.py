"""The jobs that changes leave behind, and the threads that do them without a task queue.

Doing one when there is nothing to do is harmless, and so is doing it twice.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from django.db import close_old_connections

from django_eliza_sessions.models import Erasure, Event, WebhookDelivery
from django_eliza_sessions.origin import coming_from
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.deliveries import send_webhooks
from django_eliza_sessions.services.dispatch import dispatch_job
from django_eliza_sessions.services.erasure import erase_users
from django_eliza_sessions.services.relay import relay_events
from django_eliza_sessions.services.sweep import purge_sessions

logger = logging.getLogger(__name__)

JOBS: dict[str, Callable[[], object]] = {
    "relay_events": relay_events,
    "send_webhooks": send_webhooks,
    "purge_sessions": purge_sessions,
    "erase_users": erase_users,
}
#: Seconds between two runs of a job, in which what a rush leaves behind comes together:
#: many events are relayed for little more than one.
PAUSE = 0.05
#: What threads were asked to do and have not begun, so that asking again adds nothing.
_waiting: set[str] = set()


def run_job(name: str) -> None:
    """Do a job now: the dispatcher for tests."""
    with coming_from("task"):
        JOBS[name]()


def run_in_thread(name: str) -> None:
    """Have a thread of this process do a job: one at a time of each kind, then a pause.

    The dispatcher without a task queue. It is what a task queue's workers call, too: a
    job may take as long as there is something to do, and sweeps must not wait for it.
    """
    if name not in _waiting:
        _waiting.add(name)
        try:
            _thread(name).submit(_on_thread, name)
        except RuntimeError as error:  # This process is about to end.
            _waiting.discard(name)
            logger.info("%s is left to the next process: %s", name, error)


def recover_jobs(dispatch: Callable[[str], object] = dispatch_job) -> None:
    """Have done what is due, because it failed before or its process was lost.

    Args:
        dispatch: Gets the name of each job there is to do.
    """
    if Event.objects.due(clock.now()).exists():
        dispatch("relay_events")
    if WebhookDelivery.objects.due(clock.now()).exists():
        dispatch("send_webhooks")
    if Erasure.objects.filter(finished_at=None).exists():
        dispatch("erase_users")


@cache
def _thread(name: str) -> ThreadPoolExecutor:
    """Return the one thread of a job: jobs do not wait for each other."""
    return ThreadPoolExecutor(1, f"eliza-{name}")


def _on_thread(name: str) -> None:
    _waiting.discard(name)  # First: what is asked for from now on may come too late.
    close_old_connections()
    try:
        run_job(name)
    except Exception:
        logger.exception("%s failed; it will be tried again", name)
    finally:
        close_old_connections()
    time.sleep(PAUSE)
