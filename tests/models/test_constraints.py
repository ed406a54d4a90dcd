"""What the database itself refuses, whoever writes."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import CheckConstraint, ProtectedError

from django_eliza_sessions.models import Event, Message, Reply, ReplyChunk, Session
from tests.conftest import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def refuses(name):
    return pytest.raises(IntegrityError, match=name)


def make_message(session, created_at=NOON):
    return Message.objects.create(
        session=session,
        author_id=uuid.uuid4(),
        is_agent=False,
        content="Hello",
        created_at=created_at,
    )


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"closed_at": NOON}, id="closed-without-a-reason"),
        pytest.param({"close_reason": "ended"}, id="reason-without-closing"),
        pytest.param({"closed_at": NOON, "close_reason": "bored"}, id="unknown-reason"),
        pytest.param({"closed_at": NOON, "close_reason": "ended"}, id="closed-yet-due"),
    ],
)
def test_session_is_closed_for_a_reason_or_not_at_all(session, fields):
    with refuses("eliza_session_closed_for_a_reason"):
        Session.objects.filter(pk=session.pk).update(**fields)


def test_session_ends_after_its_start(session):
    with refuses("eliza_session_ends_after_start"):
        Session.objects.filter(pk=session.pk).update(
            expires_at=session.created_at - timedelta(milliseconds=1)
        )


@pytest.mark.postgresql
@pytest.mark.parametrize("model", [Session, Message, Reply, ReplyChunk, Event])
def test_nothing_else_is_checked_each_time_a_row_is_written(model):
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    checks = {name for name, about in found.items() if about["check"]}
    declared = [c for c in model._meta.constraints if isinstance(c, CheckConstraint)]
    assert checks == {check.name for check in declared}


def test_one_message_per_moment(session):
    make_message(session)

    with pytest.raises(IntegrityError), transaction.atomic():
        make_message(session)
    make_message(session, NOON + timedelta(milliseconds=1))


def test_moments_are_counted_per_session(session_factory):
    make_message(session_factory())
    make_message(session_factory())


def test_events_are_numbered(session):
    with pytest.raises(IntegrityError):
        Event.objects.create(session=session, sequence=1, kind="ended", created_at=NOON)


@pytest.mark.parametrize("kind", ["warned", "expired"])
def test_one_event_per_deadline(session, kind):
    fields = {"session": session, "kind": kind, "deadline": NOON, "created_at": NOON}
    Event.objects.create(sequence=2, **fields)

    with pytest.raises(IntegrityError):
        Event.objects.create(sequence=3, **fields)


def test_one_reply_per_message(session):
    reply = make_reply(session)

    with pytest.raises(IntegrityError):
        make_reply(session, message=reply.message)


def make_reply(session, **fields):
    fields = {"lease_until": NOON, "created_at": NOON, "session": session} | fields
    if "message" not in fields:
        moment = NOON + timedelta(milliseconds=Message.objects.count())
        fields["message"] = make_message(session, moment)
    return Reply.objects.create(**fields)


def test_one_running_reply_per_session(session, session_factory):
    for status in Reply.Status:
        make_reply(session, status=status)
    make_reply(session_factory(), status=Reply.Status.RUNNING)

    with pytest.raises(IntegrityError):
        make_reply(session, status=Reply.Status.RUNNING)


def test_chunks_of_a_reply_are_numbered(session):
    reply = make_reply(session)
    reply.chunks.create(index=0, text="Hel")

    with pytest.raises(IntegrityError):
        reply.chunks.create(index=0, text="lo")


def test_agent_with_sessions_cannot_be_deleted(session, agent):
    with pytest.raises(ProtectedError):
        agent.delete()
