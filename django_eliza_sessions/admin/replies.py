"""Replies in the admin: which ones failed, and why."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.admin.readonly import ReadOnlyAdmin
from django_eliza_sessions.models import Reply


@admin.register(Reply)
class ReplyAdmin(ReadOnlyAdmin):
    """Shows the jobs of answering; they go when their session goes."""

    list_display = (
        "id",
        "session_page",
        "status",
        "attempts",
        "short_error",
        "created_at",
        "finished_at",
    )
    list_filter = ("status",)
    ordering = ("-created_at", "-id")
    fields = (
        "id",
        "session_page",
        "message",
        "answer_id",
        "status",
        "attempts",
        "chunk_count",
        "input_tokens",
        "output_tokens",
        "error_code",
        "error",
        "created_at",
        "started_at",
        "finished_at",
        "lease_until",
    )
    readonly_fields = ("session_page",)

    def has_delete_permission(
        self,
        request: HttpRequest,
        obj: Any = None,
    ) -> bool:
        """Offer no deletion: a message without its job would wait for ever."""
        return False

    @admin.display(description=_("session"))
    def session_page(self, reply: Reply) -> SafeString:
        """Return a link to the page of the session."""
        session_id = reply.session_id
        url = reverse(
            "admin:django_eliza_sessions_session_change",
            args=[session_id],
            current_app=self.admin_site.name,
        )
        return format_html('<a href="{}">{}</a>', url, session_id)

    @admin.display(description=_("error"), empty_value="-")
    def short_error(self, reply: Reply) -> str:
        """Return the beginning of the error."""
        return Truncator(reply.error).chars(100)
