"""Telling somebody that there is something to work on."""

import logging
from uuid import UUID

from django.utils.module_loading import import_string

from django_eliza_sessions.conf import conf

logger = logging.getLogger(__name__)


def dispatch_reply(*, reply_id: UUID) -> None:
    """Hand a queued reply to the configured dispatcher.

    A dispatcher that fails loses nothing: the next sweep asks again.
    """
    try:
        import_string(conf.reply_dispatcher)(reply_id)
    except Exception:
        logger.exception("Reply %s could not be dispatched; a sweep will", reply_id)


def dispatch_job(name: str) -> None:
    """Hand a job to the configured dispatcher; one that fails loses nothing either.

    Args:
        name: One of ``services.jobs.JOBS``.
    """
    try:
        import_string(conf.job_dispatcher)(name)
    except Exception:
        logger.exception("%s could not be dispatched; a sweep will", name)
