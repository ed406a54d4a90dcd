"""Ending everything of one user."""

import logging
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q

from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import Principal, id_of_user
from django_eliza_sessions.services.access import user_id_of
from django_eliza_sessions.services.ending import end_sessions

logger = logging.getLogger(__name__)


def end_sessions_of_user(*, principal: Principal, user_id: UUID) -> int:
    """End the active sessions of a user, as far as the caller may see them.

    In batches, each a transaction of its own; as ``end_session`` does, so their replies
    are cancelled, and whoever listens hears of it.

    Returns:
        How many were ended.

    Raises:
        DatabaseError: The database refused it; the batches before stay ended.
    """
    return end_sessions(
        lambda now: Session.objects.active(now).visible_to(principal).of_user(user_id),
        actor=principal.id,
    )


def end_sessions_of_django_user(user: AbstractBaseUser) -> int:
    """End the active sessions that a Django user opened, and those that are for them.

    Returns:
        How many were ended.
    """
    theirs = Q(owner=id_of_user(user)) | Q(user_id=user_id_of(user))
    return end_sessions(lambda now: Session.objects.active(now).filter(theirs))


def end_sessions_of_deactivated(
    *,
    instance: AbstractBaseUser,
    raw: bool = False,
    update_fields: frozenset[str] | None = None,
    **_kwargs: Any,
) -> None:
    """End what a Django user opened, once it is committed that they are deactivated.

    A receiver of ``post_save``. Users who are active cost nothing, others one query.
    """
    was_saved = not raw and (update_fields is None or "is_active" in update_fields)
    if not was_saved or instance.is_active:
        return

    _end_owned(id_of_user(instance))


def end_sessions_of_deleted(*, instance: AbstractBaseUser, **_kwargs: Any) -> None:
    """End what a Django user opened, once it is committed that they are deleted.

    A receiver of ``post_delete``.
    """
    _end_owned(id_of_user(instance))


def _end_owned(owner: str) -> None:
    # By the owner, so that it does not matter what USER_ID makes of a user.
    def end() -> None:  # No partial: Django cannot log the failure of one.
        count = end_sessions(lambda now: Session.objects.active(now).filter(owner=owner))
        logger.info("%s is gone: %s sessions ended", owner, count)

    # A failure is logged: it must not break what the project was about to do.
    transaction.on_commit(end, robust=True)
