"""Where webhooks may go: to the public internet, and to networks allowed by setting.

An endpoint's address comes from people, so it must not become a way into the network
that the server is in (SSRF).
"""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from django_eliza_sessions.conf import conf

#: IPv4 addresses as a translator to IPv6 shows them (RFC 6052).
NAT64 = IPv6Network("64:ff9b::/96")
#: Relays between IPv4 and IPv6, which nobody should meet any more (RFC 7526).
RELAYS = IPv4Network("192.88.99.0/24")
#: All of IPv6 that the public internet uses (RFC 4291).
GLOBAL_UNICAST = IPv6Network("2000::/3")


class WebhookUrlError(ValueError):
    """A webhook may not go there, or there is no such place."""


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, all of which webhooks may go to.

    One that may not is enough to refuse the host: nobody means to have both.

    Args:
        host: A name in ASCII, or an address.
        port: What is asked for there.

    Raises:
        WebhookUrlError: It has no address, or one that webhooks may not go to.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise WebhookUrlError(f"{host} cannot be resolved: {error}") from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not _is_allowed(ip_address(address)):
            raise WebhookUrlError(
                f"{host} is {address}, which is neither public nor within "
                "WEBHOOK_ALLOWED_NETWORKS."
            )
    return addresses


def _is_allowed(address: IPv4Address | IPv6Address) -> bool:
    meant = _embedded(address)
    if any(meant in network for network in conf.webhook_allowed_networks):
        return True
    if isinstance(meant, IPv6Address):
        return meant in GLOBAL_UNICAST and meant.is_global
    return meant.is_global and not meant.is_multicast and meant not in RELAYS


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
