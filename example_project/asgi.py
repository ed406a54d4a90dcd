"""The project for ASGI servers."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")

application = get_asgi_application()

from example_project.backends import doctor  # noqa: E402 - after Django is set up

# Made ready here, so that the first message does not wait for it.
doctor()
