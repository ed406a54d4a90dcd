"""Who holds a reply: every write of its holder's hangs on the fencing number of its lease.

So one that lost the lease can change nothing.
"""

from datetime import datetime, timedelta
from typing import Any

from django_eliza_sessions.conf import conf
from django_eliza_sessions.models import Reply
from django_eliza_sessions.models.reply import ReplyQuerySet
from django_eliza_sessions.models.rows import update_row_if


class LeaseLostError(Exception):
    """The reply is in other hands or finished, so what we have must not be written."""


def held(reply: Reply) -> ReplyQuerySet:
    """Return the reply's row, unless it has changed hands or status since we read it."""
    return Reply.objects.filter(pk=reply.pk, **_fence(reply))


def write_held(reply: Reply, **fields: object) -> None:
    """Write a reply's row if it is still ours.

    Raises:
        LeaseLostError: It is not.
    """
    if not update_row_if(reply, _fence(reply), fields):
        raise LeaseLostError


def lease_from(now: datetime) -> datetime:
    """Return until when a reply is in the hands of somebody who has it now."""
    return now + timedelta(seconds=conf.reply_lease_seconds)


def _fence(reply: Reply) -> dict[str, Any]:
    return {name: getattr(reply, name) for name in Reply.FENCE}
