"""Doing one thing to many sessions, each through its service."""

from collections import Counter
from collections.abc import Sequence
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
from django_eliza_sessions.principals import Principal, id_of_user
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
    return ask(
        model_admin,
        request,
        sessions,
        title=_("End sessions?"),
        warning=_(
            "These sessions will be gone for their users, and nothing brings them back. "
            "Their messages are kept."
        ),
        yes=_("Yes, end them"),
        items=[session.pk for session in sessions],
    )


def ask(
    model_admin: Any,
    request: HttpRequest,
    sessions: QuerySet[Session],
    *,
    title: str | Promise,
    warning: str | Promise,
    yes: str | Promise,
    items: Sequence[UUID],
    asks_why: bool = False,
    problem: str = "",
) -> TemplateResponse:
    """Return the page that asks whether an action is meant.

    Args:
        sessions: The selected ones, which the answer names one by one.
        title: The question.
        warning: What a yes brings about.
        yes: The text of the button.
        items: What it is about.
        asks_why: Whether it takes a reason.
        problem: What is wrong with the reason that was given.
    """
    return TemplateResponse(
        request,
        "admin/django_eliza_sessions/session/confirmation.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": title,
            "warning": warning,
            "yes": yes,
            "items": items,
            "action": request.POST["action"],
            "asks_why": asks_why,
            "problem": problem,
            "opts": model_admin.opts,
            "session_ids": [session.pk for session in sessions],
        },
    )


def principal_of(request: HttpRequest) -> Principal:
    """Return whoever uses the admin."""
    return Principal(id=id_of_user(request.user), is_admin=True)


def _apply(
    operation: Operation,
    done: str | Promise,
    model_admin: Any,
    request: HttpRequest,
    sessions: QuerySet[Session],
) -> None:
    """Call the service for each session, and say how many times it did what."""
    principal = principal_of(request)
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
