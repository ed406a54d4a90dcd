"""The one statement that renews sessions (contract, "Lifetime"), and adds to them.

What is added, messages and events and replies, is counted by the same statement, and
stored together with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import cast
from uuid import UUID

from django.db import connection, models

from django_eliza_sessions.models.agent import Agent
from django_eliza_sessions.models.columns import among, many, own_connection, prepared
from django_eliza_sessions.models.event import Event
from django_eliza_sessions.models.message import Message
from django_eliza_sessions.models.reading import limits_param, saying_for
from django_eliza_sessions.models.renewing import (
    function,
    is_renewable,
    one,
    renewal,
    shifted,
)
from django_eliza_sessions.models.reply import Reply
from django_eliza_sessions.models.session import Session
from django_eliza_sessions.models.statements import Statement, returning
from django_eliza_sessions.models.together import Change, change_and_insert
from django_eliza_sessions.principals import Principal


def update_session(
    session_id: UUID,
    now: datetime,
    *,
    rows: Sequence[models.Model] = (),
    is_sign_of_life: bool = True,
    by_hand: bool = False,
    caller: Principal | None = None,
    ending: Change | None = None,
    limits: Mapping[str, int] | None = None,
) -> Session | None:
    """Note a sign of life in a live session, renew it if it renews itself, and add to it.

    Whether it is live is asked of the row that is changed, so that whoever changes it at
    the same moment comes before or after. ``sweep_at`` stays unless the next warning is
    due sooner, and with it every index: PostgreSQL can update the row in place.

    What is nothing but a sign of life, and in no transaction, is answered before it is on
    disk, where PostgreSQL has it within a second unless it crashes (docs/production.md).

    Args:
        session_id: Which session.
        now: The moment of the activity.
        rows: What to add: at most one message, and events and a reply, unsaved. ``F``
            stands for what the session then has: its ``last_sequence`` counts all the
            events, and its ``last_message_at`` is the message's time, which is at least
            a millisecond after the last one's, so that a time is an exact place in the
            history. A reply that is held already needs a ``caller``: it is added only
            if no other one is unfinished.
        is_sign_of_life: Otherwise only add to it, and without a ``caller`` also to one
            that is over.
        by_hand: Renew it whatever its ``auto_renew`` says, or else do nothing.
        caller: Who asks for a session that nobody has locked and looked at for them. Then
            nothing is done if they may not see it, if it is over, or if there is something
            to wait for or to look at: somebody else has locked the row, or, with a
            message of the user's, its agent is disabled or does not simply let messages
            wait. So ``now`` still is the present. Only where the database can tell.
        ending: What becomes of a reply at the same time. Nothing is done if its row has
            another status or fencing number by now, or, with a caller, if it is locked or
            another reply is unfinished.
        limits: How many earlier messages backends are told, by their aliases, where a
            reply is added that is held already.

    Returns:
        The session as stored; where a reply is taken with it, with its agent, and on
        PostgreSQL the reply has what its backend is told, if its limit is given; ``None``
        where nothing was done: there is none, it is over, it is to be renewed by hand and
        already lasts until its maximum duration, or for what ``caller`` and ``ending``
        say.
    """
    owner, agent_ids = (caller.sees_only, caller.agent_ids) if caller else (None, None)
    values: dict[str, tuple[type[models.Model], str, object]] = {
        "id": (Session, "id", session_id),
        "now": (Session, "last_activity_at", now),
    }
    if owner is not None:
        values["owner"] = (Session, "owner", owner)
    if ending is not None:
        for name in ("id", *Reply.FENCE):
            values[f"reply_{name}"] = (Reply, name, getattr(ending.row, name))
    own = own_connection()
    is_alone = not rows and not by_hand and own.get_autocommit()
    taken = next(
        (r for r in rows if isinstance(r, Reply) and r.status == Reply.Status.RUNNING), None
    )
    statement = _statement(
        _Shape(
            is_sign_of_life=is_sign_of_life,
            by_hand=by_hand,
            if_free=caller is not None,
            may_be_lost=is_alone and own.vendor == "postgresql",
            is_owned=owner is not None,
            is_for_agents=agent_ids is not None,
            ends_reply=ending is not None,
            takes_reply=taken is not None,
            has_message=any(isinstance(row, Message) for row in rows),
            events=sum(isinstance(row, Event) for row in rows),
        )
    )
    params = prepared(**values)
    if agent_ids is not None:
        params["agents"] = many(Agent, agent_ids)
    if taken is None:
        return cast("Session | None", change_and_insert(statement, params, rows, ending))
    # Who takes a reply talks to the agent next.
    params |= limits_param(limits or {})
    told = saying_for("t0.id", "t0.last_message_at", "t1.backend")
    found = change_and_insert(statement, params, rows, ending, ("agent",), told)
    if found is not None:
        taken.told = found.told
    return cast("Session | None", found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What makes one statement another."""

    is_sign_of_life: bool
    by_hand: bool
    if_free: bool
    may_be_lost: bool
    is_owned: bool
    is_for_agents: bool
    ends_reply: bool
    takes_reply: bool
    has_message: bool
    events: int


@cache
def _statement(shape: _Shape) -> Statement:
    changes = [*_counted(shape)]
    if shape.is_sign_of_life:
        changes.append(renewal(by_hand=shape.by_hand))
    return returning(
        Session,
        f"UPDATE {Session._meta.db_table} AS t0 "
        f"SET {', '.join(changes)} "
        f"WHERE {' AND '.join(_conditions(shape))}",
    )


def _counted(shape: _Shape) -> Iterator[str]:
    if shape.has_message:
        later = shifted("last_message_at", "+", one("millisecond"))
        next_free = f"COALESCE({later}, %(now)s)"
        yield "message_count = message_count + 1"
        yield f"last_message_at = {function('greatest', '%(now)s', next_free)}"
    if shape.events:
        yield f"last_sequence = last_sequence + {shape.events:d}"


def _conditions(shape: _Shape) -> Iterator[str]:
    row = "%(id)s"
    if shape.if_free:
        row = f"(SELECT id FROM {Session._meta.db_table} WHERE id = {row} {_lock(shape)})"
    yield f"t0.id = {row}"
    if shape.is_sign_of_life or shape.if_free:
        yield "closed_at IS NULL"
        yield "expires_at > %(now)s"
    if shape.by_hand:
        yield is_renewable()
    if shape.may_be_lost:
        # Until the transaction ends, which is this statement.
        yield "set_config('synchronous_commit', 'off', true) = 'off'"
    yield from _permissions(shape)
    yield from _nobody_waits(shape)
    if shape.ends_reply:
        held = " AND ".join(f"{name} = %(reply_{name})s" for name in ("id", *Reply.FENCE))
        # Of this row, so that it is locked after it, as everybody does.
        held += " AND t0.id = %(id)s"
        yield f"EXISTS (SELECT 1 FROM {Reply._meta.db_table} WHERE {held} {_lock(shape)})"
    elif shape.if_free and shape.has_message:  # The user's, for it ends no reply.
        yield (
            f"EXISTS (SELECT 1 FROM {Agent._meta.db_table} agent "
            "WHERE agent.id = t0.agent_id AND agent.enabled "
            f"AND agent.when_busy = '{Agent.WhenBusy.ENQUEUE}')"
        )


def _nobody_waits(shape: _Shape) -> Iterator[str]:
    if not shape.if_free or not (shape.ends_reply or shape.takes_reply):
        return
    other = " AND id <> %(reply_id)s" if shape.ends_reply else ""
    # As ``Reply.IN_TURN`` asks.
    yield (
        f"(SELECT min(created_at) FROM {Reply._meta.db_table} WHERE session_id = t0.id "
        f"AND status IN ('queued', 'running'){other}) IS NULL"
    )
    # A reply that came since this statement began to look was not seen. Its message was:
    # the row that is changed is read again once it is locked, and this subquery is not.
    seen = f"SELECT message_count FROM {Session._meta.db_table} WHERE id = %(id)s"
    yield f"message_count = ({seen})"


def _permissions(shape: _Shape) -> Iterator[str]:
    if shape.is_owned:
        yield "owner = %(owner)s"
    if shape.is_for_agents:
        yield among("agent_id", "agents")


def _lock(shape: _Shape) -> str:
    if not connection.features.has_select_for_no_key_update:
        return ""
    return "FOR NO KEY UPDATE SKIP LOCKED" if shape.if_free else "FOR NO KEY UPDATE"
