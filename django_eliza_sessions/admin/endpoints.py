"""Webhook endpoints in the admin: set up, tried out, and seen to work."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.defaultfilters import date
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from django_eliza_sessions import webhooks
from django_eliza_sessions.admin.audited import AuditedAdmin
from django_eliza_sessions.admin.cells import shortened
from django_eliza_sessions.admin.once import OnceAdmin, OnceForm
from django_eliza_sessions.models import WebhookDelivery, WebhookEndpoint
from django_eliza_sessions.services import endpoints


class EndpointForm(OnceForm):
    """Holds an endpoint against the rules of where webhooks may go."""

    kinds = forms.MultipleChoiceField(
        label=_("Events"),
        required=False,
        choices=list(webhooks.TYPES.items()),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: all of them."),
    )

    def clean(self) -> None:
        """Check the URL, unless it only stays with an endpoint that is disabled."""
        super().clean()
        if not webhooks.is_installed():
            raise forms.ValidationError(webhooks.MISSING_EXTRA)
        if "url" not in self.cleaned_data:
            return
        if self.cleaned_data.get("enabled") or "url" in self.changed_data:
            try:
                webhooks.check_url(self.cleaned_data["url"])
            except webhooks.WebhookUrlError as error:
                self.add_error("url", str(error))


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(OnceAdmin, AuditedAdmin):
    """Edits endpoints. A secret is shown once, on the page that answers its making."""

    form = EndpointForm
    actions = ("send_test", "rotate_secret")
    list_display = ("name", "short_url", "state", "pending", "created_at")
    list_filter = ("enabled",)
    ordering = ("name", "id")
    readonly_fields = ("state", "last_error")

    def get_fields(
        self, request: HttpRequest, obj: WebhookEndpoint | None = None
    ) -> tuple[str, ...]:
        """Leave out of a new endpoint what is still to be seen."""
        fields = ("name", "url", "kinds", "enabled")
        return (*fields, "new_id") if obj is None else (*fields, "state", "last_error")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        """Count what waits within the one query of the list."""
        pending = WebhookDelivery.objects.filter(
            endpoint=OuterRef("pk"), due_at__isnull=False
        )
        count = pending.values("endpoint").annotate(count=Count("pk")).values("count")
        rows: QuerySet[WebhookEndpoint] = super().get_queryset(request)
        return rows.annotate(pending_count=Coalesce(Subquery(count), 0))

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Let deliveries go with their endpoint, without a list of them all."""
        names = [str(endpoint) for endpoint in objs]
        return names, {str(self.opts.verbose_name_plural): len(names)}, set(), []

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Give notice of endpoints that had to be disabled."""
        if request.method == "GET":
            for endpoint in WebhookEndpoint.objects.filter(disabled_at__isnull=False):
                text = _("%(name)s was disabled, having failed since %(since)s: %(error)s")
                facts = {
                    "name": endpoint.name,
                    "since": _written(endpoint.failing_since),
                    "error": endpoint.last_error[:200],
                }
                messages.warning(request, text % facts)
        return super().changelist_view(request, extra_context)

    def save_model(
        self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: Any
    ) -> None:
        """Have what waits sent where an endpoint was enabled."""
        if change and obj.enabled and "enabled" in form.changed_data:
            endpoints.enable_endpoint(obj)
            self._record("changed", obj)
        else:
            super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: WebhookEndpoint, post_url_continue: Any = None
    ) -> TemplateResponse:
        """Show the secret of a new endpoint."""
        return self._show_secrets(request, [(obj, endpoints.secrets_of(obj)[0])])

    @admin.action(
        description=_("Give selected endpoints new secrets"), permissions=["change"]
    )
    def rotate_secret(
        self, request: HttpRequest, rows: QuerySet[WebhookEndpoint]
    ) -> TemplateResponse | None:
        """Give each endpoint a new secret, once that was confirmed, and show it."""
        versions = request.POST.getlist("version")
        if not versions:
            return self._confirm_rotation(request, rows)
        secrets = []
        with transaction.atomic():
            for endpoint in rows.select_for_update(of=("self",)):
                if str(endpoint.secret_version) in versions:
                    secrets.append((endpoint, endpoints.rotate_secret(endpoint)))
                    self.log_change(request, endpoint, _("Got a new secret."))
        if secrets:
            return self._show_secrets(request, secrets)
        text = _("They have new secrets already, which were shown then.")
        self.message_user(request, text, messages.WARNING)
        return None

    def _confirm_rotation(
        self, request: HttpRequest, rows: QuerySet[WebhookEndpoint]
    ) -> TemplateResponse:
        return TemplateResponse(
            request,
            "admin/django_eliza_sessions/webhookendpoint/rotate_confirmation.html",
            {
                **self.admin_site.each_context(request),
                "title": _("New secrets for webhooks?"),
                "opts": self.opts,
                "endpoints": rows,
            },
        )

    @admin.action(
        description=_("Send selected endpoints a test event"), permissions=["change"]
    )
    def send_test(self, request: HttpRequest, rows: QuerySet[WebhookEndpoint]) -> None:
        """Post a test event to each endpoint, and say how it went."""
        if not webhooks.is_installed():
            self.message_user(request, webhooks.MISSING_EXTRA, messages.ERROR)
            return
        for endpoint in rows:
            outcome = endpoints.send_test(endpoint)
            self.message_user(
                request,
                f"{endpoint}: {outcome.error or outcome.status}",
                messages.ERROR if outcome.error else messages.SUCCESS,
            )

    def _show_secrets(
        self, request: HttpRequest, secrets: list[tuple[WebhookEndpoint, str]]
    ) -> TemplateResponse:
        # In the answer itself: messages are kept in cookies or sessions until shown.
        return TemplateResponse(
            request,
            "admin/django_eliza_sessions/webhookendpoint/secrets.html",
            {
                **self.admin_site.each_context(request),
                "title": _("Secrets of webhooks"),
                "opts": self.opts,
                "secrets": secrets,
            },
        )

    @admin.display(description=_("URL"), ordering="url")
    def short_url(self, endpoint: WebhookEndpoint) -> SafeString:
        """Return the beginning of the URL."""
        return shortened(endpoint.url, 60)

    @admin.display(description=_("state"))
    def state(self, endpoint: WebhookEndpoint) -> SafeString:
        """Return whether it takes what it is sent."""
        if endpoint.disabled_at:
            return _badge("expired", _("disabled, failing since"), endpoint.failing_since)
        if not endpoint.enabled:
            return _badge("ended", _("disabled"))
        if endpoint.failing_since:
            return _badge("expired", _("failing since"), endpoint.failing_since)
        return _badge("active", _("in order"))

    @admin.display(description=_("pending"), ordering="pending_count")
    def pending(self, endpoint: Any) -> int:
        """Return how many deliveries have not come to an end."""
        count: int = endpoint.pending_count
        return count


def _written(moment: Any) -> str:
    return date(moment, "Y-m-d H:i")


def _badge(state: str, label: Any, moment: Any = None) -> SafeString:
    return format_html(
        '<span class="eliza-badge eliza-{}">{} {}</span>', state, label, _written(moment)
    )
