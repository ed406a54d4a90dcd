"""The example project, with agents that answer by script instead of talking."""

from example_project.settings import *  # noqa: F403 - the same, but for what follows

DEBUG = False
SECRET_KEY = "only-for-benchmarks"
ALLOWED_HOSTS = ["*"]
LOGGING = {"version": 1, "disable_existing_loggers": False}
ELIZA_SESSIONS = {
    "ACCESS": "open",
    "BACKENDS": {
        "default": {"BACKEND": "django_eliza_sessions.testing.backends.ScriptedBackend"},
        "clock": {"BACKEND": "benchmarks.backends.ClockBackend"},
    },
}
