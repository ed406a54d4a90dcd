"""Sessions in the admin: to look into and to act on, never to edit."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timeuntil
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.admin import actions, user_actions
from django_eliza_sessions.admin.cells import badge, short_id, shortened
from django_eliza_sessions.admin.readonly import ReadOnlyAdmin
from django_eliza_sessions.admin.search import sessions_matching
from django_eliza_sessions.admin.states import StateFilter, state_of
from django_eliza_sessions.admin.transcript import as_json, events_of, transcript_of
from django_eliza_sessions.models import Event, Reply, Session, WebhookDelivery
from django_eliza_sessions.services import clock
from django_eliza_sessions.services.audit import Action, record


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """Lists and shows sessions; what changes them are the actions."""

    actions = (
        *(actions.renew, actions.expire, actions.end, user_actions.end_of_users),
        *(user_actions.hold, user_actions.lift),
        *(user_actions.export_of_users, user_actions.erase_of_users),
    )
    date_hierarchy = "created_at"
    list_display = (
        short_id,
        "agent_name",
        "short_user_id",
        "state",
        "time_left",
        "message_count",
        "created_at",
    )
    list_filter = (StateFilter, "legal_hold", "agent", "created_at")
    list_select_related = ("agent",)
    ordering = ("-created_at", "-id")
    search_fields = ("id",)  # Shows the box; get_search_results does the search.
    search_help_text = _(
        "The ID of a session, user, agent or message, the beginning of a session's ID, "
        "or a part of an agent's name."
    )
    readonly_fields = ("state", "time_left", "metadata_text")
    fieldsets = (
        (None, {"fields": ("id", "agent", "user_id", "owner", "state", "time_left")}),
        (
            _("Lifetime"),
            {
                "fields": (
                    "created_at",
                    "last_activity_at",
                    "renewed_at",
                    "renewal_count",
                    "expires_at",
                    "warns_at",
                    "warned_for",
                    "sweep_at",
                    "closed_at",
                    "close_reason",
                )
            },
        ),
        (
            _("Timeouts"),
            {
                "fields": (
                    "timeout_minutes",
                    "auto_renew",
                    "max_duration_minutes",
                    "warning_threshold_minutes",
                )
            },
        ),
        (
            _("Content"),
            {"fields": ("message_count", "last_message_at", "metadata_text")},
        ),
        (_("Privacy"), {"fields": ("legal_hold", "hold_reason", "anonymised_at")}),
    )

    def get_search_results(
        self,
        request: HttpRequest,
        queryset: QuerySet[Session],
        search_term: str,
    ) -> tuple[QuerySet[Session], bool]:
        """Search by any id and by the agent's name; never yields a row twice."""
        term = search_term.strip()
        return (queryset.filter(sessions_matching(term)) if term else queryset), False

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Let what nobody may delete by itself go with its session."""
        tree, counts, lacking, protected = super().get_deleted_objects(objs, request)
        parts = (Event, Reply, WebhookDelivery)
        names = {part._meta.verbose_name for part in parts}
        held = [_("%s is under a legal hold.") % row for row in objs if row.legal_hold]
        return tree, counts, lacking - names, [*protected, *held]

    def has_hold_permission(self, request: HttpRequest) -> bool:
        """Let holds be set and lifted by whoever has the permission for it."""
        return request.user.has_perm("django_eliza_sessions.hold_session")

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Let users' data be exported by whoever has the permission for it."""
        return request.user.has_perm("django_eliza_sessions.export_session")

    def has_erase_permission(self, request: HttpRequest) -> bool:
        """Let users be erased by whoever has the permission for it."""
        return request.user.has_perm("django_eliza_sessions.erase_session")

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        change: bool = False,  # noqa: FBT001, FBT002 - the same
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """Add what was said and what happened; without an add page, there is a session."""
        record(Action.TRANSCRIPT_READ, session_id=obj.pk)
        context |= {"transcript": transcript_of(obj), "events": events_of(obj)}
        return super().render_change_form(request, context, add, change, form_url, obj)

    @admin.display(description=_("agent"), ordering="agent__name")
    def agent_name(self, session: Session) -> str:
        """Return the name of whom the user talks to."""
        return session.agent.name

    @admin.display(description=_("user ID"), ordering="user_id")
    def short_user_id(self, session: Session) -> SafeString:
        """Return the beginning of the user's id."""
        return shortened(session.user_id)

    @admin.display(description=_("state"))
    def state(self, session: Session) -> SafeString:
        """Return the state as a badge."""
        return badge(state_of(session, clock.now()))

    @admin.display(description=_("time left"), ordering="expires_at")
    def time_left(self, session: Session) -> str:
        """Return the time until the session expires, in words; a dash once it is over."""
        now = clock.now()
        if session.closed_at is not None or session.is_expired(now):
            return "-"
        return timeuntil(session.expires_at, now)

    @admin.display(description=_("metadata"))
    def metadata_text(self, session: Session) -> SafeString:
        """Return the metadata as indented JSON."""
        return format_html('<pre class="eliza-json">{}</pre>', as_json(session.metadata))
