"""Erasures in the admin: the receipts, to look at only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.admin.readonly import ReadOnlyAdmin
from django_eliza_sessions.admin.transcript import as_json
from django_eliza_sessions.models import Erasure


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """Shows receipts; without them, erased user IDs could be used again."""

    list_display = ("__str__", "requested_at", "finished_at", "sessions_held")
    ordering = ("-requested_at", "-id")
    fields = (
        "requested_by",
        "requested_at",
        "finished_at",
        "rows_text",
        "sessions_held",
        "digest",
        "user_digest",
    )
    readonly_fields = ("rows_text",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Offer no deletion: a receipt is a tombstone, too."""
        return False

    @admin.display(description=_("rows deleted"))
    def rows_text(self, erasure: Erasure) -> SafeString:
        """Return how many rows went, by table."""
        return format_html('<pre class="eliza-json">{}</pre>', as_json(erasure.rows))
