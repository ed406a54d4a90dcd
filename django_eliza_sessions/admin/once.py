"""Making what shows a secret: once, however often the form is sent.

The page with the secret answers the form, since nothing may keep the secret until a
redirect. So a reload sends the form again. The form therefore brings the id of what it
makes, and the database refuses to have it twice.
"""

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _


class OnceForm(forms.ModelForm):  # type: ignore[type-arg] # not generic at runtime
    """Brings the id of the row that it makes."""

    new_id = forms.UUIDField(
        label="", required=False, initial=uuid.uuid4, widget=forms.HiddenInput
    )

    def clean(self) -> dict[str, Any] | None:
        """Give the id to a new row."""
        if self.instance._state.adding and self.cleaned_data.get("new_id"):
            self.instance.pk = self.cleaned_data["new_id"]
        return super().clean()


class OnceAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # not generic at runtime
    """Makes rows by a ``OnceForm``, whose ``new_id`` is among the fields of a new row."""

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Make a row, or say that the form has already made it."""
        try:
            return super().add_view(request, form_url, extra_context)
        except IntegrityError:
            self.message_user(
                request,
                _(
                    "This form was sent before, and nothing was made again. The secret "
                    "was shown then; if it is lost, have a new one made."
                ),
                messages.WARNING,
            )
            return self.response_post_save_add(request, None)
