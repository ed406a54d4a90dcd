"""A server to talk to."""

from collections.abc import Iterator

import pytest

from tests.backends.loopback import Server, loopback


@pytest.fixture
def server() -> Iterator[Server]:
    with loopback() as server:
        yield server
