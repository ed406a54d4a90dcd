"""Doing one thing to many sessions, each through its service."""

from collections import Counter
from typing import Any, Protocol
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from django_eliza_sessions.exceptions import (
    SessionExpiredError,
    SessionNotFoundError,
    SessionRenewalError,
    SessionsError,
)
from django_eliza_sessions.models import Session
from django_eliza_sessions.principals import Principal
from django_eliza_sessions.services import lifecycle

#: Why a session that the list shows was left as it is.
REASONS: dict[type[SessionsError], str | Promise] = {
    SessionNotFoundError: _("already ended"),
    SessionExpiredError: _("already expired"),
    SessionRenewalError: _("already lasting until the maximum duration"),
}


class Operation(Protocol):
    """A service that does something to one session."""

    def __call__(self, *, principal: Principal, session_id: UUID) -> object:
        """Do it, or raise a ``SessionsError``."""


@admin.action(description=_("Renew selected sessions"), permissions=["operate"])
def renew(model_admin: Any, request: HttpRequest, sessions: QuerySet[Session]) -> None:
    """Renew each of the sessions."""
    _apply(lifecycle.renew_session, _("Renewed"), model_admin, request, sessions)


@admin.action(description=_("Let selected sessions expire now"), permissions=["operate"])
def expire(model_admin: Any, request: HttpRequest, sessions: QuerySet[Session]) -> None:
    """Let each of the sessions expire."""
    _apply(lifecycle.expire_session, _("Expired"), model_admin, request, sessions)


@admin.action(description=_("End selected sessions…"), permissions=["operate"])
def end(
    model_admin: Any, request: HttpRequest, sessions: QuerySet[Session]
) -> TemplateResponse | None:
    """End each of the sessions, once that has been confirmed."""
    if "confirmed" in request.POST:
        _apply(lifecycle.end_session, _("Ended"), model_admin, request, sessions)
        return None
    return TemplateResponse(
        request,
        "admin/django_eliza_sessions/session/end_confirmation.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": _("End sessions?"),
            "opts": model_admin.opts,
            "sessions": sessions,
        },
    )


def _apply(
    operation: Operation,
    done: str | Promise,
    model_admin: Any,
    request: HttpRequest,
    sessions: QuerySet[Session],
) -> None:
    """Call the service for each session, and say how many times it did what."""
    principal = Principal(id=f"user:{request.user.pk}", is_admin=True)
    failures: Counter[type[SessionsError]] = Counter()
    selected = list(sessions)
    for session in selected:
        try:
            operation(principal=principal, session_id=session.pk)
        except SessionsError as error:
            failures[type(error)] += 1
        else:
            model_admin.log_change(request, session, f"{done}.")
    succeeded = len(selected) - failures.total()
    if succeeded:
        model_admin.message_user(
            request, f"{done}: {_sessions(succeeded)}.", messages.SUCCESS
        )
    for kind, count in failures.items():
        reason = REASONS.get(kind, kind.message)
        model_admin.message_user(
            request,
            _("Left as before: %(sessions)s, %(reason)s.")
            % {"sessions": _sessions(count), "reason": reason},
            messages.WARNING,
        )


def _sessions(count: int) -> str:
    return ngettext("%(count)d session", "%(count)d sessions", count) % {"count": count}
