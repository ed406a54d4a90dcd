"""The project for WSGI servers."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")

application = get_wsgi_application()

# After Django is set up.
from example_project.backends import doctor  # noqa: E402

# Made ready here, so that the first message does not wait for it.
doctor()
