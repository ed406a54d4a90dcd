"""From an alias to the backend it stands for, as Django's ``caches`` does."""

from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string

from django_eliza_sessions.backends.base import AgentBackend
from django_eliza_sessions.conf import conf

#: Messages: as many as a database counts to.
MOST = 2**31 - 1


class UnknownBackendError(LookupError):
    """No backend is configured under the alias."""


class BackendHandler:
    """The configured backends, made on first use and kept while their settings stay."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Mapping[str, Any], AgentBackend]] = {}

    def __getitem__(self, alias: str) -> AgentBackend:
        """Return the backend of an alias.

        Raises:
            UnknownBackendError: The ``BACKENDS`` setting has no such alias.
            ImportError: Its class cannot be imported.
        """
        entry = conf.backends.get(alias)
        if entry is None:
            known = ", ".join(sorted(conf.backends))
            raise UnknownBackendError(f"No backend {alias!r}; configured are: {known}.")
        backend = self._find(alias, entry)
        if backend is None:
            backend = import_string(entry["BACKEND"])(entry.get("OPTIONS", {}))
            self._made[alias] = (entry, backend)
        return backend

    def _find(self, alias: str, entry: Mapping[str, Any]) -> AgentBackend | None:
        """Return the backend that was made of an entry, if it was."""
        made_for, backend = self._made.get(alias, (None, None))
        return backend if made_for == entry else None

    def history_limits(self) -> dict[str, int]:
        """Return how many earlier messages backends want, by their aliases.

        Only of those that are made, for others may be large, and never be needed here;
        and only what a database takes: a wrong one is to fail its own replies only.
        """
        made = ((alias, self._find(alias, entry)) for alias, entry in conf.backends.items())
        limits = ((alias, _history_limit(backend)) for alias, backend in made)
        return {alias: limit for alias, limit in limits if limit is not None}


def _history_limit(backend: AgentBackend | None) -> int | None:
    try:
        limit = getattr(backend, "history_limit", None)
    except Exception:  # noqa: BLE001 - a backend is somebody else's code
        return None
    return limit if type(limit) is int and 0 <= limit <= MOST else None


backends = BackendHandler()
