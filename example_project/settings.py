"""Settings of the example: everything embedded, unless the environment says otherwise.

Read from the environment, where an empty variable counts as not set:
    DEBUG: true by default, for trying things on one's own machine.
    SECRET_KEY, ALLOWED_HOSTS: needed when DEBUG is false.
    HTTPS: true when DEBUG is false; then cookies need it, and http leads to it.
    DATA_DIR: where SQLite keeps its file; ``.data`` by default.
    HOST, PORT (read by serve.py): where to serve; 127.0.0.1 and 3000 by default.
    DATABASE_URL: e.g. ``postgres://user:password@host/name`` instead of SQLite.
    DATABASE_POOL: how many connections to PostgreSQL each process may have; 20.
    DATABASE_PREPARE: whether PostgreSQL keeps the plans of statements that come again;
        true. Not behind a pooler that gives each transaction another connection.
    CELERY_BROKER_URL: e.g. ``redis://host/0``; then a Celery worker answers messages,
        instead of threads of the web process.
    REDIS_URL: Django's cache, what sockets hear, and what is limited, for all processes.
    ELIZA_SESSIONS_TRUSTED_PROXIES: networks of the proxies in front, if there are any;
        then it is they who say whether a request came by https.
    ELIZA_SESSIONS_ACCESS: ``open`` by default, ``key`` when DEBUG is false.
    ELIZA_SESSIONS_CREATE_LIMITS, ELIZA_SESSIONS_MESSAGE_LIMITS: 10 and 100 a minute.
The settings of the app itself have variables of their own.
"""

from pathlib import Path

import django
import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = not env("DEBUG", default="") or env.bool("DEBUG")
SECRET_KEY = env("SECRET_KEY", default="") or ("only-for-local-use" if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "DEBUG is false: set SECRET_KEY to a long random text, and ALLOWED_HOSTS to the "
        "names of the site, with commas in between."
    )
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
    "example_project.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "example_project.middleware.AuthenticationMiddleware",
    "example_project.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware"
    if django.VERSION >= (6,)
    else "example_project.policy.ContentSecurityPolicyMiddleware",
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

# -- What browsers are told ----------------------------------------------------------

# Nothing from elsewhere and nothing inline; 'self' includes our own WebSocket.
SECURE_CSP = {
    "default-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}
SECURE_REFERRER_POLICY = "same-origin"
if env.bool("HTTPS", default=not DEBUG):
    SECURE_SSL_REDIRECT = True
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
if env("ELIZA_SESSIONS_TRUSTED_PROXIES", default=""):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# HSTS for subdomains, and on browsers' own lists, is up to who owns the whole domain.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# -- Where things are kept -----------------------------------------------------------

if database_url := env("DATABASE_URL", default=""):
    DATABASES = {"default": env.db_url_config(database_url)}
    if "ENGINE" not in DATABASES["default"]:
        raise ImproperlyConfigured(
            "DATABASE_URL must be such as postgres://user:password@host/name."
        )
else:
    DATA_DIR = Path(env("DATA_DIR", default="") or BASE_DIR / ".data")
    DATA_DIR.mkdir(parents=True, exist_ok=True)
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
    # Every request may have a thread of its own, so connections are pooled.
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    options = DATABASES["default"].setdefault("OPTIONS", {})
    options["pool"] = {
        "min_size": 1,
        "max_size": int(env("DATABASE_POOL", default="") or 20),
    }
    options["connect_timeout"] = 5
    if not env("DATABASE_PREPARE", default="") or env.bool("DATABASE_PREPARE"):
        options.update(server_side_binding=True, prepare_threshold=2)

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
    # As the documents of the Sessions API advise.
    "CREATE_LIMITS": env("ELIZA_SESSIONS_CREATE_LIMITS", default="") or "caller=10/minute",
    "MESSAGE_LIMITS": (
        env("ELIZA_SESSIONS_MESSAGE_LIMITS", default="") or "caller=100/minute"
    ),
    "BACKENDS": {
        "default": {"BACKEND": "example_project.backends.ElizaBackend"},
        "echo": {"BACKEND": "django_eliza_sessions.backends.echo.EchoBackend"},
        "slow": {"BACKEND": "example_project.backends.SlowBackend"},
    },
}
if broker_url:
    ELIZA_SESSIONS["REPLY_DISPATCHER"] = "django_eliza_sessions.tasks.dispatch_reply"
    ELIZA_SESSIONS["JOB_DISPATCHER"] = "django_eliza_sessions.tasks.dispatch_job"

if redis_url:
    ELIZA_SESSIONS["REALTIME_REDIS_URL"] = redis_url
    ELIZA_SESSIONS["LIMITS_REDIS_URL"] = redis_url

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # Passwords only at the login, which is where guessing them can be slowed.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication"
    ],
}

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
        "line": {
            "format": "{asctime} {levelname} {name}: {message} "
            "[request {request_id} session {session_id} by {principal}]",
            "style": "{",
        }
    },
    "filters": {"origin": {"()": "django_eliza_sessions.logs.OriginFilter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["origin"],
            "formatter": "line",
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    # Replaces Django's own handlers, which would say everything twice.
    # The server's log has every request, so that 4xx need no second line.
    "loggers": {
        "django": {"level": "INFO"},
        "django.request": {"level": "ERROR"},
        # It would write down the URL of every webhook, which may hold a secret.
        "httpx2": {"level": "WARNING"},
    },
}
