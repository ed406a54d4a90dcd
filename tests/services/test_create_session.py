"""Opening a session."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection, transaction

from django_eliza_sessions import signals
from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import (
    AgentNotFoundError,
    InvalidMetadataError,
    InvalidTimeoutConfigError,
    PermissionDeniedError,
    SessionCreationError,
)
from django_eliza_sessions.models import Agent, Event, Session
from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.services.erasure import erase_user
from django_eliza_sessions.services.lifecycle import create_session
from tests.conftest import NOON, minutes
from tests.services.faults import refuse_inserts

pytestmark = pytest.mark.django_db
FIELDS = {
    "timeout_minutes": 10,
    "auto_renew": False,
    "max_duration_minutes": 100,
    "warning_threshold_minutes": 3,
}


def test_stores_what_was_asked_for(agent, owner, clock):
    user_id = uuid.uuid4()

    session = create_session(
        principal=owner, agent_id=agent.pk, user_id=user_id, metadata={"a": 1}
    )

    session = Session.objects.get(pk=session.pk)
    assert session.agent == agent
    assert session.user_id == user_id
    assert session.owner == owner.id
    assert session.metadata == {"a": 1}
    assert session.created_at == session.last_activity_at == session.renewed_at == NOON
    assert session.renewal_count == 0
    assert session.expires_at == NOON + minutes(30)
    assert session.warns_at == session.sweep_at == NOON + minutes(25)
    assert session.channel_id == session.pk


def test_cuts_the_time_to_milliseconds(session_factory, clock):
    clock.move_to(NOON.replace(microsecond=123_999), tick=False)

    assert session_factory().created_at == NOON.replace(microsecond=123_000)


def test_records_and_announces(
    session_factory, received, django_capture_on_commit_callbacks
):
    created = received(signals.session_created)

    with django_capture_on_commit_callbacks(execute=True):
        session = session_factory()
        assert created == []

    assert [arguments["session"] for arguments in created] == [session]
    assert created[0]["sender"] is Session
    assert list(session.events.values_list("sequence", "kind", "deadline")) == [
        (1, Event.Kind.CREATED, None)
    ]


class TestTimeouts:
    def test_settings_apply_where_nothing_else_does(self, session_factory, configure):
        configure(
            SESSION_DEFAULT_TIMEOUT_MINUTES=10,
            SESSION_MAX_DURATION_MINUTES=100,
            SESSION_WARNING_THRESHOLD_MINUTES=3,
        )

        config = session_factory().timeout_config

        assert config.timeout_minutes == 10
        assert config.auto_renew is True
        assert config.max_duration_minutes == 100
        assert config.warning_threshold_minutes == 3

    @pytest.mark.parametrize("field", FIELDS)
    def test_agent_overrides_settings(self, agent_factory, session_factory, field):
        agent = agent_factory(**{field: FIELDS[field]})
        inherited = session_factory().timeout_config

        config = session_factory(agent_id=agent.pk).timeout_config

        assert config == inherited.overridden_by({field: FIELDS[field]})

    @pytest.mark.parametrize("field", FIELDS)
    def test_session_overrides_agent(self, agent_factory, session_factory, field):
        agent = agent_factory(**FIELDS)
        own = True if field == "auto_renew" else 7

        session = session_factory(agent_id=agent.pk, timeouts={field: own})

        for name, value in (FIELDS | {field: own}).items():
            assert getattr(session, name) == value

    @pytest.mark.parametrize("field", FIELDS)
    def test_null_inherits(self, session_factory, field):
        assert (
            session_factory(timeouts={field: None}).timeout_config
            == session_factory().timeout_config
        )

    def test_agent_may_leave_the_limits_of_clients(self, agent_factory, session_factory):
        agent = agent_factory(timeout_minutes=1)

        session = session_factory(agent_id=agent.pk)

        assert session.expires_at == session.created_at + minutes(1)

    def test_limits_follow_the_settings(self, session_factory, configure):
        configure(SESSION_MIN_TIMEOUT_MINUTES=1)

        assert session_factory(timeouts={"timeout_minutes": 1}).timeout_minutes == 1

    def test_shorter_maximum_duration_binds(self, session_factory, clock):
        session = session_factory(timeouts={"max_duration_minutes": 10})

        assert session.expires_at == NOON + minutes(10)
        assert session.is_at_hard_deadline


class TestRefusals:
    @pytest.mark.parametrize("enabled", [None, False], ids=["absent", "disabled"])
    def test_agent(self, session_factory, agent_factory, enabled):
        agent_id = uuid.uuid4()
        if enabled is not None:
            agent_factory(pk=agent_id, enabled=enabled)

        with pytest.raises(AgentNotFoundError) as raised:
            session_factory(agent_id=agent_id)

        assert raised.value.context == {"agent_id": str(agent_id)}
        assert not Session.objects.exists()

    @pytest.mark.parametrize("for_long", [True, False])
    def test_agent_disabled_while_it_is_looked_at(self, session_factory, agent, for_long):
        def disable(execute, sql, params, many, context):
            stores = sql.startswith(("INSERT INTO", "WITH"))
            if stores:
                Agent.objects.update(enabled=False)
            answer = execute(sql, params, many, context)
            if stores and not for_long:
                Agent.objects.update(enabled=True)
            return answer

        with connection.execute_wrapper(disable), pytest.raises(AgentNotFoundError):
            session_factory()
        assert not Session.objects.exists()

    def test_bad_values_come_before_the_agent(self, session_factory):
        with pytest.raises(InvalidMetadataError):
            session_factory(agent_id=uuid.uuid4(), metadata=[])
        with pytest.raises(InvalidTimeoutConfigError):
            session_factory(agent_id=uuid.uuid4(), timeouts={"timeout_minutes": 1})

    def test_database_that_refuses(self, session_factory, received):
        created = received(signals.session_created)
        with (
            connection.execute_wrapper(refuse_inserts),
            pytest.raises(SessionCreationError),
        ):
            session_factory()
        assert created == []


def test_query_count(session_factory, agent, django_assert_num_queries):
    # Savepoint, agent, session with event and audit (or each on its own), release.
    with django_assert_num_queries(4 if connection.vendor == "postgresql" else 6):
        session_factory()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_is_up_to_a_project_that_commits_itself(session_factory):
    transaction.set_autocommit(False)
    try:
        session_factory()
        transaction.rollback()
        assert not Session.objects.exists()
        session_factory()
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    assert Session.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_lives_from_when_it_gets_its_turn(session_factory, agent, clock):
    def shift(execute, sql, params, many, context):
        answer = execute(sql, params, many, context)
        # Whoever else is at it, SQLite waits for here.
        if sql.startswith("BEGIN") or connection.vendor == "postgresql":
            clock.shift(1)
        return answer

    with connection.execute_wrapper(shift):
        session = session_factory()

    assert session.created_at == NOON + timedelta(seconds=1)


@pytest.mark.django_db(transaction=True)
def test_query_count_without_a_transaction(
    session_factory, agent, asked_for, django_assert_num_queries
):
    # Agent, session with event and audit (or a transaction, and each on its own).
    with django_assert_num_queries(2 if connection.vendor == "postgresql" else 6):
        session_factory()
    # The agent is remembered, where the one statement is enough.
    with django_assert_num_queries(1 if connection.vendor == "postgresql" else 6):
        session_factory()


class TestAgentThatIsRemembered:
    """Sessions are stored by what is remembered of their agent, if that still holds."""

    @pytest.fixture(autouse=True)
    def remembered(self, transactional_db, session_factory, asked_for):
        session_factory()

    @pytest.mark.parametrize(
        ("field", "before", "after"),
        [
            ("timeout_minutes", None, 7),
            ("timeout_minutes", 7, 8),
            ("timeout_minutes", 7, None),
            ("auto_renew", None, False),
            ("auto_renew", False, True),
            ("max_duration_minutes", None, 60),
            ("warning_threshold_minutes", 3, None),
        ],
    )
    def test_changes(self, session_factory, agent, field, before, after):
        for value in (before, after):
            Agent.objects.update(**{field: value})
            expected = conf.timeout_config.overridden_by({field: value})

            session = session_factory()

            assert session.timeout_config == expected
            assert Session.objects.get(pk=session.pk).timeout_config == expected
            assert session.expires_at == expected.expires_at(
                created_at=session.created_at, anchor=session.created_at
            )

    def test_is_disabled(self, session_factory, agent):
        Agent.objects.update(enabled=False)
        with pytest.raises(AgentNotFoundError):
            session_factory()
        Agent.objects.update(enabled=True)
        assert session_factory().agent == agent

    def test_is_deleted(self, session_factory, agent):
        Session.objects.all().delete()
        Agent.objects.all().delete()
        with pytest.raises(AgentNotFoundError):
            session_factory()

    def test_is_not_the_callers(self, session_factory, agent):
        stranger = Principal(id="key:app", agent_ids=frozenset([uuid.uuid4()]))
        with pytest.raises(AgentNotFoundError):
            session_factory(principal=stranger)

    def test_changes_while_it_is_read(self, session_factory, agent):
        """Each try finds another agent, until nobody changes it any more."""
        values = iter([11, 12, 13])

        def change(execute, sql, params, many, context):
            if sql.startswith(("INSERT INTO", "WITH")) and (value := next(values, None)):
                Agent.objects.update(timeout_minutes=value)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(change):
            session = session_factory()
        assert session.timeout_minutes == 13

    def test_changes_and_changes_back(self, session_factory, agent):
        def change(execute, sql, params, many, context):
            if not (sql.startswith(("INSERT INTO", "WITH")) and next(once, False)):
                return execute(sql, params, many, context)
            Agent.objects.update(timeout_minutes=7)
            answer = execute(sql, params, many, context)
            Agent.objects.update(timeout_minutes=None)
            return answer

        once = iter([True])
        with connection.execute_wrapper(change):
            assert session_factory().timeout_minutes == 30

    def test_is_disabled_for_a_user_who_was_erased(self, session_factory, agent):
        user_id = uuid.uuid4()
        erase_user(principal=SYSTEM, user_id=user_id)
        Agent.objects.update(enabled=False)
        with pytest.raises(AgentNotFoundError):
            session_factory(user_id=user_id)
        Agent.objects.update(enabled=True)
        with pytest.raises(PermissionDeniedError):
            session_factory(user_id=user_id)
