"""Everything a project may want to be different elsewhere, all at once."""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework.authtoken"]
MIDDLEWARE = [
    *MIDDLEWARE,
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.middleware.locale.LocaleMiddleware",
]
ROOT_URLCONF = "tests.api.host.urls"
APPEND_SLASH = False
TIME_ZONE = "Asia/Kathmandu"
LANGUAGE_CODE = "de"
DATABASES["default"] |= {"ATOMIC_REQUESTS": True}
if "postgresql" in DATABASES["default"]["ENGINE"]:
    # The tests that start these tests are using the usual one.
    DATABASES["default"]["TEST"] = {"NAME": "test_eliza_sessions_host"}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.StaticHTMLRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.FormParser"],
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning",
    "ALLOWED_VERSIONS": ["7"],
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "tests.api.host.views.handle_exception",
    "UNAUTHENTICATED_USER": None,
    "UNICODE_JSON": False,
    "COMPACT_JSON": False,
}
