"""The statement that renews sessions keeps the rules that the arithmetic states."""

import uuid
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.forms.models import model_to_dict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_eliza_sessions.models import Agent, Event, Message, Reply, Session, activity
from django_eliza_sessions.models.activity import update_session
from django_eliza_sessions.models.together import Change
from django_eliza_sessions.principals import SYSTEM, Principal
from django_eliza_sessions.timeouts import TimeoutConfig
from tests.conftest import NOON
from tests.services.race import meanwhile, somebody_waits, wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

ACTIVITY_FIELDS = (
    "last_activity_at",
    "renewed_at",
    "renewal_count",
    "expires_at",
    "warns_at",
    "sweep_at",
)
MINUTES = st.integers(1, 2880)
#: Whole seconds are stored otherwise than their parts on SQLite, so both are wanted.
MOMENTS = st.one_of(
    st.integers(0, 3_000_000).map(lambda ms: timedelta(milliseconds=ms)),
    st.integers(0, 60).map(lambda minutes: timedelta(minutes=minutes)),
)


def new_reply(said, **fields):
    moments = {"created_at": F("last_message_at"), "lease_until": NOON}
    return Reply(session_id=said.session_id, message=said, **moments, **fields)


def queue(session):
    said = message(session)
    reply = new_reply(said)
    update_session(session.pk, NOON, rows=[said, reply])
    return reply


def end(reply, now=NOON):
    ending = Change(reply, {"status": "complete"})
    rows = [message(reply.session)]
    fields = {"is_sign_of_life": False, "caller": SYSTEM, "ending": ending}
    return update_session(reply.session_id, now, rows=rows, **fields)


def values(session):
    return {field: getattr(session, field) for field in ACTIVITY_FIELDS}


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    config=st.builds(
        TimeoutConfig,
        timeout_minutes=MINUTES,
        auto_renew=st.booleans(),
        max_duration_minutes=MINUTES,
        warning_threshold_minutes=MINUTES,
    ),
    anchor=MOMENTS,
    later=MOMENTS,
    by_hand=st.booleans(),
    is_warned=st.booleans(),
)
def test_renews_as_the_rules_say(session, config, anchor, later, by_hand, is_warned):
    renewed_at, now = NOON + anchor, NOON + anchor + later
    expires_at = config.expires_at(created_at=NOON, anchor=renewed_at)
    if expires_at < NOON:
        return
    Session.objects.filter(pk=session.pk).update(
        created_at=NOON,
        last_activity_at=renewed_at,
        renewed_at=renewed_at,
        renewal_count=3,
        expires_at=expires_at,
        warns_at=config.warns_at(expires_at),
        warned_for=expires_at if is_warned else None,
        sweep_at=expires_at if is_warned else config.warns_at(expires_at),
        **{field: getattr(config, field) for field in TimeoutConfig.__dataclass_fields__},
    )
    before = Session.objects.get(pk=session.pk)
    can_renew = expires_at < config.hard_deadline(NOON)
    renews = can_renew and (by_hand or config.auto_renew)
    expected = values(before) | {"last_activity_at": now}
    if renews:
        deadline = config.expires_at(created_at=NOON, anchor=now)
        expected |= {
            "renewed_at": now,
            "renewal_count": 4,
            "expires_at": deadline,
            "warns_at": config.warns_at(deadline),
            "sweep_at": min(before.sweep_at, config.warns_at(deadline)),
        }
    elif config.auto_renew:
        # What tells it from the renewal, also in one millisecond.
        after = renewed_at + timedelta(microseconds=1)
        expected["last_activity_at"] = max(now, after)

    returned = update_session(session.pk, now, by_hand=by_hand)

    stored = Session.objects.get(pk=session.pk)
    if now >= expires_at or (by_hand and not can_renew):
        assert returned is None
        assert values(stored) == values(before)
    else:
        assert values(stored) == values(returned) == expected
        assert returned.was_just_renewed == (renews and config.auto_renew)
        # As others compare it, which on SQLite is by its letters.
        at_its_end = Session.objects.filter(
            pk=session.pk, expires_at__lte=stored.expires_at
        )
        assert at_its_end.exists()
        assert not Session.objects.active(stored.expires_at).filter(pk=session.pk).exists()


def test_returns_every_field_as_it_is_stored(session):
    returned = update_session(session.pk, NOON)

    stored = Session.objects.get(pk=session.pk)
    for field in Session._meta.concrete_fields:
        assert getattr(returned, field.attname) == getattr(stored, field.attname)


def test_moments_never_go_back(session):
    update_session(session.pk, NOON + timedelta(minutes=2))
    later = update_session(session.pk, NOON + timedelta(minutes=1))

    assert later.last_activity_at == later.renewed_at == NOON + timedelta(minutes=2)
    assert later.expires_at == NOON + timedelta(minutes=32)
    assert later.renewal_count == 2


def message(session, **fields):
    return Message(
        session_id=session.pk,
        author_id=F("user_id"),
        is_agent=False,
        content="Hello",
        created_at=F("last_message_at"),
        **fields,
    )


def event(session, **fields):
    return Event(
        session_id=session.pk, kind="message", created_at=NOON, relay_at=NOON, **fields
    )


def test_stores_what_is_new_and_counts_it(session):
    said, told = message(session), event(session, sequence=F("last_sequence"))
    reply = Reply(
        session_id=session.pk,
        message=said,
        created_at=F("last_message_at"),
        lease_until=NOON,
    )

    stored = update_session(session.pk, NOON, rows=[said, told, reply])

    assert (stored.message_count, stored.last_message_at) == (1, NOON)
    assert stored.last_sequence == session.last_sequence + 1
    assert values(Session.objects.get()) == values(stored)
    assert (said.author_id, said.created_at) == (session.user_id, NOON)
    assert model_to_dict(Message.objects.get()) == model_to_dict(said)
    assert Event.objects.latest("sequence").sequence == told.sequence
    assert Reply.objects.get().created_at == reply.created_at == NOON


def test_spaces_messages_a_millisecond_apart(session):
    for _ in range(3):
        update_session(session.pk, NOON, rows=[message(session)])

    times = Message.objects.order_by("created_at").values_list("created_at", flat=True)
    assert list(times) == [NOON + timedelta(milliseconds=n) for n in range(3)]


def test_stores_nothing_new_for_a_session_that_is_over(session):
    said, told = message(session), event(session, sequence=F("last_sequence"))

    assert update_session(session.pk, session.expires_at, rows=[said, told]) is None

    assert not Message.objects.exists()
    assert not Event.objects.filter(kind="message").exists()
    assert said._state.adding


def test_adds_to_a_session_without_a_sign_of_life(session):
    late = session.expires_at

    stored = update_session(
        session.pk, late, rows=[message(session)], is_sign_of_life=False
    )

    assert stored.message_count == 1
    assert values(stored) == values(session)


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "policy", [{"enabled": False}, {"when_busy": "reject"}, {"when_busy": "interrupt"}]
)
def test_leaves_a_message_that_must_be_looked_at(session, policy):
    Agent.objects.update(**policy)

    assert update_session(session.pk, NOON, rows=[message(session)], caller=SYSTEM) is None
    assert update_session(session.pk, NOON, rows=[message(session)]) is not None


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("scope", "is_found"),
    [
        ({"id": "system", "is_admin": True}, True),
        ({"id": "system"}, True),
        ({"id": "somebody else"}, False),
        ({"id": "system", "agent_ids": frozenset([uuid.uuid4()])}, False),
        ({"id": "system", "agent_ids": frozenset()}, False),
    ],
)
def test_keeps_to_what_the_caller_may_see(session, scope, is_found):
    stored = update_session(session.pk, NOON, caller=Principal(**scope))

    assert (stored is not None) is is_found


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_does_not_wait_for_a_row_that_is_not_free(session):
    with ExitStack() as stack, transaction.atomic():
        Session.objects.select_for_update().get(pk=session.pk)
        beat = stack.enter_context(
            meanwhile(lambda: update_session(session.pk, NOON, caller=SYSTEM))
        )
        assert beat.result(20) is None

    assert update_session(session.pk, NOON, caller=SYSTEM).renewal_count == 1


@pytest.mark.postgresql
class TestEndingAReply:
    @pytest.fixture
    def reply(self, session):
        return queue(session)

    def test_comes_with_the_answer_whatever_its_agent_does_with_messages(self, reply):
        Agent.objects.update(enabled=False, when_busy="reject")

        assert end(reply).message_count == 2
        assert reply.status == Reply.objects.get().status == "complete"

    def test_comes_too_late(self, session, reply):
        assert end(reply, session.expires_at) is None
        assert reply.status == Reply.objects.get().status == "queued"

    @pytest.mark.django_db(transaction=True)
    def test_does_not_wait_for_it(self, reply):
        with ExitStack() as stack, transaction.atomic():
            Reply.objects.select_for_update().get()
            ending = stack.enter_context(meanwhile(lambda: end(reply)))
            assert ending.result(20) is None

    def test_is_left_to_who_can_tell_the_next_one(self, session, reply):
        later = queue(session)
        assert end(reply) is None

        Reply.objects.filter(pk=later.pk).update(status="cancelled")
        assert end(reply) is not None


@pytest.mark.postgresql
class TestTakingAReply:
    def take(self, session):
        said = message(session)
        reply = new_reply(said, status="running")
        rows = [said, reply]
        return update_session(session.pk, NOON, rows=rows, caller=SYSTEM)

    def test_comes_with_its_message(self, session):
        assert self.take(session).message_count == 1
        assert Reply.objects.get().status == "running"

    @pytest.mark.parametrize("status", ["queued", "running"])
    def test_is_left_while_another_is_unfinished(self, session, status):
        other = queue(session)
        Reply.objects.update(status=status)
        assert self.take(session) is None

        other.status = "failed"
        other.save()
        assert self.take(session).message_count == 2

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("is_ending", [False, True])
    def test_is_left_to_who_came_since_it_began_to_look(
        self, session, monkeypatch, is_ending
    ):
        act = partial(end, queue(session)) if is_ending else partial(self.take, session)
        lock = activity._lock
        wait = "AND (SELECT pg_advisory_lock_shared(1) IS NOT NULL)"
        monkeypatch.setattr(activity, "_lock", lambda shape: f"{wait} {lock(shape)}")
        activity._statement.cache_clear()
        with ExitStack() as stack:
            stack.callback(activity._statement.cache_clear)
            with advisory_lock(1):
                looking = stack.enter_context(meanwhile(act))
                wait_until(somebody_waits, "the other to look")
                queue(session)
            assert looking.result(20) is None


@contextmanager
def advisory_lock(number):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [number])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [number])


@pytest.mark.postgresql
def test_finds_a_session_by_one_of_several_agents(session):
    agents = frozenset([uuid.uuid4(), session.agent_id])
    caller = Principal(id="system", agent_ids=agents)

    assert update_session(session.pk, NOON, caller=caller) is not None


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
class TestWaitingForTheDisk:
    """What each transaction that changes a session says of it as it ends."""

    @pytest.fixture
    def waits(self):
        with connection.cursor() as cursor:
            cursor.execute("""
                CREATE TABLE waits (setting text);
                CREATE FUNCTION note_wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    INSERT INTO waits VALUES (current_setting('synchronous_commit'));
                    RETURN NULL;
                END $$;
                CREATE CONSTRAINT TRIGGER noting AFTER UPDATE
                    ON django_eliza_sessions_session DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION note_wait()""")
        yield self.read
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION note_wait CASCADE; DROP TABLE waits")

    def read(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT setting FROM waits")
            return [setting for (setting,) in cursor.fetchall()]

    def test_is_spared_for_a_heartbeat_alone(self, session, waits):
        update_session(session.pk, NOON)
        update_session(session.pk, NOON, by_hand=True)
        update_session(session.pk, NOON, rows=[message(session)])
        assert waits() == ["off", "on", "on"]

    def test_is_up_to_the_transaction(self, session, waits):
        with transaction.atomic():
            update_session(session.pk, NOON)
        assert waits() == ["on"]
