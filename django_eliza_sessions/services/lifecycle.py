"""The life of one session (contract, "Lifetime").

Every change happens under the lock of the session's row, and the clock is read once
the lock is held, or is known to be free: whoever waited for it decides by the time it
got it.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import Error, connection, transaction
from django.db.models import F

from django_eliza_sessions.conf import conf
from django_eliza_sessions.content import check_metadata
from django_eliza_sessions.exceptions import (
    InvalidTimeoutConfigError,
    PermissionDeniedError,
    SessionCreationError,
    SessionExpiredError,
)
from django_eliza_sessions.models import Event, Session
from django_eliza_sessions.models.opening import open_session
from django_eliza_sessions.models.rows import failing_alone, update_row
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import clock, transitions
from django_eliza_sessions.services.activity import touch
from django_eliza_sessions.services.agents import agent_not_found, find_timeouts
from django_eliza_sessions.services.audit import Action, new_record, record
from django_eliza_sessions.services.ending import end_locked
from django_eliza_sessions.services.finishing import cancel_replies
from django_eliza_sessions.services.idempotency import recognise, remember
from django_eliza_sessions.services.lookup import (
    lock_session,
    lock_session_even_expired,
)
from django_eliza_sessions.services.outbox import record_events, relay_after_commit
from django_eliza_sessions.services.room import make_room
from django_eliza_sessions.services.tombstones import check_not_erased, digests_of
from django_eliza_sessions.timeouts import parse_overrides
from django_eliza_sessions.wire import timestamp

#: How often a session is tried to be stored while somebody changes its agent.
TRIES = 5


def create_session(
    *,
    principal: Principal,
    agent_id: UUID,
    user_id: UUID,
    metadata: Mapping[str, Any] | None = None,
    timeouts: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Session:
    """Open a session between a user and an agent.

    Args:
        principal: The caller, who will own the session.
        agent_id: Whom to talk to.
        user_id: Who talks.
        metadata: Anything JSON can hold, up to 10,240 bytes.
        timeouts: Fields of ``TimeoutConfig`` set for this session, in minutes; those
            left out or ``None`` come from the agent, else from the settings.
        idempotency_key: The same one again returns the same session again.

    Raises:
        IdempotencyKeyReusedError: Another session was asked for under this key.
        InvalidRequestError: The key is empty, too long, or no printable ASCII.
        InvalidMetadataError: The metadata cannot be stored.
        InvalidTimeoutConfigError: A timeout is out of range.
        PermissionDeniedError: The caller may open sessions for another user only, or
            everything of this one was erased.
        AgentNotFoundError: There is no such agent for the caller, or it is disabled.
        RateLimitError: The user has as many sessions as are allowed.
        SessionCreationError: The database refused it.
    """
    metadata = check_metadata(metadata)
    overrides = parse_overrides(timeouts, conf.timeout_limits) if timeouts else {}
    _check_user(principal, user_id)
    # What is looked at first must stay so until it is stored; and where nobody can tell
    # what is locked, the clock is read once it is one's turn.
    takes_turns = (
        idempotency_key is not None
        or conf.max_active_sessions is not None
        or not connection.features.has_select_for_update_skip_locked
    )
    try:
        with transaction.atomic() if takes_turns else failing_alone():
            known = recognise(
                principal=principal,
                key=idempotency_key,
                asked=["create", agent_id, user_id, metadata, overrides],
            )
            if known is not None and known.session is not None:
                return known.session
            session = _store_session(
                {"user_id": user_id, "agent_id": agent_id, "metadata": metadata},
                overrides,
                principal,
                may_guess=not takes_turns,
            )
            relay_after_commit()
            remember(known, session=session)
    except Error as error:
        raise SessionCreationError("The session could not be stored.") from error
    return session


def _store_session(
    fields: Mapping[str, Any],
    overrides: Mapping[str, Any],
    principal: Principal,
    *,
    may_guess: bool,
) -> Session:
    agent_id, user_id = fields["agent_id"], fields["user_id"]
    digests = digests_of(user_id)
    for tried in range(TRIES):
        inherited = find_timeouts(
            principal=principal, agent_id=agent_id, may_guess=may_guess and not tried
        )
        if tried:
            check_not_erased(user_id)
        make_room(principal=principal, user_id=user_id)
        now = clock.now()
        times = {"created_at": now, "last_activity_at": now, "renewed_at": now}
        session = Session(owner=principal.id, **fields, **times)
        config = conf.timeout_config.overridden_by(inherited).overridden_by(overrides)
        transitions.configure(session, config)
        event = transitions.next_event(session, Event.Kind.CREATED, now)
        creation = new_record(
            Action.SESSION_CREATED,
            session_id=session.pk,
            actor=principal.id,
            # By which an erasure finds it, also when the session is long purged.
            user=digests[0],
        )
        if open_session(session, inherited, digests, [event, creation]):
            return session
    raise agent_not_found(agent_id)  # It was there each time, and then was not.


def renew_session(*, principal: Principal, session_id: UUID) -> Session:
    """Renew a session by hand, whatever its ``auto_renew`` says.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed.
        SessionRenewalError: It already lasts until its maximum duration.
    """
    renewal = new_record(Action.SESSION_RENEWED, session_id=session_id, actor=principal.id)
    # Of when it is renewed, which may have to wait for its turn.
    renewal.at = F("last_activity_at")
    return touch(principal=principal, session_id=session_id, by_hand=True, rows=[renewal])


def record_heartbeat(*, principal: Principal, session_id: UUID) -> Session:
    """Note that the user is still there; renews the session if it renews itself.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed.
    """
    return touch(principal=principal, session_id=session_id, by_hand=False)


def update_timeout(
    *, principal: Principal, session_id: UUID, timeouts: Mapping[str, Any]
) -> Session:
    """Change some of a session's timeouts; the others and the anchor stay.

    Args:
        timeouts: Fields of ``TimeoutConfig`` to change, in minutes; ``None`` puts a
            field back to what the agent, else the settings, say now.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed.
        InvalidTimeoutConfigError: A value is out of range, or the new deadline would
            already be past.
    """
    with transaction.atomic():
        session, now = lock_session(principal=principal, session_id=session_id)
        changes = parse_overrides(timeouts, conf.timeout_limits)
        if not changes:
            return session
        inherited = conf.timeout_config.overridden_by(session.agent.timeout_overrides)
        transitions.configure(
            session,
            session.timeout_config.overridden_by(
                {
                    field: getattr(inherited, field) if value is None else value
                    for field, value in changes.items()
                }
            ),
        )
        if session.expires_at <= now:
            raise InvalidTimeoutConfigError(
                "timeout_config",
                f"would have ended the session at {timestamp(session.expires_at)}; "
                "it must leave it some time",
                expires_at=session.expires_at,
            )
        update_row(session, *transitions.CONFIG_FIELDS, *transitions.DEADLINE_FIELDS)
        record(Action.TIMEOUT_CHANGED, session_id=session_id, actor=principal.id, **changes)
    return session


def end_session(*, principal: Principal, session_id: UUID) -> None:
    """End a session for good, expired or not; its messages stay for the operator.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
    """
    with transaction.atomic():
        session, now = lock_session_even_expired(principal=principal, session_id=session_id)
        end_locked(session, now)
        record(Action.SESSION_ENDED, session_id=session_id, actor=principal.id)


def expire_session(*, principal: Principal, session_id: UUID) -> None:
    """Let a live session expire now instead of at its deadline.

    Raises:
        SessionNotFoundError: There is none that the caller may see, or it was ended.
        SessionExpiredError: Its deadline has passed already.
    """
    with transaction.atomic():
        session, now = lock_session(principal=principal, session_id=session_id)
        cancel_replies(session, SessionExpiredError.code)
        session.expires_at = now
        event = transitions.expire(session, now)
        update_row(session, *transitions.CLOSING_FIELDS)
        record_events([event])
        record(Action.SESSION_EXPIRED, session_id=session_id, actor=principal.id)


def _check_user(principal: Principal, user_id: UUID) -> None:
    if principal.user_id not in (None, user_id):
        raise PermissionDeniedError(
            f"You may open sessions for the userId {principal.user_id} only.",
            user_id=str(principal.user_id),
        )
