"""A process that ends while it relays and sends: quietly, and nothing is lost."""

import os
import subprocess
import sys

import pytest

from django_eliza_sessions.models import WebhookDelivery, WebhookEndpoint
from django_eliza_sessions.services.jobs import JOBS, recover_jobs
from tests.servers import ROOT, database_url
from tests.services.race import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
Status = WebhookDelivery.Status

BEGIN = """
import sys, threading, time
from concurrent.futures import thread
import django
from django.conf import settings
settings.ELIZA_SESSIONS |= {
    "JOB_DISPATCHER": "django_eliza_sessions.services.jobs.run_in_thread",
    "WEBHOOK_ALLOW_HTTP": True,
    "WEBHOOK_ALLOWED_NETWORKS": ["127.0.0.0/8"],
}
django.setup()
from django_eliza_sessions import signals
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import lifecycle

def wait_for_the_end(**_arguments):
    while not thread._shutdown:
        time.sleep(0.01)

def make():
    return lifecycle.create_session(
        principal=SYSTEM, agent_id=sys.argv[1], user_id=sys.argv[1]
    )
"""
#: Its relay finds the second session once the interpreter takes no more work.
RELAYING = f"""
{BEGIN}
signals.session_created.connect(wait_for_the_end)
make()
make()
"""
#: Its sender gets the answer to the first event once it cannot send the second.
SENDING = f"""
{BEGIN}
def announce():
    wait_for_the_end()
    print("ending", flush=True)

session = make()
sys.stdin.read()
lifecycle.end_session(principal=SYSTEM, session_id=session.pk)
threading.Thread(target=announce, daemon=True).start()
"""


@pytest.fixture
def start(agent, receiver):
    WebhookEndpoint.objects.create(name="Receiver", url=receiver.url)

    def start(script):
        return subprocess.Popen(
            [sys.executable, "-c", script, str(agent.pk)],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "DJANGO_SETTINGS_MODULE": "tests.settings",
                "DATABASE_URL": database_url(),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def recover():
    """Do what the next process finds to do."""
    recover_jobs(lambda name: JOBS[name]())
    return sorted(WebhookDelivery.objects.values_list("status", flat=True))


def test_while_relaying(start, receiver):
    with start(RELAYING) as process:
        _, errors = process.communicate(timeout=60)

    assert errors == ""
    assert recover() == [Status.DELIVERED] * 2
    assert len(receiver.requests) == 2


def test_while_sending(start, receiver):
    def answer(handler):
        assert process.stdout.readline() == "ending\n"
        handler.begin(200)

    receiver.will(answer, lambda handler: handler.begin(200))
    with start(SENDING) as process:
        wait_until(lambda: receiver.requests, "the first event")
        process.stdin.close()
        errors = process.stderr.read()

    assert errors == ""
    statuses = WebhookDelivery.objects.order_by("sequence").values_list("status", flat=True)
    assert list(statuses) == [Status.DELIVERED, Status.PENDING]
    assert recover() == [Status.DELIVERED] * 2
    assert len(receiver.requests) == 2
