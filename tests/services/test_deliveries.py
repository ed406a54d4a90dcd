"""Webhooks: each event to each endpoint, at least once, in the order of its session."""

import json
import sys
from datetime import timedelta
from itertools import pairwise
from threading import Event as Flag

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from django_eliza_sessions.models import Event, WebhookDelivery, WebhookEndpoint
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import deliveries, relay
from django_eliza_sessions.services.clock import now
from django_eliza_sessions.services.deliveries import send_again, send_webhooks
from django_eliza_sessions.services.endpoints import (
    enable_endpoint,
    note_failure,
    rotate_secret,
    secrets_of,
    send_test,
)
from django_eliza_sessions.services.erasure import erase_user
from django_eliza_sessions.services.jobs import recover_jobs
from django_eliza_sessions.services.lifecycle import end_session, renew_session
from django_eliza_sessions.services.messages import send_message
from django_eliza_sessions.services.relay import relay_events
from django_eliza_sessions.services.sweep import purge_sessions, sweep_sessions
from tests.conftest import NOON, minutes
from tests.services.race import meanwhile, together, wait_until
from tests.webhooks.receiver import answer, receiving

pytestmark = pytest.mark.django_db
Status = WebhookDelivery.Status


@pytest.fixture(autouse=True)
def settled(webhooks_allowed, handed_out, asked_for):
    """Reach this machine, and do jobs only when the test says so."""


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """Do what a commit brings about, at the end of the block."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def endpoint_factory(db, receiver):
    def make(**fields):
        return WebhookEndpoint.objects.create(
            **{"name": "Receiver", "url": receiver.url} | fields
        )

    return make


@pytest.fixture
def endpoint(endpoint_factory):
    return endpoint_factory()


def renew(session):
    renew_session(principal=SYSTEM, session_id=session.pk)


def end(session):
    end_session(principal=SYSTEM, session_id=session.pk)


def say(session, count=1):
    for _ in range(count):
        send_message(principal=SYSTEM, session_id=session.pk, content="Hello")


def relayed(count):
    """Relay, and send the webhooks that follow."""
    assert relay_events() == count
    return send_webhooks()


def statuses():
    rows = WebhookDelivery.objects.order_by("session_id", "sequence")
    return list(rows.values_list("status", flat=True))


def told(receiver):
    """The types that arrived, with the sequence numbers."""
    bodies = [json.loads(body) for _path, _headers, body in receiver.requests]
    return [(body["type"], body["data"]["sequence"]) for body in bodies]


class TestDelivery:
    def test_arrives_signed(self, endpoint, session, receiver):
        assert relayed(1) == 1

        [body] = receiver.verified(secrets_of(endpoint)[0])
        event = session.events.get()
        assert body["type"] == "session.created"
        assert body["data"]["eventId"] == str(event.pk)
        assert receiver.requests[0][1]["Webhook-Id"] == str(event.pk)
        delivery = WebhookDelivery.objects.get()
        assert (delivery.status, delivery.due_at) == (Status.DELIVERED, None)
        assert (delivery.attempts, delivery.delivered_at) == (1, NOON)

    def test_happens_once(self, endpoint, session, receiver):
        relayed(1)

        assert send_webhooks() == 0
        assert len(receiver.requests) == 1

    def test_goes_to_each_endpoint_that_wants_the_kind(
        self, endpoint_factory, session, receiver
    ):
        endpoint_factory()
        endpoint_factory(kinds=[Event.Kind.ENDED, Event.Kind.EXPIRED])
        endpoint_factory(kinds=[Event.Kind.WARNED])
        endpoint_factory(enabled=False)
        end(session)

        assert relayed(2) == 3
        assert sorted(told(receiver)) == [
            ("session.created", 1),
            ("session.ended", 2),
            ("session.ended", 2),
        ]

    def test_is_asked_for_when_events_were_claimed(
        self, endpoint, session, committed, asked_for
    ):
        with committed():
            relay_events()

        assert asked_for == ["send_webhooks"]

    def test_costs_the_relay_one_query_where_nobody_listens(
        self, session, committed, asked_for
    ):
        with committed(), CaptureQueriesContext(connection) as queries:
            relay_events()

        assert len([query for query in queries if "webhook" in query["sql"]]) == 1
        assert asked_for == []

    def test_an_event_that_is_relayed_again_is_not_sent_again(
        self, endpoint_factory, session, receiver, clock
    ):
        endpoint_factory()
        relayed(1)
        endpoint_factory()
        clock.shift(minutes(1))
        Event.objects.update(relay_at=now())

        relayed(1)

        assert len(receiver.requests) == 1

    def test_events_from_before_the_endpoint_are_not_sent(
        self, session, endpoint_factory, receiver
    ):
        relay_events()
        endpoint_factory()
        end(session)

        relayed(1)

        assert told(receiver) == [("session.ended", 2)]

    def test_goes_with_its_event(self, endpoint, session, clock, configure):
        configure(EVENT_RETENTION_DAYS=7)
        relayed(1)
        clock.shift(timedelta(days=8))

        purge_sessions()

        assert not WebhookDelivery.objects.exists()

    def test_goes_with_its_session(self, endpoint, session):
        relayed(1)

        session.delete()

        assert not WebhookDelivery.objects.exists()


class TestRetries:
    def test_come_at_growing_intervals_for_a_day(self, endpoint, session, receiver, clock):
        receiver.will(answer(503, b"Not now."))
        relay_events()
        delivery = WebhookDelivery.objects.get()
        waits = []

        while delivery.due_at:
            clock.shift(delivery.due_at - now() - timedelta(seconds=0.5))
            if delivery.attempts:
                assert send_webhooks() == 0
                assert len(receiver.requests) == delivery.attempts
            before = now()
            clock.shift(timedelta(seconds=1))
            assert send_webhooks() == 0
            delivery.refresh_from_db()
            waits += [delivery.due_at - before] if delivery.due_at else []

        assert len(receiver.requests) == deliveries.MAX_ATTEMPTS == 14
        assert delivery.status == Status.FAILED
        assert delivery.error == "Answered 503: Not now."
        assert timedelta(seconds=9) < waits[0] < timedelta(seconds=13)
        assert all(later > 1.5 * sooner for sooner, later in pairwise(waits))
        assert timedelta(hours=20) < sum(waits, timedelta()) < timedelta(hours=26)

    def test_carry_the_same_id_and_a_new_time(self, endpoint, session, receiver, clock):
        receiver.will(answer(500), answer(200))
        relayed(1)
        clock.shift(minutes(1))

        assert send_webhooks() == 1
        [first, second] = [headers for _path, headers, _body in receiver.requests]
        assert first["Webhook-Id"] == second["Webhook-Id"]
        assert int(second["Webhook-Timestamp"]) - int(first["Webhook-Timestamp"]) == 60
        assert receiver.requests[0][2] == receiver.requests[1][2]

    def test_hold_back_what_follows_in_the_session_alone(
        self, endpoint, session, session_factory, receiver, clock
    ):
        relay_events()
        send_webhooks()
        receiver.requests.clear()
        receiver.will(answer(500), answer(200))
        say(session, 3)
        relayed(3)
        other = session_factory()
        relayed(1)

        assert told(receiver) == [("message.created", 2), ("session.created", 1)]
        clock.shift(minutes(1))
        assert send_webhooks() == 3
        assert told(receiver)[2:] == [("message.created", n) for n in (2, 3, 4)]
        assert statuses() == [Status.DELIVERED] * 5
        assert other.events.count() == 1

    def test_end_some_day_and_let_the_next_go(self, endpoint, session, receiver, clock):
        receiver.will(answer(500))
        relayed(1)
        WebhookDelivery.objects.update(attempts=deliveries.MAX_ATTEMPTS - 1)
        end(session)
        relay_events()
        clock.shift(minutes(1))
        receiver.will(answer(500), answer(200))

        assert send_webhooks() == 1
        assert statuses() == [Status.FAILED, Status.DELIVERED]

    def test_can_be_asked_for(self, endpoint, session, receiver, committed, asked_for):
        receiver.will(answer(500), answer(200))
        relayed(1)

        with committed():
            assert send_again(WebhookDelivery.objects.all()) == 1
        assert asked_for == ["send_webhooks"]
        assert send_webhooks() == 1
        assert send_again(WebhookDelivery.objects.all()) == 1
        assert send_webhooks() == 1

    def test_are_recovered_by_the_sweep(
        self, endpoint, session, receiver, clock, asked_for
    ):
        receiver.will(answer(500))
        relayed(1)

        recover_jobs()
        assert asked_for == []
        clock.shift(minutes(1))
        recover_jobs()
        assert asked_for == ["send_webhooks"]


class TestSenders:
    def test_one_that_was_killed_is_replaced_after_its_lease(
        self, endpoint, session, receiver, clock
    ):
        relay_events()
        [delivery] = deliveries._claim(10)

        clock.shift(timedelta(seconds=29))
        assert send_webhooks() == 0
        clock.shift(timedelta(seconds=1))
        assert send_webhooks() == 1

        # The first one comes back late, and may not overwrite what happened since.
        deliveries._record_failure(delivery, "late")
        assert statuses() == [Status.DELIVERED]
        endpoint.refresh_from_db()
        assert endpoint.failing_since is None

    def test_what_was_erased_meanwhile_is_not_quoted(self, endpoint, session):
        relay_events()
        [delivery] = deliveries._claim(10)
        erase_user(principal=SYSTEM, user_id=session.user_id)

        deliveries._record_failure(delivery, "Answered 400: what was sent")

        endpoint.refresh_from_db()
        assert endpoint.last_error == ""

    def test_a_mistake_of_ours_is_an_outcome(
        self, endpoint, session, session_factory, receiver
    ):
        other = session_factory()
        relay_events()
        Event.objects.filter(session=session).update(kind="of a newer release")

        assert send_webhooks() == 1
        failed = WebhookDelivery.objects.get(session_id=session.pk)
        assert (failed.status, failed.attempts) == (Status.PENDING, 1)
        assert "of a newer release" in failed.error
        assert WebhookDelivery.objects.get(session_id=other.pk).status == Status.DELIVERED

    def test_many_dead_endpoints_leave_room_for_a_living_one(
        self, endpoint_factory, session_factory
    ):
        """Each of them gets one request at a time, and only after the others."""
        dead = [endpoint_factory(failing_since=NOON) for _ in range(8)]
        living = endpoint_factory()
        for _ in range(deliveries.POSTS_PER_ENDPOINT):
            session_factory()
        relay_events()

        claimed = [delivery.endpoint for delivery in deliveries._claim(100)]

        most = deliveries.POSTS_PER_ENDPOINT
        assert claimed[:most] == [living] * most
        assert sorted(each.pk for each in claimed[most:]) == sorted(
            each.pk for each in dead
        )
        assert len(claimed) < deliveries.POSTS
        assert deliveries._claim(100) == []

    def test_one_that_takes_little_takes_it_for_the_living(
        self, endpoint_factory, session_factory
    ):
        for _ in range(8):
            endpoint_factory(failing_since=NOON)
        living = endpoint_factory()
        session_factory()
        relay_events()

        assert [delivery.endpoint for delivery in deliveries._claim(1)] == [living]

    def test_an_endpoint_gets_only_so_many_at_once(
        self, endpoint, session_factory, receiver, clock
    ):
        for _ in range(20):
            session_factory()
        relay_events()

        assert len(deliveries._claim(100)) == deliveries.POSTS_PER_ENDPOINT
        assert deliveries._claim(100) == []

    def test_without_the_extra_nothing_is_lost(
        self, endpoint, session, monkeypatch, caplog
    ):
        monkeypatch.setitem(sys.modules, "standardwebhooks", None)

        assert relayed(1) == 0
        assert statuses() == [Status.PENDING]
        assert "django-eliza-sessions[webhooks]" in caplog.text


@pytest.mark.django_db(transaction=True)
class TestAtTheSameTime:
    def test_a_silent_endpoint_holds_up_nobody_else(
        self, endpoint_factory, session, receiver, configure
    ):
        configure(WEBHOOK_TIMEOUT_SECONDS=60)
        released = Flag()
        with receiving() as silent:
            silent.will(lambda handler: released.wait(60) and handler.begin(200))
            endpoint_factory(url=silent.url)
            endpoint_factory()
            relay_events()
            with meanwhile(send_webhooks) as first:
                wait_until(lambda: silent.requests, "the silent one to be asked")
                wait_until(lambda: Status.DELIVERED in statuses(), "the first event")
                end(session)  # While the sender is busy with the silent one.
                relay_events()
                wait_until(lambda: len(receiver.requests) == 2, "the second event")
                assert not first.done()
                released.set()

        assert told(receiver) == [("session.created", 1), ("session.ended", 2)]

    @pytest.mark.parametrize("attempt", range(3))
    def test_order_is_kept_and_nothing_sent_twice(
        self, endpoint, session, session_factory, receiver, attempt
    ):
        sessions = [session, *(session_factory() for _ in range(5))]
        for each in sessions:
            say(each, 9)

        def work():
            for _ in range(12):
                relay_events()
                send_webhooks()

        assert together([work] * 4) == [None] * 4

        bodies = receiver.verified(secrets_of(endpoint)[0])
        assert len(bodies) == 60
        for each in sessions:
            mine = [b for b in bodies if b["data"]["sessionId"] == str(each.pk)]
            assert [body["data"]["sequence"] for body in mine] == list(range(1, 11))

    @pytest.mark.postgresql
    def test_a_relay_that_overtakes_another_does_not_reorder(
        self, endpoint, session, receiver
    ):
        """The first event is being claimed by one relay while another takes the second."""
        locked, overtaken = Flag(), Flag()

        def slow_claim():
            with transaction.atomic():
                relay._claim(now() + relay.LEASE)
                locked.set()
                assert overtaken.wait(20)

        with meanwhile(slow_claim) as slow:
            assert locked.wait(20)
            end(session)
            assert relay_events() == 1
            assert send_webhooks() == 0
            assert receiver.requests == []
            overtaken.set()
            slow.result(20)
        assert send_webhooks() == 2
        assert told(receiver) == [("session.created", 1), ("session.ended", 2)]


class TestWarnings:
    def test_are_sent_while_the_deadline_stands(self, endpoint, session, receiver, clock):
        clock.shift(minutes(25))
        sweep_sessions()

        assert relayed(2) == 2
        assert told(receiver)[1] == ("session.expiring", 2)

    @pytest.mark.parametrize("change", [renew, end])
    def test_are_skipped_once_it_was_moved_or_lifted(
        self, endpoint, session, receiver, clock, change
    ):
        clock.shift(minutes(25))
        sweep_sessions()
        change(session)
        say_goodbye = session.events.filter(kind=Event.Kind.ENDED).count()

        assert relayed(2 + say_goodbye) == 1 + say_goodbye
        assert "session.expiring" not in dict(told(receiver))
        assert statuses()[1] == Status.SKIPPED

    def test_come_late_rather_than_never(self, endpoint, session, receiver, clock):
        clock.shift(minutes(25))
        sweep_sessions()
        clock.shift(minutes(10))
        sweep_sessions()

        assert relayed(3) == 3
        assert [type_ for type_, _sequence in told(receiver)] == [
            "session.created",
            "session.expiring",
            "session.expired",
        ]


class TestHealth:
    @pytest.fixture
    def fail(self, endpoint, session_factory, receiver):
        def make(*acts):
            receiver.will(*acts or [answer(500, b"No.")])
            session_factory()
            relayed(1)
            endpoint.refresh_from_db()
            return endpoint

        return make

    def test_counts_from_the_first_failure(self, fail, clock):
        fail()
        clock.shift(timedelta(days=1))

        endpoint = fail()

        assert endpoint.failing_since == NOON
        assert endpoint.last_error == "Answered 500: No."
        assert endpoint.enabled

    def test_is_restored_by_a_success(self, fail, clock):
        fail()

        endpoint = fail(answer(200))

        assert (endpoint.failing_since, endpoint.last_error) == (None, "")

    def test_is_restored_by_a_success_whatever_failed_since_it_was_sent(
        self, endpoint, session
    ):
        relay_events()
        [delivery] = deliveries._claim(10)
        note_failure(endpoint, now(), "Answered 500.")

        assert deliveries._record_arrivals([delivery]) == 1
        endpoint.refresh_from_db()
        assert (endpoint.failing_since, endpoint.last_error) == (None, "")

    def test_stays_lost_when_a_late_success_comes(self, endpoint, session):
        WebhookEndpoint.objects.update(failing_since=NOON, last_error="No.")
        relay_events()
        [delivery] = deliveries._claim(10)
        WebhookEndpoint.objects.update(enabled=False, disabled_at=NOON)

        assert deliveries._record_arrivals([delivery]) == 1
        endpoint.refresh_from_db()
        assert (endpoint.failing_since, endpoint.last_error) == (NOON, "No.")

    def test_is_lost_after_days_of_failures(self, fail, clock, configure, caplog):
        configure(WEBHOOK_DISABLE_AFTER_DAYS=2)
        fail()
        clock.shift(timedelta(days=2) - minutes(1))
        assert fail().enabled
        clock.shift(minutes(1))

        endpoint = fail()

        assert not endpoint.enabled
        assert endpoint.disabled_at == NOON + timedelta(days=2)
        assert "Receiver was disabled" in caplog.text

    def test_what_waits_for_a_disabled_endpoint_is_sent_once_it_is_enabled(
        self, fail, session_factory, receiver, clock, committed, asked_for
    ):
        endpoint = fail()
        WebhookEndpoint.objects.update(enabled=False, disabled_at=NOON)
        session_factory()
        relay_events()
        clock.shift(minutes(1))
        receiver.will(answer(200))
        recover_jobs()
        assert send_webhooks() == 0
        assert asked_for == []

        endpoint.refresh_from_db()
        with committed():
            enable_endpoint(endpoint)

        assert asked_for == ["send_webhooks"]
        assert send_webhooks() == 1
        endpoint.refresh_from_db()
        assert endpoint.enabled
        assert (endpoint.failing_since, endpoint.disabled_at) == (None, None)


class TestSecrets:
    def test_are_of_their_endpoint_and_version(self, endpoint_factory):
        one, other = endpoint_factory(), endpoint_factory()
        before = secrets_of(one)

        assert secrets_of(one) == before != secrets_of(other)
        assert [rotate_secret(one)] == secrets_of(one) != before
        one.refresh_from_db()
        assert secrets_of(one) != before

    def test_survive_a_new_id_as_long_as_the_old_one_is_a_fallback(
        self, endpoint, session, receiver, settings
    ):
        [old] = secrets_of(endpoint)
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [settings.SECRET_KEY]

        relayed(1)

        [new, still] = secrets_of(endpoint)
        assert still == old
        assert receiver.verified(new) == receiver.verified(old)

    def test_are_not_in_the_database(self, endpoint):
        [secret] = secrets_of(endpoint)
        row = WebhookEndpoint.objects.values().get()

        assert secret.startswith("whsec_")
        assert len(secret) == 50
        assert not any(secret[6:20] in str(value) for value in row.values())

    def test_are_tried_out_with_a_test_event(self, endpoint, receiver):
        assert send_test(endpoint).status == 204

        [body] = receiver.verified(secrets_of(endpoint)[0])
        assert body["type"] == "webhook.test"
        assert not WebhookDelivery.objects.exists()
