"""Finding a session by whatever an operator has at hand."""

from uuid import UUID

from django.db.models import Q

from django_eliza_sessions.models import Agent, Message


def sessions_matching(term: str) -> Q:
    """Return the condition for what was typed into the search box.

    That is the id of a session, user, agent or message, the beginning of a session's
    id, or a part of an agent's name. The ids of other tables are looked up first, so
    that the search for sessions is by their own indexes alone.
    """
    agents = Agent.objects.filter(name__icontains=term)
    found = Q(agent__in=list(agents.values_list("pk", flat=True)))
    ids = ids_beginning_with(term)
    if ids is not None:
        # Both databases sort UUIDs as their hexadecimal digits, so a beginning is a range.
        found |= Q(pk__range=ids)
        if ids[0] == ids[1]:
            found |= Q(user_id=ids[0]) | Q(agent=ids[0])
            messages = Message.objects.filter(pk=ids[0])
            found |= Q(pk__in=list(messages.values_list("session_id", flat=True)))
    return found


def ids_beginning_with(text: str) -> tuple[UUID, UUID] | None:
    """Return the first and the last UUID that begin so, ``None`` if none can."""
    digits = text.replace("-", "")
    try:
        first, last = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
    except ValueError:
        return None
    # The class takes more than the canonical form: other digits, and braces.
    return (first, last) if str(first).startswith(text.lower()) else None
