"""Content security policies: what pages may load, and from where."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from typing import Any

from django.conf import settings  # noqa: TID251 - a project may read its settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

HEADER = "Content-Security-Policy"
Policy = Mapping[str, Collection[str]]
View = Callable[..., HttpResponseBase]


class ContentSecurityPolicyMiddleware(MiddlewareMixin):
    """Does for Django 5.2 what Django's own middleware does from 6.0 on."""

    def process_response(
        self, _request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Give a response the project's policy, unless it has one of its own."""
        if HEADER not in response.headers:
            response.headers[HEADER] = written(settings.SECURE_CSP)
        return response


def with_policy(view: View, **changes: Sequence[str]) -> View:
    """Return a view whose pages have the project's policy with changes.

    Args:
        changes: Sources by directive, ``img_src`` for ``img-src``.
    """
    names = {name.replace("_", "-"): sources for name, sources in changes.items()}

    @wraps(view)
    def restricted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response.headers[HEADER] = written({**settings.SECURE_CSP, **names})
        return response

    return restricted


def written(policy: Policy) -> str:
    """Return a policy as the header has it."""
    return "; ".join(" ".join([name, *sources]) for name, sources in policy.items())
