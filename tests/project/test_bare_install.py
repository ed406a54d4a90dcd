"""Without its extras the package works, and says which one is missing."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = """
import sys

MISSING = (
    *("celery", "kombu", "drf_spectacular_sidecar", "httpx2"),
    *("socketio", "standardwebhooks"),
)

sys.modules.update(dict.fromkeys(MISSING))  # None: they are not there.

from django.conf import settings

settings.configure(
    SECRET_KEY="bare",
    USE_TZ=True,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="django_eliza_sessions.urls",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ":memory:",
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        }
    },
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "django_eliza_sessions",
    ],
    ELIZA_SESSIONS={"ACCESS": "open", **OPTIONS},
)

import django

django.setup()
"""
CONVERSATION = """
import uuid
from django.core.management import call_command
from django.test import Client

call_command("check", fail_level="WARNING")
call_command("migrate", verbosity=0)

from django_eliza_sessions.models import Agent

agent = Agent.objects.create(name="Echo")
base, client = "/api/messaging/sessions", Client()
body = {"agentId": str(agent.pk), "userId": str(uuid.uuid4())}
created = client.post(base, body, content_type="application/json").json()
sent = client.post(
    f"{base}/{created['sessionId']}/messages",
    {"content": "Hello", "transport": "http"},
    content_type="application/json",
)
print(sent.status_code, sent.json()["agentResponse"]["text"])
"""
ERASURE = """
call_command("eliza_sessions_erase", user=body["userId"], yes=True)
print(Agent.objects.get().sessions.count(), "left")
"""
CHECK = """
from django.core.management import call_command

call_command("check")
"""
ENDPOINT = """
from django.core.management import call_command

call_command("migrate", verbosity=0)

from django_eliza_sessions.models import WebhookEndpoint

WebhookEndpoint.objects.create(name="Reports", url="https://example.com/")
call_command("migrate", verbosity=0, skip_checks=False)
"""


def run(program, options):
    """Run a program in a project that has none of the extras."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DJANGO_SETTINGS_MODULE", "DATABASE_URL")
    }
    return subprocess.run(
        [sys.executable, "-c", f"OPTIONS = {options!r}\n{BLOCK}{program}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_works():
    finished = run(CONVERSATION, {})

    assert finished.stdout.splitlines()[-1:] == ["201 Hello"], finished.stderr


def test_erases_without_an_admin_too():
    finished = run(CONVERSATION + ERASURE, {})

    assert finished.stdout.splitlines()[-1:] == ["0 left"], finished.stderr


def test_names_the_missing_extra():
    dispatcher = "django_eliza_sessions.tasks.dispatch_reply"

    finished = run(CHECK, {"REPLY_DISPATCHER": dispatcher})

    assert finished.returncode != 0
    assert "eliza_sessions.E005" in finished.stderr
    assert "django-eliza-sessions[celery]" in finished.stderr


def test_names_the_missing_extra_for_sockets():
    finished = run(CHECK, {"REALTIME_REDIS_URL": "redis://localhost"})
    assert "eliza_sessions.E008" in finished.stderr
    assert "django-eliza-sessions[realtime]" in finished.stderr

    finished = run("from django_eliza_sessions.realtime import with_sockets", {})
    assert "pip install 'django-eliza-sessions[realtime]'" in finished.stderr


def test_names_the_extra_that_endpoints_need():
    finished = run(ENDPOINT, {})

    assert finished.returncode != 0
    assert "eliza_sessions.E009" in finished.stderr
    assert "django-eliza-sessions[webhooks]" in finished.stderr
