"""The receiver of docs/webhooks.md."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from django_eliza_sessions.models import WebhookEndpoint
from django_eliza_sessions.services.endpoints import secrets_of, send_test

DOCUMENT = (Path(__file__).parents[2] / "docs/webhooks.md").read_text()


@pytest.fixture
def endpoint(db, configure):
    configure(WEBHOOK_ALLOW_HTTP=True, WEBHOOK_ALLOWED_NETWORKS=["127.0.0.0/8"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return WebhookEndpoint.objects.create(name="Mine", url=f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("is_genuine", [True, False])
def test_takes_what_is_genuine(endpoint, is_genuine):
    [code] = re.findall(r"```python\n(# receiver.py.*?)```", DOCUMENT, re.DOTALL)
    code = code.replace("8001", endpoint.url.split(":")[2].strip("/"))
    # Says when it listens, so that nobody need wait.
    code = code.replace("HTTPServer((", "server = HTTPServer((")
    code = code.replace(").serve_forever()", ")\nprint('Ready', flush=True)\n")
    secret = secrets_of(endpoint)[0] if is_genuine else "whsec_" + 44 * "A"
    with subprocess.Popen(
        [sys.executable, "-c", code + "server.handle_request()", secret],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as receiver:
        assert receiver.stdout.readline() == "Ready\n"
        outcome = send_test(endpoint)
        said = receiver.stdout.read()

    assert (outcome.status == 204) is is_genuine
    assert said == ("webhook.test {'endpoint': 'Mine'}\n" if is_genuine else "")
