"""JSON, names, times and messages as they are written on the wire."""

import json
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest

from django_eliza_sessions.models import Message, Reply
from django_eliza_sessions.wire import (
    camel,
    epoch_milliseconds,
    history_message,
    timestamp,
    user_message,
    write_json,
)

#: A time with microseconds, of which the last three are not told.
MOMENT = datetime(2026, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)
IMAGE = {"type": "image", "url": "https://example.com/a.png"}


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("session_id", "sessionId"),
        ("max_duration_minutes", "maxDurationMinutes"),
        ("content", "content"),
        ("sessionId", "sessionId"),
        ("", ""),
    ],
)
def test_names_are_in_camel_case(name, written):
    assert camel(name) == written


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=30))])
def test_times_are_in_utc_with_milliseconds(zone):
    assert timestamp(MOMENT.astimezone(zone)) == "2026-01-01T12:00:00.123Z"


def test_times_have_milliseconds_even_if_there_are_none():
    assert timestamp(MOMENT.replace(microsecond=0)) == "2026-01-01T12:00:00.000Z"


def test_times_can_be_milliseconds_since_the_epoch():
    assert epoch_milliseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) == 1000
    # As a floating point number it is a little less.
    assert epoch_milliseconds(MOMENT.replace(microsecond=1000)) % 1000 == 1


@pytest.mark.parametrize("is_agent", [True, False])
def test_messages(is_agent):
    message = Message(
        id=uuid.uuid4(),
        author_id=uuid.uuid4(),
        is_agent=is_agent,
        content="Hello",
        created_at=MOMENT,
        metadata={"snake_case": 1},
    )
    body = {
        "id": str(message.pk),
        "content": "Hello",
        "authorId": str(message.author_id),
        "createdAt": "2026-01-01T12:00:00.123Z",
        "metadata": {"snake_case": 1},
    }
    assert json.loads(write_json(user_message(message))) == body
    assert json.loads(write_json(history_message(message))) == body | {"isAgent": is_agent}


def test_messages_have_attachments_where_there_are_any():
    message = Message(content="Look", created_at=MOMENT, attachments=[IMAGE])
    assert user_message(message)["attachments"] == [IMAGE]


class TestJSON:
    def test_is_as_short_as_can_be(self):
        value = {"é": [1, 2.5, None, True], "id": uuid.UUID(int=10)}
        assert write_json(value).decode() == (
            '{"é":[1,2.5,null,true],"id":"00000000-0000-0000-0000-00000000000a"}'
        )

    @pytest.mark.parametrize("number", [10**999, -(10**999), 2**64, 0.1, 1e20, 5e-324])
    def test_keeps_numbers(self, number):
        assert json.loads(write_json([number])) == [number]

    def test_knows_what_behaves_like_json(self):
        class Text(str):
            pass

        class Table(dict):
            pass

        assert write_json(Table(a=Text("b"), c=(1, Reply.Status.QUEUED))) == (
            b'{"a":"b","c":[1,"queued"]}'
        )

    def test_has_null_for_what_is_no_number(self):
        assert write_json([float("nan"), float("-inf")]) == b"[null,null]"

    def test_refuses_the_rest(self):
        with pytest.raises(TypeError, match="object"):
            write_json({"a": object()})
