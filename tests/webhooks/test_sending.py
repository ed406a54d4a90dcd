"""Sending one webhook, to a real receiver."""

import json
import socket

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from django_eliza_sessions.services import clock
from django_eliza_sessions.webhooks import Outcome, post, sending
from tests.webhooks.receiver import (
    answer,
    close,
    drip,
    flood,
    keep_silent,
    make_certificate,
    receiving,
)

SECRET = "whsec_" + "A" * 44
OTHER = "whsec_" + "B" * 44


def send(url, **arguments):
    return post(
        url,
        **{
            "secrets": [SECRET],
            "event_id": "7",
            "body": b'{"type":"test"}',
            "sent_at": clock.now(),
        }
        | arguments,
    )


def test_arrives_as_it_was_signed(receiver):
    assert send(receiver.url) == Outcome(status=204)

    [(path, headers, body)] = receiver.requests
    assert path == "/hook?a=b"
    assert headers["Host"] == f"127.0.0.1:{receiver.server_port}"
    assert headers["Content-Type"] == "application/json"
    assert headers["Webhook-Id"] == "7"
    assert body == b'{"type":"test"}'
    assert receiver.verified(SECRET) == [{"type": "test"}]


def test_receivers_notice_a_change(receiver):
    send(receiver.url)
    [(_path, headers, body)] = receiver.requests

    for secret, changed in ((OTHER, body), (SECRET, body + b" ")):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(changed, dict(headers))


def test_either_secret_verifies(receiver):
    send(receiver.url, secrets=[SECRET, OTHER])

    assert receiver.verified(SECRET) == receiver.verified(OTHER)


@pytest.mark.parametrize("status", [400, 410, 429, 500, 503])
def test_a_refusal_is_quoted(receiver, status):
    receiver.will(answer(status, b"Not\0 now\xff."))

    assert send(receiver.url) == Outcome(
        status=status, error=f"Answered {status}: Not now\N{REPLACEMENT CHARACTER}."
    )


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_a_refusal_without_a_word(receiver, body):
    receiver.will(answer(400, body))

    assert send(receiver.url).error == "Answered 400."


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(receiver, status):
    receiver.will(answer(status, Location=receiver.url), answer(200))

    outcome = send(receiver.url)

    assert outcome.status == status
    assert outcome.error
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("act", [keep_silent, drip], ids=["silent", "drip"])
def test_who_takes_too_long_is_hung_up_on(receiver, configure, act):
    configure(WEBHOOK_TIMEOUT_SECONDS=1)
    receiver.will(act)

    assert send(receiver.url) == Outcome(error="No answer within 1 seconds.")
    assert receiver.hung_up.wait(20)


def test_a_refusal_without_end_is_not_read(receiver):
    receiver.will(flood)

    outcome = send(receiver.url)

    assert outcome.status == 500
    assert len(outcome.error) <= sending.MAX_ANSWER + 20
    assert receiver.hung_up.wait(20)


def test_an_answer_that_is_no_refusal_need_not_end(receiver):
    def begin_only(handler):
        handler.begin(200, Content_Length="10")
        handler.wait_for_hang_up()

    receiver.will(begin_only)

    assert send(receiver.url) == Outcome(status=200)
    assert receiver.hung_up.wait(20)


def test_closed_connections_are_failures(receiver):
    receiver.will(close)

    outcome = send(receiver.url)

    assert outcome.status is None
    assert "RemoteProtocolError" in outcome.error


def test_nobody_there(webhooks_allowed):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        assert "ConnectError" in send(f"http://127.0.0.1:{port}/").error


def test_refused_addresses_are_not_even_connected_to(receiver, configure):
    configure(WEBHOOK_ALLOWED_NETWORKS=[])

    assert "neither public nor" in send(receiver.url).error
    assert receiver.requests == []


def test_proxies_of_the_environment_are_not_asked(receiver, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert send(receiver.url) == Outcome(status=204)


class Names:
    """A resolver that tells another address each time it is asked."""

    def __init__(self, *answers):
        self.answers = [*answers]

    def __call__(self, host, port, **_kwargs):
        if host in ("127.0.0.1", "127.0.0.2"):  # Asked to connect.
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in self.answers.pop(0)
        ]


def test_goes_where_it_was_checked_whatever_the_name_says_next(receiver, monkeypatch):
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    monkeypatch.setattr(socket, "getaddrinfo", names)

    outcome = send(f"http://hooks.example:{receiver.server_port}/")

    assert outcome == Outcome(status=204)
    assert names.answers == [["10.0.0.1"]]
    assert receiver.requests[0][1]["Host"] == f"hooks.example:{receiver.server_port}"


def test_tries_every_address_of_a_name(receiver, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", Names(["127.0.0.2", "127.0.0.1"]))

    assert send(f"http://hooks.example:{receiver.server_port}/") == Outcome(status=204)


class TestCertificates:
    @pytest.fixture
    def certificate(self, tmp_path, webhooks_allowed):
        return make_certificate(tmp_path, "DNS:hooks.example", "IP:127.0.0.1")

    @pytest.fixture
    def trusted(self, certificate, monkeypatch):
        """Have the machine trust the certificate."""
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        sending._tls.cache_clear()
        yield certificate
        sending._tls.cache_clear()

    def test_unknown_ones_are_refused(self, certificate):
        with receiving(certificate) as receiver:
            outcome = send(receiver.url)

        assert "CERTIFICATE_VERIFY_FAILED" in outcome.error
        assert receiver.requests == []

    def test_trusted_ones_are_fine(self, trusted):
        with receiving(trusted) as receiver:
            assert send(receiver.url) == Outcome(status=204)

    def test_are_those_of_the_name(self, trusted, monkeypatch):
        monkeypatch.setattr(socket, "getaddrinfo", Names(["127.0.0.1"], ["127.0.0.1"]))
        with receiving(trusted) as receiver:
            port = receiver.server_port

            assert send(f"https://hooks.example:{port}/") == Outcome(status=204)
            assert "mismatch" in send(f"https://others.example:{port}/").error

        assert len(receiver.requests) == 1


def test_bodies_may_be_anything_json_can_say(receiver):
    body = json.dumps({"text": "snowman ☃ \ud800 \0"}).encode()

    send(receiver.url, body=body)

    assert receiver.verified(SECRET) == [{"text": "snowman ☃ \ud800 \0"}]
