"""Endpoints of webhooks: their secrets, their health, and trying them out."""

import base64
import logging
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils.crypto import salted_hmac

from django_eliza_sessions import webhooks
from django_eliza_sessions.conf import conf, read_secret_keys
from django_eliza_sessions.models import WebhookEndpoint
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.audit import Action, record
from django_eliza_sessions.services.dispatch import dispatch_job
from django_eliza_sessions.wire import timestamp

logger = logging.getLogger(__name__)


def secrets_of(endpoint: WebhookEndpoint) -> list[str]:
    """Return what its webhooks are signed with: the secret, and those it replaces.

    They are derived from Django's ``SECRET_KEY`` and its fallbacks, so that nothing
    stored has to be kept secret.
    """
    return [
        "whsec_" + base64.b64encode(_derive(endpoint, key)).decode()
        for key in read_secret_keys()
    ]


def _derive(endpoint: WebhookEndpoint, key: str | bytes) -> bytes:
    name = f"{endpoint.pk}:{endpoint.secret_version}"
    return salted_hmac(
        "django_eliza_sessions.webhooks", name, secret=key, algorithm="sha256"
    ).digest()


@transaction.atomic
def rotate_secret(endpoint: WebhookEndpoint) -> str:
    """Give the endpoint a new secret, and return it; the old one is void at once."""
    endpoint.secret_version = uuid.uuid4()
    endpoint.save(update_fields=["secret_version"])
    record(Action.SECRET_ROTATED, id=str(endpoint.pk))
    return secrets_of(endpoint)[0]


def send_test(endpoint: WebhookEndpoint) -> webhooks.Outcome:
    """Post an event that tells nothing, now, and return how it went."""
    now = clock.now()
    record(Action.ENDPOINT_TESTED, id=str(endpoint.pk))
    return webhooks.post(
        endpoint.url,
        secrets=secrets_of(endpoint),
        event_id=f"test-{uuid.uuid4()}",
        body=webhooks.write("webhook.test", timestamp(now), {"endpoint": endpoint.name}),
        sent_at=now,
    )


def enable_endpoint(endpoint: WebhookEndpoint) -> None:
    """Save an endpoint as enabled and in good health; what waited for it is sent."""
    endpoint.enabled = True
    endpoint.disabled_at = endpoint.failing_since = None
    endpoint.last_error = ""
    endpoint.save()
    transaction.on_commit(partial(dispatch_job, "send_webhooks"))


def note_successes(endpoints: Iterable[WebhookEndpoint]) -> None:
    """Note that endpoints took something; those disabled meanwhile keep saying why."""
    failing = WebhookEndpoint.objects.filter(enabled=True, failing_since__isnull=False)
    taken = failing.filter(pk__in={endpoint.pk for endpoint in endpoints})
    taken.update(failing_since=None, last_error="")


def forget_errors() -> None:
    """Empty what endpoints last said was wrong; that they fail stays known."""
    WebhookEndpoint.objects.exclude(last_error="").update(last_error="")


def note_failure(endpoint: WebhookEndpoint, now: datetime, error: str) -> None:
    """Note that an endpoint failed; disable it if it has for too long."""
    row = WebhookEndpoint.objects.filter(pk=endpoint.pk, enabled=True)
    row.update(failing_since=Coalesce("failing_since", now), last_error=error)
    patience = timedelta(days=conf.webhook_disable_after_days)
    if row.filter(failing_since__lte=now - patience).update(enabled=False, disabled_at=now):
        # Not why: what a receiver answered may repeat what it was sent.
        logger.error("Webhook endpoint %s was disabled; the admin says why", endpoint)
