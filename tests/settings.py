"""Settings of the tests: the app in a plain project, on SQLite or DATABASE_URL."""

import os
import tempfile
from pathlib import Path

import environ

env = environ.Env()

SECRET_KEY = "only-for-tests"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "tests.urls"
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_eliza_sessions",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if os.environ.get("DATABASE_URL"):
    DATABASES = {"default": env.db("DATABASE_URL")}
    # PostgreSQL is stricter with this way; Django's own default needs less.
    if DATABASES["default"]["ENGINE"].endswith("postgresql"):
        strictly = {"server_side_binding": True, "prepare_threshold": 2}
        DATABASES["default"]["OPTIONS"] = (
            {} if os.environ.get("DATABASE_CLIENT_BINDING") else strictly
        )
else:
    # A file, not memory: threads and other processes must meet in it.
    _file = Path(tempfile.gettempdir()) / f"eliza-sessions-tests-{os.getpid()}.sqlite3"
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(_file),
            "TEST": {"NAME": str(_file)},
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    }

SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.1",
    "TITLE": "Sessions API",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
}

ELIZA_SESSIONS = {
    "ACCESS": "open",
    "JOB_DISPATCHER": "django_eliza_sessions.services.jobs.run_job",
    "BACKENDS": {
        "default": {"BACKEND": "django_eliza_sessions.backends.echo.EchoBackend"},
        "scripted": {"BACKEND": "django_eliza_sessions.testing.backends.ScriptedBackend"},
    },
}
