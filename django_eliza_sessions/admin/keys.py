"""API keys in the admin: made, shown once, watched and revoked, but never edited."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.admin.cells import badge
from django_eliza_sessions.admin.once import OnceAdmin, OnceForm
from django_eliza_sessions.admin.readonly import ReadOnlyAdmin
from django_eliza_sessions.models import Agent, ApiKey
from django_eliza_sessions.services import clock, keys


class ApiKeyForm(OnceForm):
    """Lets agents be chosen by name."""

    agents = forms.ModelMultipleChoiceField(
        label=_("Agents"),
        queryset=Agent.objects.order_by("name", "id"),
        required=False,
        help_text=_("The only ones the key may have to do with. None chosen: all of them."),
    )

    def clean_expires_at(self) -> Any:
        """Refuse a moment that is past."""
        expires_at = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= clock.now():
            raise forms.ValidationError(_("The key would never work."))
        return expires_at


@admin.register(ApiKey)
class ApiKeyAdmin(OnceAdmin, ReadOnlyAdmin):
    """Makes and revokes keys. A key is shown once, on the page that answers its making."""

    form = ApiKeyForm
    actions = ("revoke",)
    list_display = ("name", "prefix", "scopes", "state", "expires_at", "last_used_at")
    list_filter = ("is_admin", "may_act_as")
    search_fields = ("name", "prefix")
    ordering = ("-created_at", "-id")

    def get_fields(
        self, request: HttpRequest, obj: ApiKey | None = None
    ) -> tuple[str, ...]:
        """Ask for what a key may do; afterwards show what became of it, too."""
        if obj is None:
            return ("name", "may_act_as", "is_admin", "agents", "expires_at", "new_id")
        return (
            *("name", "prefix", "scopes", "own_user_id", "agent_names", "state"),
            *("created_at", "expires_at", "last_used_at", "revoked_at"),
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let keys be made by whoever may add them."""
        return request.user.has_perm("django_eliza_sessions.add_apikey")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Offer no deletion: a key that was used is worth knowing of."""
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Let keys be revoked by whoever may change them."""
        return request.user.has_perm("django_eliza_sessions.change_apikey")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Give the key its secret, for this request alone."""
        obj.agent_ids = [str(agent.pk) for agent in form.cleaned_data["agents"]]
        obj.text = keys.store_key(obj)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: Any = None
    ) -> TemplateResponse:
        """Show the key."""
        # In the answer itself: messages are kept in cookies or sessions until shown.
        return TemplateResponse(
            request,
            "admin/django_eliza_sessions/apikey/text.html",
            {
                **self.admin_site.each_context(request),
                "title": _("New API key"),
                "opts": self.opts,
                "key": obj,
            },
        )

    @admin.action(description=_("Revoke selected keys"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        """Make each of the keys useless."""
        for key in rows:
            keys.revoke_key(prefix=key.prefix)
            self.log_change(request, key, _("Revoked."))
            self.message_user(request, _("%s is revoked.") % key, messages.SUCCESS)

    @admin.display(description=_("scopes"))
    def scopes(self, key: ApiKey) -> str:
        """Return what it may be used for."""
        return ", ".join(key.scopes)

    @admin.display(description=_("own user ID"))
    def own_user_id(self, key: ApiKey) -> str:
        """Return the user it opens sessions for, unless it may act as any."""
        return str(key.user_id)

    @admin.display(description=_("agents"))
    def agent_names(self, key: ApiKey) -> str:
        """Return the agents it is kept to."""
        names = {
            str(agent.pk): agent.name
            for agent in Agent.objects.filter(pk__in=key.agent_ids)
        }
        chosen = [f"{names.get(id_, _('deleted'))} ({id_})" for id_ in key.agent_ids]
        return ", ".join(chosen) or str(_("all"))

    @admin.display(description=_("state"))
    def state(self, key: ApiKey) -> SafeString:
        """Return whether it opens anything, as a badge."""
        return badge(key.state(clock.now()))
