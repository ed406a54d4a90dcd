"""Doing one thing to everything of the users whose sessions are selected; and holds."""

from collections.abc import AsyncIterator, Iterator
from itertools import chain
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import admin, messages
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.admin.actions import ask, principal_of
from django_eliza_sessions.exceptions import SessionsError
from django_eliza_sessions.models import Session
from django_eliza_sessions.services import erasure, export, holds, users

#: Lines of an export that are sent at a time.
LINES = 500


@admin.action(description=_("End every session of these users…"), permissions=["operate"])
def end_of_users(
    model_admin: Any, request: HttpRequest, sessions: QuerySet[Session]
) -> TemplateResponse | None:
    """End all active sessions of the users, once that has been confirmed."""
    user_ids = _user_ids(sessions)
    if "confirmed" not in request.POST:
        return ask(
            model_admin,
            request,
            sessions,
            title=_("End every session of these users?"),
            warning=_(
                "Every active session of these users will be gone for them, whether you "
                "selected it or not, and nothing brings it back. Their messages are kept."
            ),
            yes=_("Yes, end them"),
            items=user_ids,
        )
    _log(model_admin, request, sessions, "Ended every session of its user.")
    for user_id in user_ids:
        count = users.end_sessions_of_user(principal=principal_of(request), user_id=user_id)
        model_admin.message_user(
            request,
            _("%(user)s: %(count)d ended.") % {"user": user_id, "count": count},
            messages.SUCCESS,
        )
    return None


@admin.action(description=_("Export everything of these users…"), permissions=["export"])
def export_of_users(
    model_admin: Any, request: HttpRequest, sessions: QuerySet[Session]
) -> TemplateResponse | StreamingHttpResponse:
    """Send everything of the users as NDJSON, once that has been confirmed."""
    user_ids = _user_ids(sessions)
    if "confirmed" not in request.POST:
        return ask(
            model_admin,
            request,
            sessions,
            title=_("Export everything of these users?"),
            warning=_(
                "The file holds all that is kept of these users, also what was said in "
                "sessions you did not select. Keep it as safe as they would."
            ),
            yes=_("Yes, download it"),
            items=user_ids,
        )
    _log(model_admin, request, sessions, "Exported everything of its user.")
    # Called now, and not when the answer is sent: who asked is known here.
    exports = [
        export.export_user(principal=principal_of(request), user_id=user_id)
        for user_id in user_ids
    ]
    lines = map(export.line_of, chain.from_iterable(exports))
    return StreamingHttpResponse(
        _without_blocking(lines) if isinstance(request, ASGIRequest) else lines,
        content_type="application/x-ndjson",
        headers={"Content-Disposition": 'attachment; filename="sessions.ndjson"'},
    )


async def _without_blocking(lines: Iterator[str]) -> AsyncIterator[str]:
    """Yield what lines say, read on a thread; Django would gather them all first."""

    def read() -> str:
        return "".join(line for line, _place in zip(lines, range(LINES), strict=False))

    while text := await sync_to_async(read)():
        yield text


@admin.action(description=_("Erase everything of these users…"), permissions=["erase"])
def erase_of_users(
    model_admin: Any, request: HttpRequest, sessions: QuerySet[Session]
) -> TemplateResponse | None:
    """Have everything of the users erased, once that has been confirmed."""
    user_ids = _user_ids(sessions)
    if "confirmed" not in request.POST:
        return ask(
            model_admin,
            request,
            sessions,
            title=_("Erase everything of these users?"),
            warning=_(
                "Everything of these users will be gone for good, also the sessions you "
                "did not select; only what a legal hold keeps stays. Their user IDs "
                "cannot be used again."
            ),
            yes=_("Yes, erase it all"),
            items=user_ids,
        )
    for user_id in user_ids:
        # No entry in the log: it would be a trace of what is gone. The receipt says who.
        receipt = erasure.request_erasure(principal=principal_of(request), user_id=user_id)
        model_admin.message_user(
            request, _("%s is under way; see its receipt.") % receipt, messages.SUCCESS
        )
    return None


@admin.action(description=_("Put a legal hold on…"), permissions=["hold"])
def hold(
    model_admin: Any, request: HttpRequest, sessions: QuerySet[Session]
) -> TemplateResponse | None:
    """Keep the sessions from retention and erasure, once there is a reason."""
    problem = ""
    if "confirmed" in request.POST:
        try:
            for session in sessions:
                holds.hold_session(
                    principal=principal_of(request),
                    session_id=session.pk,
                    reason=request.POST.get("reason", ""),
                )
        except SessionsError as error:
            problem = error.details
        else:
            _log(model_admin, request, sessions, "Put under a legal hold.")
            model_admin.message_user(request, _("They are held."), messages.SUCCESS)
            return None
    return ask(
        model_admin,
        request,
        sessions,
        title=_("Put a legal hold on these sessions?"),
        warning=_("Neither retention nor erasure touches them until it is lifted."),
        yes=_("Yes, hold them"),
        items=[session.pk for session in sessions],
        asks_why=True,
        problem=problem,
    )


@admin.action(description=_("Lift the legal hold of…"), permissions=["hold"])
def lift(
    model_admin: Any, request: HttpRequest, sessions: QuerySet[Session]
) -> TemplateResponse | None:
    """Leave the sessions to retention and erasure again, once that is confirmed."""
    if "confirmed" not in request.POST:
        return ask(
            model_admin,
            request,
            sessions,
            title=_("Lift the legal hold?"),
            warning=_("Retention and erasure may take these sessions away again."),
            yes=_("Yes, lift it"),
            items=[session.pk for session in sessions],
        )
    for session in sessions:
        holds.lift_hold(principal=principal_of(request), session_id=session.pk)
    _log(model_admin, request, sessions, "Freed from its legal hold.")
    model_admin.message_user(request, _("They are held no longer."), messages.SUCCESS)
    return None


def _user_ids(sessions: QuerySet[Session]) -> list[UUID]:
    """Return the users of sessions; one that was anonymised is nobody's."""
    whose = sessions.filter(anonymised_at=None).order_by("user_id")
    return list(whose.values_list("user_id", flat=True).distinct())


def _log(
    model_admin: Any, request: HttpRequest, sessions: QuerySet[Session], done: str
) -> None:
    for session in sessions:
        model_admin.log_change(request, session, done)
