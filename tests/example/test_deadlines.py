"""Thousands of deadlines while processes are killed: each gives one warning, heard of."""

import os
import random
import time

import pytest

from tests.example.test_celery import postgresql  # noqa: F401 - a fixture
from tests.services.race import wait_until

pytestmark = pytest.mark.endurance

SESSIONS = 10_000
# Sessions that were made half an hour ago: to be warned about now, and over soon.
MAKE = f"""
import uuid
from datetime import timedelta
from django.utils import timezone
from django_eliza_sessions.models import Agent, Session
now, agent = timezone.now(), Agent.objects.get()
def make(number):
    expires = now + timedelta(seconds=60 + number * 5 / {SESSIONS})
    made, warns = expires - timedelta(minutes=30), expires - timedelta(minutes=5)
    return Session(
        agent=agent, user_id=uuid.uuid4(), owner="x", timeout_minutes=30, auto_renew=True,
        max_duration_minutes=720, warning_threshold_minutes=5, created_at=made,
        last_activity_at=made, renewed_at=made, expires_at=expires, warns_at=warns,
        sweep_at=warns)
Session.objects.bulk_create([make(n) for n in range({SESSIONS})], batch_size=500)
"""
STATE = """
from django.db.models import Count
from django_eliza_sessions.models import Event, Session
print(
    Session.objects.filter(close_reason="expired").count(),
    Event.objects.filter(relay_at__isnull=False).count(),
)
"""
EVENTS = """
from django_eliza_sessions.models import Event
for kind in "warned", "expired":
    events = Event.objects.filter(kind=kind)
    print(events.count(), events.values("session", "deadline").distinct().count())
print(*Event.objects.filter(kind__in=["warned", "expired"]).values_list("pk", flat=True))
"""


@pytest.mark.parametrize("kind", ["embedded", "celery"])
def test_killed_at_random(kind, make_server, request, tmp_path):
    environment = {"DJANGO_SETTINGS_MODULE": "tests.example.settings"}
    victims = ["beat", "web"]
    if kind == "celery":
        redis = request.getfixturevalue("redis")
        environment["CELERY_BROKER_URL"] = redis.url
        victims = ["sweeper", "redis"]
        if os.environ.get("DATABASE_URL"):
            environment["DATABASE_URL"] = request.getfixturevalue("postgresql")
    server = make_server(**environment).start()
    dice = random.Random()

    def kill():
        for victim in victims:
            time.sleep(dice.uniform(0, 2))
            if victim == "redis":
                redis.kill()
                redis.start()
                continue
            server.kill(victim)

    server.shell(MAKE)
    kill()
    # Each look is a process, which the parts should not have to compete with.
    wait_until(
        lambda: not server.shell(STATE).startswith("0 "), "the first to be over", pause=2
    )
    kill()
    wait_until(lambda: server.shell(STATE) == f"{SESSIONS} 0", "every deadline", pause=2)

    warned, expired, keys = server.shell(EVENTS).splitlines()
    assert warned == expired == f"{SESSIONS} {SESSIONS}"
    received = (tmp_path / "received").read_text().split()
    assert set(received) == set(keys.split())
