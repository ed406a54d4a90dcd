"""The example with an agent that speaks slowly, so that it can be interrupted."""

from example_project.settings import *  # noqa: F403 - as settings are extended
from example_project.settings import ELIZA_SESSIONS

ELIZA_SESSIONS["BACKENDS"]["scripted"] = {
    "BACKEND": "django_eliza_sessions.testing.backends.ScriptedBackend"
}
