"""Pages that show what only services may write."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # not generic at runtime
    """Rows can be looked at by whoever may view or change them."""

    # Counting a whole table, only to say how much a filter leaves out, is slow.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Offer no page to add one."""
        return False

    def has_change_permission(
        self,
        request: HttpRequest,
        obj: Any = None,
    ) -> bool:
        """Offer nothing to change; who has the permission may still look."""
        return False
