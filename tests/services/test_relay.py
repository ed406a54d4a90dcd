"""Relaying events: at least once to every receiver, whatever fails."""

from datetime import timedelta

import pytest

from django_eliza_sessions import signals
from django_eliza_sessions.backends import AgentReply
from django_eliza_sessions.models import Event, Message, Reply, Session
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import relay
from django_eliza_sessions.services.holding import complete_reply, fail_reply, take_reply
from django_eliza_sessions.services.lifecycle import end_session
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.relay import relay_events
from django_eliza_sessions.services.replies import cancel_reply
from django_eliza_sessions.services.sweep import purge_sessions, sweep_sessions
from tests.conftest import NOON, minutes
from tests.services.race import together

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("handed_out", "asked_for"),
]
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@pytest.fixture
def stubborn():
    """Connect a receiver that raises while its list holds errors to raise."""
    errors = []

    def receiver(**_arguments):
        if errors:
            raise errors.pop()

    signals.session_created.connect(receiver)
    yield errors
    signals.session_created.disconnect(receiver)


def take(session):
    sent = send_message(principal=SYSTEM, session_id=session.pk, content="Hello")
    return take_reply(sent.reply.pk)


def cancel(reply):
    cancel_reply(principal=SYSTEM, session_id=reply.session_id, message_id=reply.message_id)


def subjects(heard):
    """What a signal said, without what Django adds; it never comes with less."""
    return [
        {key: value for key, value in arguments.items() if key != "signal"}
        for arguments in heard
    ]


class TestHandingOut:
    def test_tells_what_an_event_is_about(self, session, received):
        created = received(signals.session_created)

        assert relay_events() == 1

        event = session.events.get()
        assert subjects(created) == [
            {"sender": Session, "session": session, "event": event}
        ]
        assert (event.relay_at, event.attempts, event.error) == (None, 0, "")

    def test_happens_once(self, session, received):
        created = received(signals.session_created)

        relay_events()

        assert relay_events() == 0
        assert len(created) == 1

    def test_tells_of_warning_expiry_and_end(self, session, received, clock):
        heard = [
            received(signals.session_expiration_warned),
            received(signals.session_expired),
            received(signals.session_ended),
        ]
        clock.shift(minutes(25))
        sweep_sessions()
        clock.shift(minutes(5))
        sweep_sessions()
        end_session(principal=SYSTEM, session_id=session.pk)

        assert relay_events() == 4

        _, *events = session.events.order_by("sequence")
        assert [subjects(each) for each in heard] == [
            [{"sender": Session, "session": session, "event": event}] for event in events
        ]
        assert [event.deadline for event in events] == [NOON + minutes(30)] * 2 + [None]

    @pytest.mark.parametrize(
        ("finish", "signal"),
        [
            (lambda reply: complete_reply(reply, AgentReply(text="Hi.")), "completed"),
            (lambda reply: fail_reply(reply, "no tokens"), "failed"),
            (cancel, "cancelled"),
        ],
        ids=["complete", "fail", "cancel"],
    )
    def test_tells_of_messages_and_the_end_of_replies(
        self, session, received, finish, signal
    ):
        ended = received(getattr(signals, f"reply_{signal}"))
        created = received(signals.message_created)
        reply = take(session)
        finish(reply)

        relay_events()

        messages = list(Message.objects.order_by("created_at"))
        event = session.events.latest("sequence")
        assert [told["message"] for told in subjects(created)] == messages
        assert subjects(ended) == [
            {
                "sender": Reply,
                "reply": reply,
                "message": dict(enumerate(messages)).get(1),
                "event": event,
            }
        ]

    def test_comes_in_the_order_of_the_session(self, session):
        heard = []

        # Connected only as long as this test holds it.
        def receiver(event, **_arguments):
            heard.append(event.sequence)

        signals.reply_completed.connect(receiver)
        signals.message_created.connect(receiver)
        complete_reply(take(session), AgentReply(text="Hello."))
        relay_events()

        assert heard == [2, 3, 4]

    @pytest.mark.parametrize("count", [1, 10, 80])
    def test_query_count_does_not_grow(
        self, session_factory, count, django_assert_num_queries
    ):
        for _ in range(count):
            session_factory()

        # In a transaction: what is due, endpoints, and what is done.
        with django_assert_num_queries(5):
            assert relay_events() == count

    def test_reads_nothing_that_nobody_listens_to(
        self, session, received, django_assert_num_queries
    ):
        send_message(principal=SYSTEM, session_id=session.pk, content="Hello")
        with django_assert_num_queries(5):
            assert relay_events() == 2

        received(signals.message_created)
        send_message(principal=SYSTEM, session_id=session.pk, content="Hello")
        # The same, with a claim and the session; then the message, and what is done.
        with django_assert_num_queries(8):
            assert relay_events() == 1

    def test_comes_in_batches(self, session_factory, received):
        created = received(signals.session_created)
        sessions = [session_factory() for _ in range(relay.BATCH + 1)]

        assert relay_events() == len(created) == len(sessions)


class TestFailing:
    def test_is_tried_again_with_growing_pauses(self, session, received, stubborn, clock):
        stubborn[:] = [ValueError("boom")] * 3
        tried = received(signals.session_created)

        for pause in (1, 2, 4):
            assert relay_events() == 0
            clock.shift(pause * SECOND - SECOND / 1000)
            assert relay_events() == 0
            clock.shift(SECOND / 1000)
        assert relay_events() == 1

        assert len(tried) == 4
        assert Event.objects.get().error == ""

    def test_is_recorded(self, session, stubborn):
        stubborn[:] = [ValueError("boom")]

        relay_events()

        event = Event.objects.get()
        assert event.attempts == 1
        assert event.relay_at == NOON + SECOND
        assert event.error.startswith(f"{__name__}.stubborn.")
        assert event.error.endswith("ValueError('boom')")

    def test_keeps_nothing_else_waiting(self, session_factory, received, stubborn):
        stubborn[:] = [ValueError("boom")]
        told = received(signals.message_created)
        session = session_factory()
        take(session)

        assert relay_events() == 1
        assert len(told) == 1

    def test_is_given_up_after_the_last_attempt(self, session, stubborn, clock, caplog):
        stubborn[:] = [ValueError("boom")] * 100

        for _ in range(relay.MAX_ATTEMPTS + 3):
            relay_events()
            clock.shift(DAY)

        (dead,) = Event.objects.dead()
        assert dead.attempts == relay.MAX_ATTEMPTS == 100 - len(stubborn)
        assert dead.relay_at is None
        assert "given up" in caplog.text


class TestHolding:
    def test_is_repeated_where_a_relay_was_lost(self, session, received, stubborn, clock):
        """SystemExit is not caught: the relay ends in the middle, as if killed."""
        stubborn[:] = [SystemExit()]
        created = received(signals.session_created)

        with pytest.raises(SystemExit):
            relay_events()
        assert relay_events() == 0
        clock.shift(relay.LEASE)

        assert relay_events() == 1
        assert created[-1]["event"] == Event.objects.get()

    def test_stops_when_the_lease_is_over(self, session_factory, received, clock):
        first, second = session_factory(), session_factory()
        others = [relay_events]

        def dawdle(**_arguments):
            """Take so long over the first that another relay takes over."""
            if others:
                clock.shift(relay.LEASE)
                others.pop()()

        signals.session_created.connect(dawdle)
        created = received(signals.session_created)
        try:
            relay_events()
        finally:
            signals.session_created.disconnect(dawdle)

        assert [told["session"] for told in created] == [first, second, first]

    def test_takes_again_what_it_was_too_slow_for(self, session_factory, received, clock):
        sessions = [session_factory() for _ in range(3)]

        def dawdle(**_arguments):
            clock.shift(relay.LEASE)

        signals.session_created.connect(dawdle)
        created = received(signals.session_created)
        try:
            assert relay_events() == 3
        finally:
            signals.session_created.disconnect(dawdle)

        assert [told["session"] for told in created] == sessions

    @pytest.mark.django_db(transaction=True)
    def test_is_shared_among_relays(self, session_factory, received):
        created = received(signals.session_created)
        sessions = [session_factory() for _ in range(3 * relay.BATCH)]

        counts = together([relay_events] * 4)

        assert sum(counts) == len(sessions)
        assert sorted(told["session"].pk for told in created) == sorted(
            session.pk for session in sessions
        )


class TestPruning:
    def test_takes_what_was_handed_out_long_ago(self, session, clock, configure):
        configure(EVENT_RETENTION_DAYS=3)
        relay_events()
        clock.shift(3 * DAY)
        purge_sessions()
        assert Event.objects.count() == 1
        clock.shift(SECOND)

        purge_sessions()

        assert Event.objects.count() == 0

    def test_leaves_what_is_due_or_given_up(self, session, stubborn, clock):
        clock.shift(30 * DAY)
        purge_sessions()
        assert Event.objects.count() == 1
        stubborn[:] = [ValueError("boom")] * 100
        for _ in range(relay.MAX_ATTEMPTS):
            relay_events()
            clock.shift(DAY)

        purge_sessions()

        assert Event.objects.dead().count() == 1

    def test_leaves_a_warning_as_long_as_its_deadline_can_come_back(
        self, session_factory, clock, configure
    ):
        configure(
            EVENT_RETENTION_DAYS=1,
            SESSION_MAX_TIMEOUT_MINUTES=10_000,
            SESSION_MAX_DURATION_MINUTES=10_000,
        )
        session_factory(
            timeouts={"timeout_minutes": 10_000, "warning_threshold_minutes": 9_999}
        )
        clock.shift(minutes(1))
        sweep_sessions()
        relay_events()
        clock.shift(5 * DAY)

        purge_sessions()

        assert [event.kind for event in Event.objects.all()] == ["warned"]
