"""Settings of the example: everything embedded, unless the environment says otherwise.

Read from the environment, where an empty variable counts as not set:
    DEBUG: true by default, for trying things on one's own machine.
    SECRET_KEY, ALLOWED_HOSTS: needed when DEBUG is false.
    DATA_DIR: where SQLite and beat keep their files; ``.data`` by default.
    DATABASE_URL: e.g. ``postgres://user:password@host/name`` instead of SQLite.
    CELERY_BROKER_URL: e.g. ``redis://host/0``; then a Celery worker answers messages,
        instead of threads of the web process.
    REDIS_URL: Django's cache, shared by all processes.
    ELIZA_SESSIONS_ACCESS: ``open`` by default, ``key`` when DEBUG is false.
The settings of the app itself have variables of their own.
"""

from pathlib import Path

import environ

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = env.bool("DEBUG", default=True)
SECRET_KEY = env("SECRET_KEY", default="only-for-local-use" if DEBUG else env.NOTSET)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
ROOT_URLCONF = "example_project.urls"
ASGI_APPLICATION = "example_project.asgi.application"
WSGI_APPLICATION = "example_project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"

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
    "example_project",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "example_project.middleware.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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
STATIC_URL = "static/"
# Served from where the apps keep them, so that nothing has to be collected.
WHITENOISE_USE_FINDERS = True

# -- Where things are kept -----------------------------------------------------------

DATA_DIR = Path(env("DATA_DIR", default="") or BASE_DIR / ".data")
DATA_DIR.mkdir(parents=True, exist_ok=True)

if database_url := env("DATABASE_URL", default=""):
    DATABASES = {"default": env.db_url_config(database_url)}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "db.sqlite3",
            # Writers wait for each other, and readers for nobody.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    }
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # Under ASGI every request has a thread of its own, so connections are pooled.
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    pool = {"min_size": 1, "max_size": 20}
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = pool

if redis_url := env("REDIS_URL", default=""):
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": redis_url,
        }
    }

# -- Who works in the background -----------------------------------------------------

broker_url = env("CELERY_BROKER_URL", default="")
CELERY_BROKER_URL = broker_url or "memory://localhost/"
# Without a broker beat runs the periodic tasks itself, in its own process.
CELERY_TASK_ALWAYS_EAGER = not broker_url
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A request must not wait for a dead broker: its reply is handed out again by beat.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_TIMEOUT = 2
# Slow answers must not hold up the sweeps, so they have a queue and a worker of their own.
CELERY_TASK_ROUTES = {"django_eliza_sessions.tasks.answer_reply": {"queue": "replies"}}
if broker_url.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 5}

# -- The app -------------------------------------------------------------------------

ELIZA_SESSIONS = {
    "ACCESS": env("ELIZA_SESSIONS_ACCESS", default="") or ("open" if DEBUG else "key"),
    "BACKENDS": {
        "default": {"BACKEND": "example_project.backends.ElizaBackend"},
        "echo": {"BACKEND": "django_eliza_sessions.backends.echo.EchoBackend"},
        "slow": {"BACKEND": "example_project.backends.SlowBackend"},
    },
}
if broker_url:
    ELIZA_SESSIONS["REPLY_DISPATCHER"] = "django_eliza_sessions.tasks.dispatch_reply"

REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}

SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.1",
    "TITLE": "Sessions API",
    "DESCRIPTION": "Conversations with agents, as the ElizaOS Sessions API defines them.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    # Replaces Django's own handlers, which would say everything twice.
    # The server's log has every request, so that 4xx need no second line.
    "loggers": {"django": {"level": "INFO"}, "django.request": {"level": "ERROR"}},
}
