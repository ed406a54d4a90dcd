"""The tests' project, for web processes of its own."""

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from django_eliza_sessions.realtime import with_sockets  # noqa: E402 - needs the apps

application = with_sockets(django_application)
