"""What Engine.IO is given to read: packets that clients may send, and nothing else.

It would lose anything else in silence, wait for ever, or log a traceback. So whoever sends
that is refused, and its connection ends: its client goes on with another.
"""

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

from engineio.packet import CLOSE, MESSAGE, PING, PONG, UPGRADE, Packet
from engineio.payload import Payload

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

#: Packets that one request of long polling may bring; clients send all they have at once.
MAX_PACKETS = 1000
POLLING_PACKETS = (CLOSE, PONG, MESSAGE, UPGRADE)
#: A ping is the first packet of an upgrade.
WEBSOCKET_PACKETS = (*POLLING_PACKETS, PING)

# The default is 16.
Payload.max_decode_packets = MAX_PACKETS


async def read_body(receive: Receive, most: int) -> bytes | None:
    """Return the body of a request; ``None`` if it has more bytes than ``most``."""
    body, is_more = b"", True
    while is_more:
        part = await receive()
        body += part.get("body", b"")
        if len(body) > most:
            return None
        is_more = part.get("more_body", False)
    return body


def holds_packets(body: bytes) -> bool:
    """Tell whether a request of long polling brings packets, and not too many."""
    try:
        packets = Payload(encoded_payload=body.decode()).packets
    except (KeyError, ValueError):
        return False
    return bool(packets) and _are_allowed(packets, POLLING_PACKETS)


def with_body(scope: Message, body: bytes, receive: Receive) -> tuple[Message, Receive]:
    """Return a request as it was before its body was read, with the length declared."""
    headers = [header for header in scope["headers"] if header[0] != b"content-length"]
    length = (b"content-length", b"%d" % len(body))
    parts: list[Message] = [{"type": "http.request", "body": body}]

    async def receive_again() -> Message:
        return parts.pop() if parts else await receive()

    return {**scope, "headers": [*headers, length]}, receive_again


def while_readable(receive: Receive, most: int) -> Receive:
    """Return what receives from a websocket, and takes what is no packet for its end.

    Args:
        receive: The websocket's.
        most: Characters that a packet may have.
    """

    async def receive_packet() -> Message:
        message = await receive()
        if message["type"] == "websocket.receive" and not _is_packet(message, most):
            return {"type": "websocket.disconnect"}
        return message

    return receive_packet


def _is_packet(message: Message, most: int) -> bool:
    text = message.get("text")
    encoded = message["bytes"] if text is None else text
    try:
        packet = Packet(encoded_packet=encoded)
    except ValueError:
        return False
    return len(encoded) <= most and _are_allowed([packet], WEBSOCKET_PACKETS)


def _are_allowed(packets: Collection[Packet], allowed: Collection[int]) -> bool:
    return all(packet.packet_type in allowed for packet in packets)
