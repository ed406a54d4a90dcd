"""Pages that show what only services may write."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.admin.audited import AuditedAdmin
from django_eliza_sessions.admin.cells import shortened
from django_eliza_sessions.admin.search import ids_beginning_with


class ReadOnlyAdmin(AuditedAdmin):
    """Rows can be looked at by whoever may view or change them."""

    # Counting a whole table, only to say how much a filter leaves out, is slow.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Offer no page to add one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Offer nothing to change; who has the permission may still look."""
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Allow the actions, which are services, to whoever has the change permission."""
        return super().has_change_permission(request)


class SessionPartAdmin(ReadOnlyAdmin):
    """Rows that belong to a session, and go with it."""

    search_fields = ("session_id",)  # Shows the box; get_search_results does the search.
    search_help_text = _("The ID of a session, or its beginning.")
    #: The way to the session, by which its rows are looked up.
    session_lookup = "session"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Offer no deletion: somebody would wait for it for ever."""
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by the session's id; never yields a row twice."""
        term = search_term.strip()
        if not term:
            return queryset, False
        ids = ids_beginning_with(term)
        if ids is None:
            return queryset.none(), False
        return queryset.filter(**{f"{self.session_lookup}__id__range": ids}), False

    @admin.display(description=_("session"))
    def session_page(self, row: Any) -> SafeString:
        """Return a link to the page of the session."""
        return format_html('<a href="{}">{}</a>', self._session_url(row), row.session_id)

    @admin.display(description=_("session"))
    def session_link(self, row: Any) -> SafeString:
        """Return the same for a list, where there is little room."""
        return format_html(
            '<a href="{}">{}</a>', self._session_url(row), shortened(row.session_id)
        )

    def _session_url(self, row: Any) -> str:
        return reverse(
            "admin:django_eliza_sessions_session_change",
            args=[row.session_id],
            current_app=self.admin_site.name,
        )

    @admin.display(description=_("error"), empty_value="-")
    def short_error(self, row: Any) -> str:
        """Return the beginning of the error."""
        return Truncator(row.error).chars(100)
