"""Where a request comes from, when proxies stand in between."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from django_eliza_sessions.parsers import Networks

Address = IPv4Address | IPv6Address

#: Some proxies note the port as well.
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([\d.]+):\d+")


def client_network(peer: str, forwarded: str, trusted: Networks) -> str:
    """Return the IPv4 address of a client, or the /64 that its IPv6 address is from.

    Each proxy appends whom it was asked by, so the right-most address that is not a
    trusted proxy's own is the last one that is not the client's invention.

    Args:
        peer: Who opened the connection; empty where it came through a Unix socket, which
            only a proxy on the same machine can.
        forwarded: The header ``X-Forwarded-For``.
        trusted: Where the proxies are that are believed.
    """
    address = _parse(peer)
    hops = forwarded.split(",")
    while hops and _is_trusted(address, trusted):
        hop = _parse(hops.pop())
        if hop is None:
            break
        address = hop
    if isinstance(address, IPv6Address):
        # One line has a whole /64, and so could have a new address for each request.
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address or "unknown")


def _parse(text: str) -> Address | None:
    text = text.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(address: Address | None, trusted: Networks) -> bool:
    if address is None:
        return bool(trusted)
    return any(address in network for network in trusted)
