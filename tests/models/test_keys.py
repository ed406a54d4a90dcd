"""Keys that sort by the time they were made."""

import time
import uuid

from django_eliza_sessions.models.keys import new_key


def test_is_of_version_7():
    key = new_key()

    assert (key.version, key.variant) == (7, uuid.RFC_4122)


def test_begins_with_the_time():
    before = time.time_ns() // 1_000_000
    milliseconds = new_key().int >> 80

    assert before <= milliseconds <= time.time_ns() // 1_000_000


def test_sorts_by_the_time(monkeypatch):
    keys = []
    for moment in (1, 2, 2**40, 2**47):
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment * 1_000_000)
        keys.append(new_key())

    assert keys == sorted(keys)


def test_is_new_within_a_millisecond(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    keys = [new_key() for _ in range(1000)]

    varying = 0
    for key in keys:
        varying |= key.int ^ keys[0].int

    assert len(set(keys)) == 1000
    assert varying.bit_count() == 74
