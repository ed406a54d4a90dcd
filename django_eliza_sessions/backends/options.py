"""What backends that ask a service have in common: an extra, their options, a key."""

from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from django_eliza_sessions.conf import read_secret


def read_key(options: Mapping[str, Any]) -> str | None:
    """Return the key that ``api_key_env`` names; ``None`` where there is none."""
    name = options.get("api_key_env")
    return read_secret(name) if name else None


def check_options(
    options: Mapping[str, Any], *, known: Collection[str], package: str, extra: str
) -> Iterator[str]:
    """Yield what is wrong, a sentence each.

    Args:
        options: The backend's ``OPTIONS``.
        known: The names they may have.
        package: What must be importable.
        extra: The extra of ours that installs it.
    """
    if find_spec(package) is None:
        yield (f"{package} is not installed: pip install 'django-eliza-sessions[{extra}]'.")
    if "api_key" in options:
        yield (
            "OPTIONS must not hold an api_key: put it into an environment variable or a "
            "Django setting, and the name of that into api_key_env."
        )
    for name in sorted(options.keys() - {*known, "api_key"}):
        yield f"OPTIONS has no use for {name}; it takes {', '.join(sorted(known))}."
    key_name = options.get("api_key_env")
    if key_name and not read_key(options):
        yield f"Neither a Django setting nor an environment variable {key_name} is set."
