"""Replies in the admin: which ones failed, and why."""

from django.contrib import admin

from django_eliza_sessions.admin.cells import StatusFilter, short_id, status_badge
from django_eliza_sessions.admin.readonly import SessionPartAdmin
from django_eliza_sessions.models import Reply


@admin.register(Reply)
class ReplyAdmin(SessionPartAdmin):
    """Shows the jobs of answering; they go when their session goes."""

    list_display = (
        short_id,
        "session_link",
        status_badge,
        "attempts",
        "short_error",
        "created_at",
        "finished_at",
    )
    list_filter = (("status", StatusFilter),)
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
