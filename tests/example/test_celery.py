"""The example with servers around it: Redis as the broker, and PostgreSQL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest

from tests.conftest import need
from tests.example.conftest import is_alive
from tests.services.race import wait_until


def with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=path))


@pytest.fixture
def broker() -> str:
    """A Redis database that nothing else uses."""
    url = os.environ.get("REDIS_URL", "")
    need(bool(url), "REDIS_URL is not set")
    return with_path(url, "/15")


@contextmanager
def postgresql_database() -> Iterator[str]:
    """Make a PostgreSQL database for a while; its URL."""
    url = os.environ.get("DATABASE_URL", "")
    need(url.startswith("postgres"), "DATABASE_URL names no PostgreSQL")
    name = f"eliza_example_{uuid4().hex}"
    with psycopg.connect(with_path(url, "/postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield with_path(url, f"/{name}")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgresql() -> Iterator[str]:
    """A PostgreSQL database of its own."""
    with postgresql_database() as url:
        yield url


@pytest.mark.redis
def test_a_worker_answers(broker, make_server):
    server = make_server(CELERY_BROKER_URL=broker).start()
    assert {*server.pids} == {"web", "beat", "sweeper", "answerer"}
    session = server.create_session()

    server.call(f"/{session}/messages", {"content": "Hello there"})

    wait_until(lambda: server.answers(session), "the worker's answer")
    assert "answer_reply" in server.output
    assert server.stop() == 0
    assert not any(map(is_alive, server.pids.values()))
    assert "Traceback" not in server.output


@pytest.mark.redis
@pytest.mark.postgresql
def test_a_worker_answers_on_postgresql(broker, postgresql, make_server):
    server = make_server(
        CELERY_BROKER_URL=broker, REDIS_URL=broker, DATABASE_URL=postgresql
    ).start()
    session = server.create_session()

    server.call(f"/{session}/messages", {"content": "Hello there"})

    wait_until(lambda: server.answers(session), "the worker's answer")
    assert server.stop() == 0
    assert "Traceback" not in server.output


def test_a_message_is_taken_without_its_broker(make_server):
    server = make_server(CELERY_BROKER_URL="redis://127.0.0.1:1/0").start()
    session = server.create_session()
    assert server.call(f"/{session}/messages", {"content": "Hello there"})["success"]
    assert server.stop() == 0
