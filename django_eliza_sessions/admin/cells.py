"""What the cells of lists hold: little room, and the same look in all of them."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _


def shortened(value: object, length: int = 8) -> SafeString:
    """Return the beginning of an id or address; the whole is told by hovering.

    Args:
        length: How many characters are shown.
    """
    text = str(value)
    shown = text if len(text) <= length else f"{text[:length]}…"
    return format_html('<span title="{}">{}</span>', text, shown)


def badge(state: models.TextChoices) -> SafeString:
    """Return the state as a coloured word."""
    return format_html(
        '<span class="eliza-badge eliza-{}">{}</span>', state.value, state.label
    )


@admin.display(description=_("ID"), ordering="pk")
def short_id(row: Any) -> SafeString:
    """Return the beginning of a row's id, for ``list_display``."""
    return shortened(row.pk)


@admin.display(description=_("state"), ordering="status")
def status_badge(row: Any) -> SafeString:
    """Return where a job stands, for ``list_display``."""
    return badge(row.Status(row.status))


class StatusFilter(admin.ChoicesFieldListFilter):
    """Filters by where a job stands, under the name that its column has."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("state")
