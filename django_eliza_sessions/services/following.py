"""Following sessions: whoever is connected hears what happens to them, in its order.

One thread per process looks for events of all sessions followed there. It reads only
the database, so nothing is missed whichever process an event comes from, and a follower
that was away goes on where it stopped.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition, Thread
from uuid import UUID

from django.db import connections
from django.db.models import Max, Q

from django_eliza_sessions.models import Event, Session
from django_eliza_sessions.services.outbox import Occurrence, read_occurrences

logger = logging.getLogger(__name__)

#: Seconds between two looks at the newest events.
INTERVAL = 0.05
#: Seconds between two looks at every followed session. The newest events are found by
#: their ids, and one can become visible after another with a higher id; its session's
#: own count misses nothing.
FULL_INTERVAL = 2.0
#: Seconds before looking again when the database did not answer.
RETRY = 1.0
#: Events of one session told in a turn, so that a long past holds up nobody else.
TURN = 50
#: Newest events looked at at once.
NEWEST = 500
#: Sessions looked at in one query.
SESSIONS = 100


@dataclass(slots=True, eq=False)
class Follower:
    """One that hears what happens to a session.

    Attributes:
        session_id: Which one.
        seen: The sequence number of the last event it knows.
        deliver: Called on a thread with each occurrence, in order; with ``None`` when
            the session was deleted.
    """

    session_id: UUID
    seen: int
    deliver: Callable[[Occurrence | None], object]

    def hear(self, heard: Occurrence | None) -> None:
        """Deliver; one that cannot take it hears nothing more."""
        try:
            self.deliver(heard)
        except Exception:
            logger.exception("A follower of session %s was lost", self.session_id)
            unfollow(self)


def follow_session(
    *,
    session_id: UUID,
    after: int,
    deliver: Callable[[Occurrence | None], object],
) -> Follower:
    """Hear what happens to a session, beginning with what has happened already.

    Args:
        session_id: One that the caller may see.
        after: The sequence number of the last event that is known.
        deliver: See ``Follower``.
    """
    follower = Follower(session_id, after, deliver)
    _lookout.add(follower)
    return follower


def unfollow(follower: Follower) -> None:
    """Hear nothing more; harmless when repeated."""
    _lookout.remove(follower)


class _Lookout:
    """The thread that looks, while anybody follows."""

    def __init__(self) -> None:
        self._followers: dict[UUID, list[Follower]] = {}
        #: Sessions with a follower that has yet to hear what happened before.
        self._behind: set[UUID] = set()
        self._changed = Condition()
        self._is_running = False

    def add(self, follower: Follower) -> None:
        with self._changed:
            self._followers.setdefault(follower.session_id, []).append(follower)
            self._behind.add(follower.session_id)
            if not self._is_running:
                self._is_running = True
                Thread(target=self._run, name="eliza-follower", daemon=True).start()
            self._changed.notify()

    def remove(self, follower: Follower) -> None:
        with self._changed, suppress(KeyError, ValueError):
            followers = self._followers[follower.session_id]
            followers.remove(follower)
            if not followers:
                del self._followers[follower.session_id]

    def _run(self) -> None:
        newest: int | None = None
        full_look_at = 0.0
        while (behind := self._wait()) is not None:
            try:
                newest, touched = _look_at_newest(newest)
                if time.monotonic() >= full_look_at:
                    full_look_at = time.monotonic() + FULL_INTERVAL
                    self._deliver_news(None)
                else:
                    self._deliver_news(touched | behind)
            except Exception:
                logger.exception("Followed sessions could not be read; trying again")
                connections.close_all()
                time.sleep(RETRY)
        connections.close_all()

    def _wait(self) -> set[UUID] | None:
        """Return the sessions to look at in any case; ``None`` when nobody follows."""
        with self._changed:
            self._changed.wait_for(lambda: self._behind, INTERVAL)
            behind, self._behind = self._behind, set()
            self._is_running = bool(self._followers)
            return behind if self._is_running else None

    def _deliver_news(self, session_ids: set[UUID] | None) -> None:
        """Deliver some of what is new in these sessions, or in all; the rest next time."""
        with self._changed:
            wanted = self._followers.keys()
            ids = list(wanted if session_ids is None else wanted & session_ids)
        for start in range(0, len(ids), SESSIONS):
            some = ids[start : start + SESSIONS]
            with self._changed:
                followers = {pk: list(self._followers.get(pk, ())) for pk in some}
            behind = _tell({pk: those for pk, those in followers.items() if those})
            with self._changed:
                self._behind |= behind


_lookout = _Lookout()


def _look_at_newest(newest: int | None) -> tuple[int, set[UUID]]:
    """Return the highest id of an event, and the sessions with a higher one than before."""
    if newest is None:
        return Event.objects.aggregate(newest=Max("pk"))["newest"] or 0, set()
    later = Event.objects.filter(pk__gt=newest).order_by("pk")
    found = list(later.values_list("pk", "session_id")[:NEWEST])
    return found[-1][0] if found else newest, {session_id for _, session_id in found}


def _tell(followers: dict[UUID, list[Follower]]) -> set[UUID]:
    """Bring followers nearer to the present; return the sessions with more to tell."""
    last = _last_sequences(followers)
    start = {pk: min(each.seen for each in followers[pk]) for pk in last}
    end = {pk: min(last[pk], seen + TURN) for pk, seen in start.items() if seen < last[pk]}
    for occurrence in read_occurrences(_read_events(start, end)):
        event = occurrence.event
        for follower in followers[event.session_id]:
            if event.sequence > follower.seen:
                follower.seen = event.sequence
                follower.hear(occurrence)
    for session_id, sequence in end.items():
        for follower in followers[session_id]:
            # What is missing was pruned: it is no more to be heard of.
            follower.seen = max(follower.seen, sequence)
    return {pk for pk, sequence in end.items() if sequence < last[pk]}


def _last_sequences(followers: dict[UUID, list[Follower]]) -> dict[UUID, int]:
    """Return the newest event's number by session; tell those whose session is deleted."""
    found = Session.objects.filter(pk__in=followers)
    last = dict(found.values_list("pk", "last_sequence"))
    for session_id in followers.keys() - last.keys():
        for follower in followers[session_id]:
            unfollow(follower)
            follower.hear(None)
    return last


def _read_events(start: dict[UUID, int], end: dict[UUID, int]) -> list[Event]:
    """Return the events after one and up to another, by session."""
    if not end:
        return []
    wanted = Q()
    for pk, sequence in end.items():
        wanted |= Q(session=pk, sequence__gt=start[pk], sequence__lte=sequence)
    in_order = Event.objects.filter(wanted).order_by("session", "sequence")
    return list(in_order.select_related("session"))
