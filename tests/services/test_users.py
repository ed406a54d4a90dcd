"""Ending everything of a user, and of a Django user who was deactivated."""

import uuid

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection

from django_eliza_sessions import signals
from django_eliza_sessions.models import Event, Reply, Session
from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.services import ending
from django_eliza_sessions.services.access import user_id_of
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.users import (
    end_sessions_of_django_user,
    end_sessions_of_user,
)
from tests.conftest import minutes

pytestmark = pytest.mark.django_db
USER_ID = uuid.UUID("3c90c3cc-0d44-4b50-8888-8dd25736052a")


def test_ends_each_as_if_it_were_the_only_one(
    session_factory, handed_out, received, django_capture_on_commit_callbacks
):
    ended = received(signals.session_ended)
    cancelled = received(signals.reply_cancelled)
    sessions = [session_factory(user_id=USER_ID) for _ in range(3)]
    other = session_factory()
    send_message(principal=SYSTEM, session_id=sessions[0].pk, content="Hello")

    with django_capture_on_commit_callbacks(execute=True):
        assert end_sessions_of_user(principal=SYSTEM, user_id=USER_ID) == 3

    assert {heard["session"] for heard in ended} == set(sessions)
    assert len(cancelled) == 1
    assert Reply.objects.get().status == Reply.Status.CANCELLED
    other.refresh_from_db()
    assert other.closed_at is None
    assert end_sessions_of_user(principal=SYSTEM, user_id=USER_ID) == 0
    assert Event.objects.filter(kind=Event.Kind.ENDED).count() == 3


@pytest.mark.django_db(transaction=True)
def test_works_in_batches_that_stay_done(session_factory, monkeypatch):
    monkeypatch.setattr(ending, "BATCH", 2)
    for _ in range(5):
        session_factory(user_id=USER_ID)
    endings = []

    def fail(execute, sql, params, many, context):
        endings.extend([sql] if "close_reason = 'ended'" in sql else [])
        if len(endings) == 2:
            raise OperationalError("the server is gone")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail), pytest.raises(OperationalError):
        end_sessions_of_user(principal=SYSTEM, user_id=USER_ID)
    assert Session.objects.ended().count() == 2
    assert end_sessions_of_user(principal=SYSTEM, user_id=USER_ID) == 3


def test_leaves_alone_what_is_over(session_factory, clock):
    session_factory(user_id=USER_ID)
    clock.shift(minutes(30))
    assert end_sessions_of_user(principal=SYSTEM, user_id=USER_ID) == 0


def test_ends_only_what_the_caller_may_see(session_factory, owner, stranger):
    own = session_factory(user_id=USER_ID, principal=owner)
    session_factory(user_id=USER_ID, principal=stranger)
    assert end_sessions_of_user(principal=owner, user_id=USER_ID) == 1
    assert Session.objects.ended().get() == own


class TestDjangoUser:
    @pytest.fixture
    def user(self):
        return get_user_model().objects.create_user("ada")

    @pytest.fixture
    def sessions(self, user, session_factory):
        """What the user opened, what is for them, and what is somebody else's."""
        opened = session_factory(principal=Principal(id=f"user:{user.pk}"))
        for_them = session_factory(user_id=user_id_of(user))
        # Whose number begins with the user's.
        session_factory(principal=Principal(id=f"user:{user.pk}0"))
        return opened, for_them

    def test_ends_what_they_opened_and_what_is_for_them(self, user, sessions):
        assert end_sessions_of_django_user(user) == 2
        assert set(Session.objects.ended()) == set(sessions)

    def test_deactivating_ends_what_they_opened(
        self, user, sessions, django_capture_on_commit_callbacks
    ):
        user.is_active = False
        with django_capture_on_commit_callbacks(execute=True):
            user.save()
            assert not Session.objects.ended().exists()
        assert Session.objects.ended().get() == sessions[0]

    def test_deleting_ends_what_they_opened(
        self, user, sessions, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            user.delete()
        assert Session.objects.ended().get() == sessions[0]

    def test_no_deactivation_ends_nothing(
        self, user, sessions, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            user.save()
            user.is_active = False
            user.save(update_fields=["last_login"])
            user.save_base(raw=True)
        assert callbacks == []


@pytest.mark.django_db(transaction=True)
def test_a_deactivation_is_saved_even_if_ending_fails(caplog):
    user = get_user_model().objects.create_user("ada")
    user.is_active = False
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_eliza_sessions_session RENAME TO hidden")
    try:
        user.save()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE hidden RENAME TO django_eliza_sessions_session")
    assert "Error calling" in caplog.text
    assert not get_user_model().objects.get().is_active
