"""From an alias to the backend it stands for, as Django's ``caches`` does."""

from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string

from django_eliza_sessions.backends.base import AgentBackend
from django_eliza_sessions.conf import conf


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
        made_for, backend = self._made.get(alias, (None, None))
        if backend is None or made_for != entry:
            backend = import_string(entry["BACKEND"])(entry.get("OPTIONS", {}))
            self._made[alias] = (entry, backend)
        return backend


backends = BackendHandler()
