"""Packets as strict as the bodies of HTTP: nothing a client sends gets past unseen."""

import json
from typing import Any

import engineio
from socketio.packet import ACK, CONNECT, DISCONNECT, EVENT, Packet

from django_eliza_sessions.content import decode_json
from django_eliza_sessions.exceptions import SessionsError, quote

#: The event that stands for a packet that could not be understood; it carries why.
MALFORMED = "malformed"
#: What only a server tells itself; clients may not.
_RESERVED = ("connect", "connect_error", "disconnect", MALFORMED)

NO_PACKET = "packet must be one of Socket.IO"


class StrictJson:
    """What python-socketio needs of a JSON module."""

    dumps = staticmethod(json.dumps)

    @staticmethod
    def loads(text: str | bytes) -> Any:
        """Decode strict JSON: a client's text, or bytes from Redis.

        Raises:
            InvalidRequestError: See ``decode_json``.
        """
        return decode_json(text.encode() if isinstance(text, str) else text)


class EngineJson(StrictJson):
    """The same for Engine.IO, which looks for JSON in every packet."""

    @staticmethod
    def loads(text: str | bytes) -> Any:
        """Decode strict JSON.

        Raises:
            ValueError: It is none; to Engine.IO, all else would be a crash.
        """
        try:
            return StrictJson.loads(text)
        except SessionsError as error:
            raise ValueError(error.details) from error


engineio.packet.Packet.json = EngineJson


class StrictPacket(Packet):  # type: ignore[misc] # python-socketio has no types
    """A packet that becomes a ``MALFORMED`` event where it cannot be understood."""

    json = StrictJson

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        if not named.get("encoded_packet", True):
            self.decode(named["encoded_packet"])  # Otherwise, nothing empty is decoded.

    def decode(self, encoded_packet: object) -> int:
        """Decode a packet; return how many attachments follow, which is none."""
        try:
            problem = self._decode(encoded_packet)
        except SessionsError as error:
            problem = error.details
        except ValueError:
            problem = NO_PACKET
        if problem:
            # What was read before, such as the id to acknowledge, stays.
            self.packet_type, self.namespace = EVENT, None
            self.data = [MALFORMED, problem]
        return 0

    def _decode(self, encoded_packet: object) -> str | None:
        if isinstance(encoded_packet, bytes):
            return "packet must not be binary"
        if not isinstance(encoded_packet, str):  # Engine.IO decodes what is JSON.
            return NO_PACKET
        super().decode(encoded_packet)
        if self.packet_type not in (CONNECT, DISCONNECT, EVENT, ACK):
            return "packet must be a connect, disconnect, event or ack, without binary data"
        if self.packet_type == EVENT:
            name = self.data[0] if isinstance(self.data, list) and self.data else None
            if not isinstance(name, str) or name in _RESERVED:
                return f"event must have a name that is not reserved, got {quote(name)}"
        return None
