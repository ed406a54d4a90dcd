"""One setting: where its value comes from."""

import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")


class Setting(Generic[T]):
    """One setting, as a typed read-only attribute.

    Args:
        name: Its key in ``ELIZA_SESSIONS``.
        default: Its value when it is set nowhere.
        parse: Turns what was set, a string if it came from the environment, into the
            value; raises ``ValueError`` saying what is allowed.
        environment: The variable that sets it, by default ``ELIZA_SESSIONS_`` and its
            name; ``None`` where a string cannot.
    """

    def __init__(
        self,
        name: str,
        default: T,
        parse: Callable[[Any], T],
        environment: str | None = "",
    ) -> None:
        self.name = name
        self.default = default
        self.parse = parse
        self.environment = f"ELIZA_SESSIONS_{name}" if environment == "" else environment

    @overload
    def __get__(self, instance: None, owner: type) -> "Setting[T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> "T | Setting[T]":
        if instance is None:
            return self
        own = getattr(settings, "ELIZA_SESSIONS", {})
        if self.name in own:
            value, source = own[self.name], f'ELIZA_SESSIONS["{self.name}"]'
        elif self.environment and os.environ.get(self.environment):
            value, source = os.environ[self.environment], self.environment
        else:
            return self.default
        try:
            return self.parse(value)
        except (TypeError, ValueError) as error:
            raise ImproperlyConfigured(f"{source} {error}, not {value!r}.") from error
