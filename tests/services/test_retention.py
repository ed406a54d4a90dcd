"""How long sessions are kept, by setting and by agent, and what becomes of them then."""

import pytest
from django.db import OperationalError, connection

from benchmarks.rows import add_sessions
from django_eliza_sessions.exceptions import SessionNotFoundError
from django_eliza_sessions.models import (
    Event,
    IdempotencyKey,
    Message,
    ReplyChunk,
    Session,
    WebhookDelivery,
)
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import retention, userdata
from django_eliza_sessions.services.ending import end_all_sessions
from django_eliza_sessions.services.erasure import erase_user
from django_eliza_sessions.services.export import export_user
from django_eliza_sessions.services.holds import hold_session, lift_hold
from django_eliza_sessions.services.lookup import get_session
from django_eliza_sessions.services.sweep import purge_sessions
from django_eliza_sessions.services.userdata import NOBODY
from tests.conftest import minutes
from tests.services.everything import SECRETS, Person, found_in_tables

pytestmark = pytest.mark.django_db
DAY = minutes(24 * 60)


@pytest.fixture
def after(clock):
    """End everything and let some days pass, and a minute."""

    def pass_by(days):
        end_all_sessions()
        clock.shift(days * DAY + minutes(1))

    return pass_by


class TestOfAgents:
    @pytest.fixture
    def sessions(self, session_factory, agent_factory):
        def make(*policies):
            return [
                session_factory(
                    agent_id=agent_factory(retention_days=days, retention_action=action).pk
                )
                for days, action in policies
            ]

        return make

    def left(self):
        return set(Session.objects.filter(anonymised_at=None))

    def test_its_own_days_count_and_not_those_of_the_setting(
        self, sessions, after, configure
    ):
        configure(RETENTION_DAYS=7)
        _, same, longer = sessions((2, ""), (None, ""), (30, ""))
        after(2)
        assert purge_sessions() == 1
        assert self.left() == {same, longer}
        after(5)
        assert purge_sessions() == 1
        assert self.left() == {longer}
        after(23)
        assert purge_sessions() == 1

    def test_an_agent_may_have_days_where_there_is_no_setting(self, sessions, after):
        _, inherited = sessions((2, ""), (None, ""))
        after(1000)
        assert purge_sessions() == 1
        assert self.left() == {inherited}

    def test_its_own_action_counts(self, sessions, after, configure):
        configure(RETENTION_DAYS=2, RETENTION_ACTION="anonymise")
        sessions((None, "delete"), (None, ""), (None, "anonymise"))
        after(2)
        assert purge_sessions() == 3
        assert Session.objects.count() == 2
        assert self.left() == set()
        assert purge_sessions() == 0


class TestAnonymising:
    @pytest.fixture(autouse=True)
    def asked(self, configure):
        configure(RETENTION_DAYS=2, RETENTION_ACTION="anonymise")

    @pytest.fixture
    def person(self):
        return Person()

    @pytest.mark.parametrize("rows", [3, 1000])
    def test_keeps_the_numbers_and_nothing_else(
        self, person, agent, after, monkeypatch, rows
    ):
        monkeypatch.setattr(userdata, "ROWS", rows)
        session = person.talk(agent)
        after(2)
        session.refresh_from_db()

        assert purge_sessions() == 1

        # What operators were told stays with them, and the log of the admin.
        traces = [*SECRETS, str(person.user_id), person.principal.id]
        assert {
            table
            for table, _, _ in found_in_tables(traces)
            if table != "django_eliza_sessions_webhookendpoint"
        } == set()
        kept = Session.objects.get()
        changed = {"user_id", "owner", "metadata", "anonymised_at"}
        for field in Session._meta.concrete_fields:
            if field.name not in changed:
                assert getattr(kept, field.attname) == getattr(session, field.attname)
        assert kept.user_id == NOBODY
        assert kept.message_count == kept.messages.count() == 2
        assert kept.replies.get().input_tokens == 7
        for model in (Event, IdempotencyKey, ReplyChunk, WebhookDelivery):
            assert not model.objects.exists()

    def test_goes_on_after_a_crash(self, person, agent, after, monkeypatch):
        monkeypatch.setattr(userdata, "ROWS", 3)
        person.talk(agent)
        after(2)
        seen = []

        def fail(execute, sql, params, many, context):
            seen.append(sql)
            if len(seen) == 30:
                raise OperationalError("the server is gone")
            return execute(sql, params, many, context)

        with connection.execute_wrapper(fail), pytest.raises(OperationalError):
            purge_sessions()
        assert not Session.objects.exclude(anonymised_at=None).exists()

        assert purge_sessions() == 1
        assert not Message.objects.exclude(content="").exists()

    def test_is_nobodys_from_then_on(self, person, agent, after):
        session = person.talk(agent)
        after(2)
        purge_sessions()

        with pytest.raises(SessionNotFoundError):
            get_session(principal=person.principal, session_id=session.pk)
        assert list(export_user(principal=SYSTEM, user_id=NOBODY)) == []
        erase_user(principal=SYSTEM, user_id=NOBODY)
        assert Session.objects.exists()

    def test_a_user_may_be_called_like_nobody(self, agent, after):
        session = Person(user_id=NOBODY).talk(agent)
        after(2)
        assert purge_sessions() == 1
        assert set(session.messages.values_list("content", flat=True)) == {""}
        assert not Message.objects.filter(metadata__isnull=True).exists()
        assert [message.metadata for message in session.messages.all()] == [{}, {}]


@pytest.mark.parametrize("action", ["delete", "anonymise"])
def test_a_hold_keeps_a_session_as_it_is(session, after, configure, action):
    configure(RETENTION_DAYS=2, RETENTION_ACTION=action)
    hold_session(principal=SYSTEM, session_id=session.pk, reason="Case 7")
    after(100)
    before = Session.objects.values().get()
    assert purge_sessions() == 0
    assert Session.objects.values().get() == before

    lift_hold(principal=SYSTEM, session_id=session.pk)
    assert purge_sessions() == 1


@pytest.mark.parametrize("action", ["delete", "anonymise"])
def test_takes_few_rows_at_a_time(
    session_factory, agent, after, configure, monkeypatch, action
):
    configure(RETENTION_DAYS=2, RETENTION_ACTION=action)
    monkeypatch.setattr(userdata, "ROWS", 4)
    monkeypatch.setattr(retention, "BATCH", 2)
    people = [Person() for _ in range(3)]
    for person in people:
        person.talk(agent)
    after(2)
    assert purge_sessions() == 3
    names = [str(person.user_id) for person in people]
    assert found_in_tables(names) == set()


def test_what_is_due_is_found_by_an_index(session):
    sessions = Session.objects.outlived(session.created_at).filter(
        agent__in=[session.agent_id]
    )
    add_sessions(1000, agent_id=session.agent_id)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    assert "eliza_session_to_purge" in sessions.explain()
