"""Admin pages whose visitors are known to the audit and the log."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern

from django_eliza_sessions.origin import coming_from
from django_eliza_sessions.principals import id_of_user
from django_eliza_sessions.services.audit import Action, record

View = Callable[..., HttpResponse]


class AuditedAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # not generic at runtime
    """Records what is changed here; what services change, they record themselves."""

    class Media:
        css = {"all": ["django_eliza_sessions/admin.css"]}

    def get_urls(self) -> list[URLPattern]:
        """Have what each page does come from the admin."""
        urls = super().get_urls()
        for url in urls:
            url.callback = _from_admin(url.callback)
        return urls

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Record that a row was made or edited."""
        super().save_model(request, obj, form, change)
        self._record("changed" if change else "created", obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Record that a row was deleted."""
        self._record("deleted", obj)
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Record that rows were deleted."""
        for row in queryset:
            self._record("deleted", row)
        super().delete_queryset(request, queryset)

    def _record(self, done: str, row: Any) -> None:
        action = Action(f"{self.opts.model_name}_{done}")
        if action == Action.SESSION_DELETED:
            record(action, session_id=row.pk)
        else:
            record(action, id=str(row.pk))


def _from_admin(view: View) -> View:
    @wraps(view)
    def visit(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user = getattr(request, "user", None)
        actor = id_of_user(user) if user and user.is_authenticated else "anybody"
        request_id = request.headers.get("X-Request-ID")
        with coming_from("admin", request_id=request_id, actor=actor) as origin:
            response = view(request, *args, **kwargs)
        response.headers["X-Request-ID"] = origin.request_id
        return response

    return visit
