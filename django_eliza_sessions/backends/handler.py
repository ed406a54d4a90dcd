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

        Only of those that are made: others may be large, and never be needed here.
        """
        made = ((alias, self._find(alias, entry)) for alias, entry in conf.backends.items())
        limits = ((alias, backend.history_limit) for alias, backend in made if backend)
        return {alias: limit for alias, limit in limits if 0 <= limit <= MOST}


backends = BackendHandler()
