"""From an alias to a backend."""

import pytest

from django_eliza_sessions.backends import UnknownBackendError, backends
from django_eliza_sessions.backends.echo import EchoBackend
from django_eliza_sessions.backends.handler import BackendHandler

ECHO = "django_eliza_sessions.backends.echo.EchoBackend"


def test_makes_a_backend_once():
    assert isinstance(backends["default"], EchoBackend)
    assert backends["default"] is backends["default"]


def test_makes_one_per_alias(configure):
    configure(BACKENDS={"a": {"BACKEND": ECHO}, "b": {"BACKEND": ECHO}})

    assert backends["a"] is not backends["b"]


def test_hands_over_the_options(configure):
    configure(BACKENDS={"echo": {"BACKEND": ECHO, "OPTIONS": {"volume": 11}}})

    assert backends["echo"].options == {"volume": 11}


def test_follows_the_settings(configure):
    configure(BACKENDS={"echo": {"BACKEND": ECHO}})
    first = backends["echo"]

    configure(BACKENDS={"echo": {"BACKEND": ECHO, "OPTIONS": {"volume": 11}}})

    assert backends["echo"] is not first
    assert backends["echo"].options == {"volume": 11}


def test_names_the_aliases_there_are():
    with pytest.raises(UnknownBackendError, match="'gone'; configured are: default, scr"):
        backends["gone"]


def test_class_that_is_not_there(configure):
    configure(BACKENDS={"echo": {"BACKEND": "nowhere.Backend"}})

    with pytest.raises(ImportError):
        backends["echo"]


class TestHistoryLimits:
    @pytest.fixture
    def handler(self, configure):
        configure(BACKENDS={"a": {"BACKEND": ECHO}, "b": {"BACKEND": ECHO}})
        return BackendHandler()

    def test_are_of_those_that_are_made(self, handler, monkeypatch):
        monkeypatch.setattr(handler["a"], "history_limit", 7)

        assert handler.history_limits() == {"a": 7}

    def test_follow_the_settings(self, handler, configure):
        assert handler["a"]

        configure(BACKENDS={"a": {"BACKEND": ECHO, "OPTIONS": {"volume": 11}}})

        assert handler.history_limits() == {}

    @pytest.mark.parametrize("limit", [-1, 2**31, None, "5", 5.0, True])
    def test_leave_out_what_a_database_refuses(self, handler, monkeypatch, limit):
        monkeypatch.setattr(handler["a"], "history_limit", limit)

        assert handler.history_limits() == {}

    def test_leave_out_one_that_fails(self, handler, monkeypatch):
        monkeypatch.setattr(EchoBackend, "history_limit", property(lambda _self: 1 / 0))
        assert handler["a"]

        assert handler.history_limits() == {}
