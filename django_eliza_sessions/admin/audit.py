"""The audit in the admin: searched and filtered, never edited."""

from contextlib import suppress
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.forms import UUIDField
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.admin.readonly import ReadOnlyAdmin
from django_eliza_sessions.admin.transcript import as_json
from django_eliza_sessions.models import AuditRecord

#: Records that can be paged through; for older ones there is the search.
MAX_COUNT = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg] # not generic at runtime
    """Counts no further than somebody would page, for counting everything is slow."""

    @cached_property
    def count(self) -> int:
        """Return how many rows there are, ``MAX_COUNT`` for more."""
        rows: Any = self.object_list
        return int(rows.order_by()[:MAX_COUNT].count())


class ActionFilter(admin.SimpleListFilter):
    """Filters by what was done, done yet or not."""

    title = _("action")
    parameter_name = "action"

    def lookups(
        self,
        request: HttpRequest,
        model_admin: admin.ModelAdmin,  # type: ignore[type-arg] # not generic at runtime
    ) -> list[tuple[str, Any]]:
        """Return the actions to choose from."""
        return AuditRecord.Action.choices

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditRecord]
    ) -> QuerySet[AuditRecord]:
        """Return the records of the chosen action."""
        chosen = self.value()
        return queryset if chosen is None else queryset.filter(action=chosen)


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin):
    """Shows who did what. Nobody adds, changes or deletes a record here."""

    paginator = BoundedPaginator
    list_display = ("at", "actor", "door", "what", "session_page", "request_id", "facts")
    list_filter = (ActionFilter, "door", "at")
    ordering = ("-id",)
    search_fields = ("session_id",)  # Shows the box; get_search_results does the search.
    search_help_text = _(
        "The ID of a session or a request, or an actor such as user:42, in full."
    )
    fields = ("at", "actor", "door", "what", "session_page", "request_id", "facts")
    readonly_fields = ("what", "session_page", "facts")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Offer no deletion."""
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditRecord], search_term: str
    ) -> tuple[QuerySet[AuditRecord], bool]:
        """Search by what is indexed; never yields a row twice."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(actor=term) | Q(request_id=term)
        with suppress(ValidationError):  # It is no session's id then.
            found |= Q(session_id=UUIDField().clean(term))
        return queryset.filter(found), False

    @admin.display(description=_("action"))
    def what(self, record: AuditRecord) -> str:
        """Return what was done, in words."""
        labels = dict(AuditRecord.Action.choices)
        return str(labels.get(record.action, record.action))

    @admin.display(description=_("session"), empty_value="-")
    def session_page(self, record: AuditRecord) -> SafeString | None:
        """Return a link to the page of the session, which may be gone."""
        if record.session_id is None:
            return None
        url = reverse(
            "admin:django_eliza_sessions_session_change",
            args=[record.session_id],
            current_app=self.admin_site.name,
        )
        return format_html('<a href="{}">{}</a>', url, record.session_id)

    @admin.display(description=_("details"))
    def facts(self, record: AuditRecord) -> SafeString | str:
        """Return the details as JSON."""
        if not record.details:
            return "-"
        return format_html('<pre class="eliza-json">{}</pre>', as_json(record.details))

    class Media:
        css = {"all": ["django_eliza_sessions/admin.css"]}
