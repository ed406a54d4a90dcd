"""The example project, with agents that answer by script instead of talking."""

import os

from example_project.settings import *  # noqa: F403 - the same, but for what follows
from example_project.settings import DATABASES

DEBUG = False
SECRET_KEY = "only-for-benchmarks"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "benchmarks.urls"
LOGGING = {"version": 1, "disable_existing_loggers": False}
ELIZA_SESSIONS = {
    "ACCESS": os.environ.get("BENCH_ACCESS", "open"),
    "ELIZA_SERVER_AUTH_TOKEN": "only-for-benchmarks",
    "BACKENDS": {
        "default": {"BACKEND": "django_eliza_sessions.testing.backends.ScriptedBackend"},
        "canned": {"BACKEND": "benchmarks.backends.CannedBackend"},
        "clock": {"BACKEND": "benchmarks.backends.ClockBackend"},
    },
}
# A thread of a WSGI server can keep its connection; under ASGI they are pooled.
if os.environ.get("BENCH_CONNECTIONS") == "persistent":
    DATABASES["default"]["CONN_MAX_AGE"] = None
    DATABASES["default"].get("OPTIONS", {}).pop("pool", None)
