"""A database with as many sessions as wanted, each with five messages.

Rows are made by the models and stored by ``COPY``. Everything is as a service leaves it
that has run for long: replies complete, events handed out and purged, deadlines ahead.
"""

import random
import sys
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from django.db import connection, models, transaction

from django_eliza_sessions.models import Agent, Event, Message, Reply, Session
from django_eliza_sessions.services import clock
from django_eliza_sessions.timeouts import TimeoutConfig

AGENT_ID = uuid.UUID("3c90c3cc-0d44-4b50-8888-8dd25736052a")
#: Whose sessions have a long history.
TALKATIVE = uuid.UUID("11111111-2222-4333-8444-555555555555")
LONG, MESSAGES, LONG_MESSAGES = 20, 5, 200
#: Sessions per transaction, and how many are asked about while measuring.
BATCH, SAMPLE = 10_000, 10_000
YEAR = 365 * 24 * 60
CONFIG = TimeoutConfig(
    timeout_minutes=YEAR,
    auto_renew=True,
    max_duration_minutes=10 * YEAR,
    warning_threshold_minutes=5,
)


def fill(owner: str, count: int) -> None:
    """Store the agent and the sessions, unless they are there from an earlier run."""
    if Agent.objects.filter(pk=AGENT_ID).exists():
        return
    chance = random.Random(1)
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        users = [_uuid(chance) for _ in range(size)]
        if not start:
            users[:0] = [TALKATIVE] * LONG
        with transaction.atomic():
            if not start:
                Agent.objects.create(
                    pk=AGENT_ID,
                    name="Bench",
                    backend="canned",
                    timeout_minutes=YEAR,
                    max_duration_minutes=10 * YEAR,
                )
            _fill_batch(owner, users, chance)
        print(f"\rloaded {start + size} of {count} sessions", end="", file=sys.stderr)
    print(file=sys.stderr)


def settle() -> None:
    """Leave nothing to a worker: what is measured next has nothing to do with it."""
    now = clock.now()
    Reply.objects.unfinished().update(status=Reply.Status.CANCELLED, finished_at=now)
    Event.objects.exclude(relay_at=None).update(relay_at=None)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")


def write_sample(directory: Path) -> tuple[Path, Path]:
    """Write the ids of sessions to ask about to files: of any, and of the long ones."""
    files = directory / "sessions", directory / "long_sessions"
    anyhow = Session.objects.exclude(user_id=TALKATIVE).order_by("?")[:SAMPLE]
    for file, sessions in zip(
        files, (anyhow, Session.objects.of_user(TALKATIVE)), strict=True
    ):
        ids = sessions.values_list("pk", flat=True)
        file.write_text("".join(f"{session_id}\n" for session_id in ids))
    return files


def _fill_batch(owner: str, users: list[uuid.UUID], chance: random.Random) -> None:
    now = clock.now()
    sessions = [_session(owner, user_id, now, chance) for user_id in users]
    messages = [
        _message(session, number, chance)
        for session in sessions
        for number in range(session.message_count)
    ]
    replies = (
        _reply(asked, answer)
        for asked, answer in pairwise(messages)
        if answer.is_agent and asked.session_id == answer.session_id
    )
    _store(Session, sessions)
    _store(Message, messages)
    _store(Reply, replies)


def _session(
    owner: str, user_id: uuid.UUID, now: datetime, chance: random.Random
) -> Session:
    count = LONG_MESSAGES if user_id == TALKATIVE else MESSAGES
    created_at = now - timedelta(seconds=chance.uniform(600, 30 * 24 * 60 * 60))
    last_message_at = created_at + timedelta(seconds=count - 1)
    session = Session(
        id=_uuid(chance),
        agent_id=AGENT_ID,
        user_id=user_id,
        owner=owner,
        metadata={"source": "benchmark"},
        **{field: getattr(CONFIG, field) for field in TimeoutConfig.__dataclass_fields__},
        created_at=created_at,
        last_activity_at=last_message_at,
        renewed_at=last_message_at,
        message_count=count,
        last_message_at=last_message_at,
        last_sequence=1 + 2 * count,
    )
    session.expires_at = CONFIG.expires_at(created_at=created_at, anchor=last_message_at)
    session.warns_at = session.sweep_at = CONFIG.warns_at(session.expires_at)
    return session


def _message(session: Session, number: int, chance: random.Random) -> Message:
    """Make one message; the agent begins, and it and the user take turns."""
    is_agent = number % 2 == 0
    return Message(
        id=_uuid(chance),
        session_id=session.pk,
        author_id=AGENT_ID if is_agent else session.user_id,
        is_agent=is_agent,
        content="How do you do. Please tell me your problem." if is_agent else "Hello",
        metadata={},
        attachments=[],
        created_at=session.created_at + timedelta(seconds=number),
    )


def _reply(asked: Message, answer: Message) -> Reply:
    return Reply(
        session_id=asked.session_id,
        message=asked,
        answer_id=answer.pk,
        status=Reply.Status.COMPLETE,
        attempts=1,
        lease_until=answer.created_at,
        created_at=asked.created_at,
        started_at=asked.created_at,
        finished_at=answer.created_at,
    )


def _store(model: type[models.Model], rows: Iterable[models.Model]) -> None:
    fields = model._meta.concrete_fields
    prepared: Iterator[list[object]] = (
        [
            field.get_db_prep_save(getattr(row, field.attname), connection)
            for field in fields
        ]
        for row in rows
    )
    table = connection.ops.quote_name(model._meta.db_table)
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in prepared:
                    copy.write_row(row)
        else:
            places = ", ".join(["%s"] * len(fields))
            cursor.executemany(
                f"INSERT INTO {table} ({columns}) VALUES ({places})", prepared
            )


def _uuid(chance: random.Random) -> uuid.UUID:
    return uuid.UUID(int=chance.getrandbits(128), version=4)
