"""Agents in the admin: the one thing an operator edits."""

import json
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions.admin.audited import AuditedAdmin
from django_eliza_sessions.conf import conf
from django_eliza_sessions.content import decode_json
from django_eliza_sessions.exceptions import InvalidRequestError, InvalidTimeoutConfigError
from django_eliza_sessions.models import Agent, Session
from django_eliza_sessions.services import clock
from django_eliza_sessions.timeouts import parse_overrides


class StorableJSONDecoder(json.JSONDecoder):
    """Refuses what bodies of requests may not hold either, and what cannot be stored."""

    def decode(self, s: str, *args: Any) -> Any:
        """Return the value; raises ``JSONDecodeError`` if it cannot be stored."""
        try:
            value = decode_json(s.encode())
            text = json.dumps(value, ensure_ascii=False)
            text.encode()  # Lone surrogates.
        except (InvalidRequestError, ValueError) as error:
            raise json.JSONDecodeError(str(error), s, 0) from error
        if "\\u0000" in text:
            raise json.JSONDecodeError("NUL", s, 0)
        return value


class AgentForm(forms.ModelForm):  # type: ignore[type-arg] # not generic at runtime
    """Holds an agent against the settings in force."""

    backend = forms.ChoiceField(
        label=_("Backend"), help_text=_("Who answers: an alias from the BACKENDS setting.")
    )
    backend_options = forms.JSONField(
        label=_("Backend options"),
        help_text=_("An object that the backend gets with every message."),
        required=False,
        initial=dict,
        decoder=StorableJSONDecoder,
        error_messages={
            "invalid": _(
                "Enter JSON without NUL, lone surrogates, NaN, Infinity, a name twice in "
                "an object, very long numbers, or more than 32 levels."
            )
        },
    )

    auto_renew = forms.TypedChoiceField(
        label=_("Renew on activity"),
        required=False,
        choices=[("", _("Inherit")), ("True", _("Yes")), ("False", _("No"))],
        coerce=lambda word: word == "True",
        empty_value=None,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        aliases = set(conf.backends)
        if self.instance.created_at is not None:
            # What is in use stays choosable, so that the rest can still be edited.
            aliases.add(self.instance.backend)
        field = cast("forms.ChoiceField", self.fields["backend"])
        field.choices = [(alias, backend_label(alias)) for alias in sorted(aliases)]

    def clean_backend_options(self) -> dict[str, Any]:
        """Return the options, ``{}`` for none.

        Raises:
            ValidationError: They are no object.
        """
        options = self.cleaned_data["backend_options"]
        if options is None:
            return {}
        if not isinstance(options, dict):
            raise forms.ValidationError(_('Enter an object, such as {"key": "value"}.'))
        return options

    def clean(self) -> None:
        """Hold each timeout against its limits."""
        super().clean()
        for field in Agent().timeout_overrides.keys() & self.cleaned_data.keys():
            try:
                parse_overrides({field: self.cleaned_data[field]}, conf.timeout_limits)
            except InvalidTimeoutConfigError as error:
                self.add_error(field, f"{self.fields[field].label} {error.problem}.")


def backend_label(alias: str) -> str:
    """Return a backend's alias, with a note where it stands for nothing."""
    if alias in conf.backends:
        return alias
    return _("%(alias)s (not configured: its messages fail)") % {"alias": alias}


@admin.register(Agent)
class AgentAdmin(AuditedAdmin):
    """Edits agents. One that has sessions cannot be deleted, only disabled."""

    form = AgentForm
    list_display = ("name", "id", "enabled", "backend_alias", "live_sessions")
    list_filter = ("enabled",)
    search_fields = ("name", "^id")
    search_help_text = _("A part of the name, or the beginning of the ID.")
    ordering = ("name", "id")
    fieldsets = (
        (None, {"fields": ("id", "name", "enabled")}),
        (_("Who answers"), {"fields": ("backend", "backend_options", "when_busy")}),
        (
            _("Timeouts of new sessions"),
            {
                "fields": (
                    "timeout_minutes",
                    "auto_renew",
                    "max_duration_minutes",
                    "warning_threshold_minutes",
                )
            },
        ),
        (_("Sessions that are over"), {"fields": ("retention_days", "retention_action")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        """Count the live sessions within the one query of the list."""
        live = Session.objects.active(clock.now()).filter(agent=OuterRef("pk"))
        count = live.order_by().values("agent").values(count=Count("pk"))
        agents: QuerySet[Agent] = super().get_queryset(request)
        return agents.annotate(live=Coalesce(Subquery(count), 0))

    def get_readonly_fields(
        self,
        request: HttpRequest,
        obj: Agent | None = None,
    ) -> tuple[str, ...]:
        """Let the ID be chosen, but only once."""
        return () if obj is None else ("id",)

    @admin.display(description=_("backend"), ordering="backend")
    def backend_alias(self, agent: Agent) -> str:
        """Return the alias of who answers."""
        return backend_label(agent.backend)

    @admin.display(description=_("live sessions"), ordering="live")
    def live_sessions(self, agent: Any) -> int:
        """Return how many sessions can be used at the moment."""
        count: int = agent.live
        return count
