"""Several web processes, with and without a Redis that may be killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.realtime import announcing
from django_eliza_sessions.services import lifecycle
from tests.servers import database_url, free_port, takes_connections
from tests.services.race import wait_until

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "tests.settings"}
WORKER = """
import sys, django
django.setup()
from django_eliza_sessions.principals import SYSTEM
from django_eliza_sessions.services import lifecycle
lifecycle.renew_session(principal=SYSTEM, session_id=sys.argv[1])
sys.stdin.read()
"""
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def start_process(transactional_db):
    """Start a web process; return its address."""
    processes = []

    def start(**environment):
        port = free_port()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "tests.realtime.asgi:application"),
                *("--port", str(port), "--log-level", "warning"),
                *("--timeout-graceful-shutdown", "1"),
            ],
            cwd=ROOT,
            env=ENVIRONMENT | {"DATABASE_URL": database_url()} | environment,
        )
        processes.append(process)
        wait_until(lambda: takes_connections(port), "a web process")
        return f"http://127.0.0.1:{port}"

    yield start
    for process in processes:
        process.terminate()
    for process in processes:
        assert process.wait(60) in (0, -15)


@pytest.fixture
def session(agent_factory, session_factory):
    """A session whose agent speaks in pieces."""
    agent = agent_factory(backend_options={"chunks": ["One ", "two."]})
    return session_factory(agent_id=agent.pk)


def converse(one, other, session):
    """Send with one socket; return the chunks that the other hears."""
    before = other.names().count("messageComplete")
    one.call("2", {"channelId": str(session.pk), "message": "Hello"})
    for socket in (one, other):
        socket.wait_for("messageComplete", before + 1)
    return [p["chunk"] for name, p in other.told if name == "messageStreamChunk"]


def test_without_redis_all_that_must_be_heard_is(start_process, connect, session):
    one, other = connect(start_process()), connect(start_process())
    one.join(session)
    other.join(session)
    converse(one, other, session)
    lifecycle.end_session(principal=SYSTEM, session_id=session.pk)
    for socket in (one, other):
        socket.wait_for("sessionEnded")
        assert socket.sequences() == [2, 3, 4, 5]


def test_with_redis_what_may_be_missed_is_heard_too(start_process, connect, session, redis):
    """It is killed in between: then chunks are missed, and nothing else."""
    environment = {"ELIZA_SESSIONS_REALTIME_REDIS_URL": redis.url}
    one, other = (connect(start_process(**environment)) for _ in range(2))
    one.join(session)
    other.join(session)
    wait_for_listeners(redis, 2)
    assert converse(one, other, session) == ["One ", "two."]

    redis.kill()
    assert converse(one, other, session) == ["One ", "two."]

    redis.start()
    wait_for_listeners(redis, 2)
    assert converse(one, other, session) == 2 * ["One ", "two."]

    # A process without sockets, such as a Celery worker.
    heard = [socket.names().count("sessionRenewed") for socket in (one, other)]
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(session.pk)],
        cwd=ROOT,
        env=ENVIRONMENT | {"DATABASE_URL": database_url()} | environment,
        stdin=subprocess.PIPE,
    ):
        for socket, before in zip((one, other), heard, strict=True):
            assert socket.wait_for("sessionRenewed", before + 1)["renewalCount"] == 4
    assert one.sequences() == other.sequences() == list(range(2, 11))


def wait_for_listeners(redis, count):
    import redis as client

    with client.Redis(port=redis.port) as connection:
        wait_until(
            lambda: (
                dict(connection.pubsub_numsub("eliza-sessions"))[b"eliza-sessions"] == count
            ),
            "the processes to listen",
        )


def test_a_dead_redis_holds_nobody_up(session, configure, caplog):
    """Announcing returns at once, however much there is, and fails nobody."""
    url = f"redis://127.0.0.1:{free_port()}/0"
    configure(REALTIME_REDIS_URL=url)
    announcing.connect()
    for _ in range(announcing.MAX_WAITING * 2):
        announcing._announce_renewal(session)
    lifecycle.renew_session(principal=SYSTEM, session_id=session.pk)
    session.refresh_from_db()
    assert session.renewal_count == 1
    assert "was dropped" in caplog.text
    announcing._publisher(url).queue.clear()
