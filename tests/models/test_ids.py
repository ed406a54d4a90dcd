"""Ids that sort by the time they were made."""

import time
import uuid

from django_eliza_sessions.models.ids import new_id


def test_is_of_version_7():
    made = new_id()

    assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_begins_with_the_time():
    before = time.time_ns() // 1_000_000
    milliseconds = new_id().int >> 80

    assert before <= milliseconds <= time.time_ns() // 1_000_000


def test_sorts_by_the_time(monkeypatch):
    ids = []
    for moment in (1, 2, 2**40, 2**47):
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment * 1_000_000)
        ids.append(new_id())

    assert ids == sorted(ids)


def test_is_new_within_a_millisecond(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    ids = [new_id() for _ in range(1000)]

    varying = 0
    for each in ids:
        varying |= each.int ^ ids[0].int

    assert len(set(ids)) == 1000
    assert varying.bit_count() == 74
