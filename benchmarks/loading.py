"""A database with as many sessions as wanted, each with five messages.

Values are prepared by the models' fields, and stored by ``COPY``. Everything is as a
service leaves it that has run for long: replies complete, events handed out and purged,
deadlines ahead.
"""

import random
import sys
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.db import connection, connections, models, transaction

from benchmarks.operations import AGENT_ID
from django_eliza_sessions.models import Agent, Event, Message, Reply, Session
from django_eliza_sessions.services import clock
from django_eliza_sessions.timeouts import TimeoutConfig

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

#: Of a row's fields, those that differ from row to row.
Values = dict[str, Any]


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
    sessions = [_session(user_id, now, chance) for user_id in users]
    messages = [message for session in sessions for message in _messages(session, chance)]
    replies = (
        _reply(asked, answer, chance)
        for asked, answer in pairwise(messages)
        if answer["is_agent"] and asked["session_id"] == answer["session_id"]
    )
    config = {name: getattr(CONFIG, name) for name in TimeoutConfig.__dataclass_fields__}
    metadata = {"source": "benchmark"}
    _store(Session(agent_id=AGENT_ID, owner=owner, metadata=metadata, **config), sessions)
    _store(Message(), messages)
    _store(Reply(status=Reply.Status.COMPLETE, attempts=1), replies)


def _session(user_id: uuid.UUID, now: datetime, chance: random.Random) -> Values:
    count = LONG_MESSAGES if user_id == TALKATIVE else MESSAGES
    created_at = now - timedelta(seconds=chance.uniform(600, 30 * 24 * 60 * 60))
    last_message_at = created_at + timedelta(seconds=count - 1)
    expires_at = CONFIG.expires_at(created_at=created_at, anchor=last_message_at)
    warns_at = CONFIG.warns_at(expires_at)
    return {
        "id": _uuid(chance),
        "user_id": user_id,
        "created_at": created_at,
        "last_activity_at": last_message_at,
        "renewed_at": last_message_at,
        "expires_at": expires_at,
        "warns_at": warns_at,
        "sweep_at": warns_at,
        "message_count": count,
        "last_message_at": last_message_at,
        "last_sequence": 1 + 2 * count,
    }


def _messages(session: Values, chance: random.Random) -> Iterator[Values]:
    """Make a session's messages; the agent begins, and it and the user take turns."""
    for number in range(session["message_count"]):
        is_agent = number % 2 == 0
        yield {
            "id": _uuid(chance),
            "session_id": session["id"],
            "author_id": AGENT_ID if is_agent else session["user_id"],
            "is_agent": is_agent,
            "content": "How do you do. What is your problem?" if is_agent else "Hello",
            "created_at": session["created_at"] + timedelta(seconds=number),
        }


def _reply(asked: Values, answer: Values, chance: random.Random) -> Values:
    return {
        "id": _uuid(chance),
        "session_id": asked["session_id"],
        "message_id": asked["id"],
        "answer_id": answer["id"],
        "lease_until": answer["created_at"],
        "created_at": asked["created_at"],
        "started_at": asked["created_at"],
        "finished_at": answer["created_at"],
    }


def _store(template: models.Model, rows: Iterable[Values]) -> None:
    """Store rows that are as the template, but for these values."""
    database = connections["default"]
    fields = template._meta.concrete_fields
    same = [
        field.get_db_prep_save(getattr(template, field.attname), database)
        for field in fields
    ]
    places = {field.attname: (place, field) for place, field in enumerate(fields)}

    def prepare(values: Values) -> list[Any]:
        row = same.copy()
        for name, value in values.items():
            place, field = places[name]
            row[place] = field.get_db_prep_save(value, database)
        return row

    table = database.ops.quote_name(template._meta.db_table)
    columns = ", ".join(database.ops.quote_name(field.column or "") for field in fields)
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for values in rows:
                    copy.write_row(prepare(values))
        else:
            marks = ", ".join(["%s"] * len(fields))
            insert = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
            cursor.executemany(insert, [prepare(values) for values in rows])


def _uuid(chance: random.Random) -> uuid.UUID:
    return uuid.UUID(int=chance.getrandbits(128), version=4)
