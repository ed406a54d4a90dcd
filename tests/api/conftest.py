"""Fixtures of the API tests: callers, keys, and real servers."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from django.contrib.auth import get_user_model
from django.core.asgi import get_asgi_application
from django.test import Client

from django_eliza_sessions.services.access import user_id_of
from tests.conftest import Api
from tests.openapi.conformance import ConformingClient

KEY = "correct horse"


@pytest.fixture
def closed_door(settings: Any) -> None:
    """Every caller must authenticate; ``KEY`` is the server's own key."""
    settings.ELIZA_SESSIONS = settings.ELIZA_SESSIONS | {
        "ACCESS": "key",
        "ELIZA_SERVER_AUTH_TOKEN": KEY,
    }


@pytest.fixture
def login(db: None) -> Callable[..., Api]:
    """Make a user of the project and return the API as they see it."""

    def make(name: str, **fields: Any) -> Api:
        client = Client()
        user = get_user_model().objects.create_user(name, **fields)
        client.force_login(user)
        return Api(client, user_id_of(user))

    return make


@pytest.fixture
def key_holder(db: None, closed_door: None) -> Api:
    """The API as the holder of the server's key sees it."""
    return Api(ConformingClient(headers={"X-API-KEY": KEY}))


@pytest.fixture
def serve_asgi(transactional_db: None) -> Iterator[Callable[[Any], tuple[str, int]]]:
    """Serve an ASGI application on a real server; return its host and port."""
    running = []

    def start(application: Any) -> tuple[str, int]:
        listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(application, lifespan="off", ws="none", log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        running.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return listener.getsockname()

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join()


@pytest.fixture
def asgi_server(serve_asgi: Callable[[Any], tuple[str, int]]) -> tuple[str, int]:
    """The project on a real ASGI server; its host and port."""
    return serve_asgi(get_asgi_application())
