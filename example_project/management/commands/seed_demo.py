"""Makes what one needs to try the example: an agent, and a login for the admin."""

from typing import Any

from django.conf import settings  # noqa: TID251 - a project may read its settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand

from django_eliza_sessions.models import Agent
from example_project.demo import AGENT_ID, AGENT_NAME, PASSWORD, USERNAME


class Command(BaseCommand):
    """``manage.py seed_demo``; doing it again changes nothing."""

    help = f"Make the agent {AGENT_ID} and, with DEBUG, the superuser {USERNAME}."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Make what is missing."""
        Agent.objects.get_or_create(
            pk=AGENT_ID, defaults={"name": AGENT_NAME, "backend": "default"}
        )
        if settings.DEBUG and not User.objects.filter(username=USERNAME).exists():
            User.objects.create_superuser(USERNAME, password=PASSWORD)
