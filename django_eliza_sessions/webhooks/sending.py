"""Sending one webhook: signed, to a checked address, within a time limit."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from django_eliza_sessions import __version__
from django_eliza_sessions.conf import conf
from django_eliza_sessions.webhooks.addresses import WebhookUrlError, resolve

# The extra is imported where it is used, so that without it everything else works.
if TYPE_CHECKING:
    import ssl

    import httpx2

PORTS = {"http": 80, "https": 443}
MAX_PORT = 65535
#: How much of a refusal is read, in bytes.
MAX_ANSWER = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt went.

    Attributes:
        status: What the endpoint answered, if it did.
        error: Why the event did not arrive; empty if it did.
    """

    status: int | None = None
    error: str = ""


def check_url(url: str) -> None:
    """Check that webhooks may go to a URL; looks its host up.

    Raises:
        WebhookUrlError: They may not.
    """
    target = _parse(url)
    resolve(target.raw_host.decode(), target.port or PORTS[target.scheme])


def post(
    url: str, *, secrets: list[str], event_id: str, body: bytes, sent_at: datetime
) -> Outcome:
    """Post an event, as Standard Webhooks has it.

    Args:
        url: The endpoint's.
        secrets: It is signed with each of them.
        event_id: The same for each attempt, so that receivers know it again.
        body: JSON in UTF-8.
        sent_at: The present.

    Returns:
        How it went; whatever the endpoint does is an outcome.
    """
    import httpx2  # noqa: PLC0415

    headers = _sign(secrets, event_id, body, sent_at)
    try:
        return asyncio.run(_post(_parse(url), headers, body))
    except TimeoutError:
        return Outcome(error=f"No answer within {conf.webhook_timeout_seconds} seconds.")
    except (WebhookUrlError, httpx2.HTTPError) as error:
        return Outcome(error=f"{type(error).__name__}: {error}")


def _parse(url: str) -> "httpx2.URL":
    import httpx2  # noqa: PLC0415

    try:
        target = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise WebhookUrlError(f"This is no URL: {error}") from error
    if target.scheme != "https" and not (
        target.scheme == "http" and conf.webhook_allow_http
    ):
        raise WebhookUrlError("The URL must begin with https://.")
    if not target.host:
        raise WebhookUrlError("The URL names no host.")
    if target.port is not None and not 0 < target.port <= MAX_PORT:
        raise WebhookUrlError(f"The URL's port must be from 1 to {MAX_PORT}.")
    if target.userinfo:
        raise WebhookUrlError("The URL must not hold credentials: webhooks are signed.")
    return target


def _sign(
    secrets: list[str], event_id: str, body: bytes, sent_at: datetime
) -> dict[str, str]:
    from standardwebhooks import Webhook  # noqa: PLC0415

    signatures = [Webhook(key).sign(event_id, sent_at, body.decode()) for key in secrets]
    return {
        "content-type": "application/json",
        "user-agent": f"django-eliza-sessions/{__version__}",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


async def _post(target: "httpx2.URL", headers: dict[str, str], body: bytes) -> Outcome:
    """Post to the first address that can be connected to, all within the time limit."""
    import httpx2  # noqa: PLC0415

    host = target.raw_host.decode()
    addresses = resolve(host, target.port or PORTS[target.scheme])
    # Without a client around it, which would use proxies from the environment, and log
    # the URL: it may hold a key of the receiver's.
    transport = httpx2.AsyncHTTPTransport(verify=_tls(), trust_env=False)
    async with asyncio.timeout(conf.webhook_timeout_seconds), transport:
        for address in addresses:
            # By address, so that it is the one that was checked; host and certificate
            # are those of the name.
            request = httpx2.Request(
                "POST",
                target.copy_with(host=address),
                headers={"host": target.netloc.decode(), **headers},
                content=body,
                extensions={"sni_hostname": host},
            )
            try:
                return await _outcome(await transport.handle_async_request(request))
            except httpx2.ConnectError as error:
                failure = error
    raise failure


async def _outcome(response: "httpx2.Response") -> Outcome:
    """Return how it went; an answer's body matters only if it is a refusal."""
    if response.is_success:
        return Outcome(status=response.status_code)
    said = b""
    async for part in response.aiter_raw():
        said += part
        if len(said) >= MAX_ANSWER:
            break
    text = said[:MAX_ANSWER].decode(errors="replace").replace("\0", "").strip()
    code = response.status_code
    error = f"Answered {code}: {text}" if text else f"Answered {code}."
    return Outcome(status=code, error=error)


@cache
def _tls() -> "ssl.SSLContext":
    """Return what certificates are verified by; loading it takes a while."""
    import httpx2  # noqa: PLC0415

    return httpx2.create_ssl_context()
