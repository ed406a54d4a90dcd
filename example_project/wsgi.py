"""The project for WSGI servers."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")

application = get_wsgi_application()

# After Django is set up.
from example_project.backends import doctor  # noqa: E402
from example_project.scheduling import share_cores  # noqa: E402

# Before there are threads, which take it over.
share_cores()

# Made ready here, so that the first message does not wait for it.
doctor()

# What is loaded by now stays: looking through it again, for what nobody needs any more,
# would hold up requests for tens of milliseconds.
gc.collect()
gc.freeze()
# Requests that are answered side by side hold more new objects than it usually waits for,
# and it would look through them again and again.
gc.set_threshold(10_000)
