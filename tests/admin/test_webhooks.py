"""Webhook endpoints are set up and watched in the admin, and so are their deliveries."""

import re
import sys
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_eliza_sessions import webhooks
from django_eliza_sessions.models import WebhookDelivery, WebhookEndpoint
from django_eliza_sessions.services.deliveries import send_webhooks
from django_eliza_sessions.services.endpoints import secrets_of
from django_eliza_sessions.services.relay import relay_events
from tests.admin.conftest import DELIVERIES, ENDPOINTS, found, new_id, page_of, short_link
from tests.conftest import NOON
from tests.webhooks.receiver import answer

SECRET = re.compile(r"whsec_[\w+/=]{44}")
Status = WebhookDelivery.Status


@pytest.fixture(autouse=True)
def settled(configure, webhooks_allowed):
    """Reach this machine, and do no jobs."""
    configure(JOB_DISPATCHER="tests.services.conftest.remember_job")


@pytest.fixture
def endpoint(db, receiver):
    return WebhookEndpoint.objects.create(name="Reports", url=receiver.url)


def add(client, **fields):
    fields = {"name": "Reports", "url": "http://127.0.0.1:1/", "enabled": "on"} | fields
    return client.post(f"{ENDPOINTS}add/", fields)


def rotate(client, endpoint):
    """Confirm that the endpoint gets a new secret in place of the one it has in memory."""
    form = {"action": "rotate_secret", "_selected_action": [endpoint.pk]}
    return client.post(ENDPOINTS, form | {"version": endpoint.secret_version}, follow=True)


def change(client, endpoint, **fields):
    response = client.post(
        page_of(endpoint), {"name": endpoint.name, "url": endpoint.url} | fields
    )
    assert response.status_code in (200, 302)
    endpoint.refresh_from_db()
    return response


def act(client, action, row, path=ENDPOINTS):
    return client.post(path, {"action": action, "_selected_action": [row.pk]}, follow=True)


def said(response):
    return [str(message) for message in response.context["messages"]]


class TestEndpoints:
    def test_the_secret_is_shown_once(self, staff):
        client = staff("view_webhookendpoint", "add_webhookendpoint")

        response = add(client, kinds=["created", "ended"])

        endpoint = WebhookEndpoint.objects.get()
        assert SECRET.findall(response.content.decode()) == secrets_of(endpoint)
        assert "no-store" in response["Cache-Control"]
        assert "whsec_" not in str(response.cookies)
        assert endpoint.kinds == ["created", "ended"]
        for path in (ENDPOINTS, page_of(endpoint)):
            assert "whsec_" not in client.get(path).content.decode()

    def test_reloading_the_page_makes_no_second_one(self, staff):
        client = staff("view_webhookendpoint", "add_webhookendpoint")
        token = new_id(client, ENDPOINTS)
        assert SECRET.search(add(client, **token).content.decode())

        again = client.post(
            f"{ENDPOINTS}add/", {"name": "Other", "url": "http://127.0.0.1:1/"} | token
        )

        assert again.status_code == 302
        assert "sent before" in client.get(again.url).content.decode()
        assert WebhookEndpoint.objects.get().name == "Reports"
        assert LogEntry.objects.count() == 1

    def test_a_new_secret_replaces_it(self, staff, endpoint):
        client = staff("view_webhookendpoint", "change_webhookendpoint")
        before = secrets_of(endpoint)

        asked = act(client, "rotate_secret", endpoint).content.decode()
        endpoint.refresh_from_db()
        assert secrets_of(endpoint) == before
        html = rotate(client, endpoint).content.decode()

        assert f'value="{endpoint.secret_version}"' in asked
        endpoint.refresh_from_db()
        assert SECRET.findall(html) == secrets_of(endpoint) != before
        assert "whsec" not in LogEntry.objects.get().change_message

    def test_reloading_the_page_replaces_it_only_once(self, staff, endpoint):
        client = staff("view_webhookendpoint", "change_webhookendpoint")
        [secret] = SECRET.findall(rotate(client, endpoint).content.decode())

        again = rotate(client, endpoint)  # As it was before the first time.

        assert said(again) == ["They have new secrets already, which were shown then."]
        assert "whsec_" not in again.content.decode()
        endpoint.refresh_from_db()
        assert secrets_of(endpoint) == [secret]

    @pytest.mark.parametrize(
        "url", ["https://127.0.0.1/", "http://10.0.0.1/", "http://u:p@127.0.0.1/", "x"]
    )
    def test_other_addresses_are_refused(self, admin_client, configure, url):
        if url.startswith("https"):
            configure(WEBHOOK_ALLOWED_NETWORKS=[])

        response = add(admin_client, url=url)

        assert response.context["errors"]
        assert not WebhookEndpoint.objects.exists()

    def test_unknown_kinds_are_refused(self, admin_client):
        assert add(admin_client, kinds=["birthday"]).context["errors"]

    def test_without_the_extra_there_are_none(self, admin_client, monkeypatch, endpoint):
        monkeypatch.setitem(sys.modules, "standardwebhooks", None)

        assert "django-eliza-sessions[webhooks]" in add(admin_client).content.decode()
        assert said(act(admin_client, "send_test", endpoint)) == [webhooks.MISSING_EXTRA]

    def test_one_whose_host_is_gone_can_still_be_disabled(
        self, admin_client, endpoint, configure
    ):
        configure(WEBHOOK_ALLOWED_NETWORKS=[])

        assert change(admin_client, endpoint, enabled="on").context["errors"]
        change(admin_client, endpoint)
        assert not endpoint.enabled

    def test_can_be_tried_out(self, admin_client, endpoint, receiver):
        receiver.will(answer(204), answer(500, b"<b>No.</b>"))

        assert said(act(admin_client, "send_test", endpoint)) == ["Reports: 204"]
        assert receiver.verified(secrets_of(endpoint)[0])[0]["type"] == "webhook.test"
        assert said(act(admin_client, "send_test", endpoint)) == [
            "Reports: Answered 500: <b>No.</b>"
        ]

    @pytest.mark.parametrize(
        ("fields", "health"),
        [
            ({}, "in order"),
            ({"failing_since": NOON}, "failing since 2026-01-01 12:00"),
            ({"enabled": False}, "disabled"),
            (
                {"enabled": False, "failing_since": NOON, "disabled_at": NOON},
                "disabled, failing since 2026-01-01 12:00",
            ),
        ],
    )
    def test_health_is_seen_at_a_glance(self, admin_client, endpoint, fields, health):
        WebhookEndpoint.objects.update(**fields)

        for path in (ENDPOINTS, page_of(endpoint)):
            assert f"{health}" in admin_client.get(path).content.decode()

    def test_notice_is_given_of_those_that_had_to_be_disabled(self, admin_client, endpoint):
        WebhookEndpoint.objects.update(
            enabled=False, failing_since=NOON, disabled_at=NOON, last_error="<i>Gone"
        )

        response = admin_client.get(ENDPOINTS)

        [notice] = said(response)
        assert notice == (
            "Reports was disabled, having failed since 2026-01-01 12:00: <i>Gone"
        )
        assert "<i>Gone" not in response.content.decode()

    def test_enabling_sends_what_waited(
        self, admin_client, clock, endpoint, session, receiver
    ):
        receiver.will(answer(500), answer(200))
        relay_events()
        send_webhooks()
        WebhookEndpoint.objects.update(enabled=False, disabled_at=NOON)
        clock.shift(timedelta(minutes=1))

        change(admin_client, endpoint, enabled="on")

        assert endpoint.enabled
        assert endpoint.disabled_at is None
        assert send_webhooks() == 1

    def test_deleting_takes_deliveries_along(self, staff, clock, endpoint, session):
        client = staff("view_webhookendpoint", "delete_webhookendpoint")
        relay_events()

        page = page_of(endpoint).replace("change/", "delete/")
        assert "#1" not in client.get(page).content.decode()
        client.post(page, {"post": "yes"})

        assert not WebhookEndpoint.objects.exists()
        assert not WebhookDelivery.objects.exists()

    @pytest.mark.parametrize("action", ["rotate_secret", "send_test"])
    def test_who_may_only_view_does_nothing(self, staff, endpoint, receiver, action):
        client = staff("view_webhookendpoint")
        before = secrets_of(endpoint)

        assert "whsec_" not in act(client, action, endpoint).content.decode()
        assert "whsec_" not in rotate(client, endpoint).content.decode()

        endpoint.refresh_from_db()
        assert secrets_of(endpoint) == before
        assert receiver.requests == []
        assert add(client).status_code == 403
        assert client.post(page_of(endpoint), {"name": "Mine"}).status_code == 403

    def test_cost_the_same_with_more_rows(self, admin_client, endpoint):
        admin_client.get(ENDPOINTS)
        with CaptureQueriesContext(connection) as few:
            admin_client.get(ENDPOINTS)
        for i in range(5):
            WebhookEndpoint.objects.create(name=f"Endpoint {i}", url=endpoint.url)
        with CaptureQueriesContext(connection) as many:
            admin_client.get(ENDPOINTS)

        assert len(many) == len(few)


class TestDeliveries:
    @pytest.fixture
    def failed(self, clock, endpoint, session, receiver):
        receiver.will(answer(500, b"<b>No.</b>"), answer(204))
        relay_events()
        send_webhooks()
        WebhookDelivery.objects.update(status=Status.FAILED, due_at=None)
        return WebhookDelivery.objects.get()

    def test_show_why_they_failed_and_where(self, admin_client, failed, session):
        html = admin_client.get(DELIVERIES, {"status__exact": "failed"}).content.decode()

        assert "Answered 500: &lt;b&gt;No.&lt;/b&gt;" in html
        assert short_link(session) in html
        assert "Reports" in html
        assert admin_client.get(page_of(failed)).status_code == 200

    def test_are_found_by_their_session(
        self, admin_client, failed, session, session_factory
    ):
        assert found(admin_client, DELIVERIES, str(session.pk)[:8]) == [failed]
        assert found(admin_client, DELIVERIES, str(session_factory().pk)) == []

    def test_can_be_sent_again(self, staff, failed, receiver):
        client = staff("view_webhookdelivery", "change_webhookdelivery")

        act(client, "send_again", failed, DELIVERIES)

        assert send_webhooks() == 1
        assert WebhookDelivery.objects.get().status == Status.DELIVERED

    def test_who_may_only_view_sends_nothing(self, staff, failed):
        client = staff("view_webhookdelivery")

        assert '<select name="action"' not in client.get(DELIVERIES).content.decode()
        act(client, "send_again", failed, DELIVERIES)

        assert WebhookDelivery.objects.get().status == Status.FAILED

    def test_cost_the_same_with_more_rows(self, admin_client, failed, session_factory):
        admin_client.get(DELIVERIES)
        with CaptureQueriesContext(connection) as few:
            admin_client.get(DELIVERIES)
        for _ in range(5):
            session_factory()
        relay_events()
        with CaptureQueriesContext(connection) as many:
            admin_client.get(DELIVERIES)

        assert WebhookDelivery.objects.count() == 6
        assert len(many) == len(few)
