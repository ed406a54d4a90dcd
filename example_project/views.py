"""The chat page: a client of the API, in the browser and without a build step."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from django_eliza_sessions.services.access import user_id_of
from example_project.demo import AGENT_ID, AGENT_NAME


@require_safe
@never_cache  # It names the visitor's userId.
@ensure_csrf_cookie  # Asked for by the API where a visitor is logged in to the admin.
def chat(request: HttpRequest) -> HttpResponse:
    """Return the page; its modules do the rest."""
    facts = {"agent_id": AGENT_ID, "agent_name": AGENT_NAME}
    if request.user.is_authenticated:
        facts["user_id"] = str(user_id_of(request.user))
    return render(request, "example_project/chat.html", facts)
