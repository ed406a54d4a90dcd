"""Who the sockets of this process belong to, as long as they would be let in again."""

import asyncio
import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass

import socketio

from django_eliza_sessions.conf import conf
from django_eliza_sessions.exceptions import AuthenticationError
from django_eliza_sessions.origin import Origin, coming_from
from django_eliza_sessions.principals import USER, Principal
from django_eliza_sessions.realtime import payloads
from django_eliza_sessions.realtime.threads import in_thread
from django_eliza_sessions.services.access import find_void

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a socket belongs to, and the address and the request it was opened by."""

    principal: Principal
    address: str
    request_id: str


class Callers:
    """Callers by socket; used on the event loop only.

    A socket may only listen, and for ever. So once per ``API_KEY_CACHE_SECONDS`` two
    queries ask for all keys and users that hold sockets open whether they still may.
    """

    def __init__(self, server: socketio.AsyncServer) -> None:
        self._server = server
        self._callers: dict[str, Caller] = {}
        self._watch: asyncio.Task[None] | None = None

    def __getitem__(self, sid: str) -> Caller:
        """Return whose socket it is."""
        return self._callers[sid]

    def admit(self, sid: str, caller: Caller) -> None:
        """Remember whose socket it is."""
        self._callers[sid] = caller
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._keep_watch())

    def speaking(self, sid: str) -> AbstractContextManager[Origin]:
        """Have what is done within the block come from a socket's caller."""
        caller = self._callers[sid]
        return coming_from(
            "socket", request_id=caller.request_id, actor=caller.principal.id
        )

    def forget(self, sid: str) -> None:
        """Forget a socket that is gone."""
        self._callers.pop(sid, None)

    async def _keep_watch(self) -> None:
        while self._callers:
            await asyncio.sleep(conf.api_key_cache_seconds)
            try:
                present = {caller.principal for caller in self._callers.values()}
                await self._send_away(await in_thread(find_void, present))
            except Exception:
                logger.exception("Whether sockets may stay open is not known")

    async def _send_away(self, void: set[Principal]) -> None:
        for sid, caller in list(self._callers.items()):
            if caller.principal in void:
                error = AuthenticationError(_reason(caller.principal))
                told = payloads.message_error(error)
                await self._server.emit("messageError", told, to=sid, ignore_queue=True)
                await self._server.disconnect(sid)


def _reason(principal: Principal) -> str:
    if principal.id.startswith(USER):
        return "Your account was disabled, or may do other things now."
    return "The API key is not valid."
