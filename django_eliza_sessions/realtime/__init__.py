"""The Socket.IO door (contract, "Realtime"); needs the extra ``realtime``."""

try:
    import socketio  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError(
        "Realtime needs python-socketio: pip install 'django-eliza-sessions[realtime]'"
    ) from error

from django_eliza_sessions.realtime.server import with_sockets

__all__ = ["with_sockets"]
