"""The example with agents that can be interrupted."""

from example_project.settings import *  # noqa: F403 - as settings are extended
from example_project.settings import ELIZA_SESSIONS, INSTALLED_APPS

ELIZA_SESSIONS["BACKENDS"] |= {
    "scripted": {"BACKEND": "django_eliza_sessions.testing.backends.ScriptedBackend"},
    "parrot": {"BACKEND": "tests.example.parrot.ParrotBackend"},
}
INSTALLED_APPS += ["tests.example.recording.apps.RecordingConfig"]
