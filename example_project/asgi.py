"""The project for ASGI servers."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")

django_application = get_asgi_application()

# After Django is set up.
from django_eliza_sessions.asgi import with_body_limit  # noqa: E402
from django_eliza_sessions.realtime import with_sockets  # noqa: E402
from example_project.backends import doctor  # noqa: E402

application = with_sockets(with_body_limit(django_application))

# Made ready here, so that the first message does not wait for it.
doctor()
