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
        client.force_login(get_user_model().objects.create_user(name, **fields))
        return Api(client)

    return make


@pytest.fixture
def key_holder(db: None, closed_door: None) -> Api:
    """The API as the holder of the server's key sees it."""
    return Api(ConformingClient(headers={"X-API-KEY": KEY}))


@pytest.fixture
def asgi_server(transactional_db: None) -> Iterator[tuple[str, int]]:
    """The project on a real ASGI server; its host and port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        get_asgi_application(), lifespan="off", ws="none", log_level="warning"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listener.getsockname()
    server.should_exit = True
    thread.join()
