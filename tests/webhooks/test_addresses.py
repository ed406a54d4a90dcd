"""Where webhooks may go; names are resolved by a resolver that the test plays."""

import socket

import pytest

from django_eliza_sessions.webhooks import WebhookUrlError, check_url

PUBLIC = "93.184.215.14"


@pytest.fixture
def resolves(monkeypatch):
    """Have every name stand for these addresses."""

    def change(*addresses):
        def getaddrinfo(host, port, **_kwargs):
            return [(0, 0, 0, "", (address, port)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return change


@pytest.mark.parametrize(
    "address", [PUBLIC, "2606:2800:21f::1", "64:ff9b::5db8:d70e", "2002:5db8:d70e::1"]
)
def test_public_addresses_are_fine(resolves, address):
    resolves(address)

    check_url("https://example.com/hook")


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("127.8.8.8", id="loopback-too"),
        pytest.param("0.0.0.0", id="unspecified"),
        pytest.param("10.0.0.1", id="private-10"),
        pytest.param("172.16.0.1", id="private-172"),
        pytest.param("192.168.1.1", id="private-192"),
        pytest.param("169.254.169.254", id="link-local-metadata"),
        pytest.param("100.64.0.1", id="carrier-grade-nat"),
        pytest.param("198.18.0.1", id="benchmarks"),
        pytest.param("192.0.2.1", id="documentation"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("239.1.1.1", id="multicast-too"),
        pytest.param("192.88.99.1", id="relay"),
        pytest.param("2002:c058:6301::1", id="relay-6to4"),
        pytest.param("240.0.0.1", id="reserved"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("::1", id="loopback-6"),
        pytest.param("::", id="unspecified-6"),
        pytest.param("fe80::1", id="link-local-6"),
        pytest.param("fe80::1%lo", id="link-local-6-scoped"),
        pytest.param("fc00::1", id="unique-local"),
        pytest.param("fec0::1", id="site-local"),
        pytest.param("ff02::1", id="multicast-6"),
        pytest.param("2001:db8::1", id="documentation-6"),
        pytest.param("100::1", id="discard"),
        pytest.param("::ffff:127.0.0.1", id="mapped"),
        pytest.param("::127.0.0.1", id="compatible"),
        pytest.param("2002:7f00:1::1", id="6to4"),
        pytest.param("2001:0:5db8:d70e::1", id="teredo"),
        pytest.param("64:ff9b::7f00:1", id="nat64"),
        pytest.param("64:ff9b:1::5db8:d70e", id="nat64-local"),
    ],
)
def test_others_are_refused(resolves, address):
    resolves(address)

    with pytest.raises(WebhookUrlError, match="neither public nor"):
        check_url("https://example.com/hook")


def test_one_that_is_refused_is_enough(resolves):
    resolves(PUBLIC, "10.0.0.1")

    with pytest.raises(WebhookUrlError, match=r"10\.0\.0\.1"):
        check_url("https://example.com/hook")


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203"])
def test_allowed_networks_are_fine_however_they_are_written(resolves, configure, address):
    configure(WEBHOOK_ALLOWED_NETWORKS=["10.1.0.0/16"])
    resolves(address)

    check_url("https://example.com/hook")
    resolves("10.2.0.1")
    with pytest.raises(WebhookUrlError):
        check_url("https://example.com/hook")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::1]", "localhost", "0"],
)
def test_every_way_of_writing_this_machine_is_refused(host):
    with pytest.raises(WebhookUrlError):
        check_url(f"https://{host}/hook")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://example.com/", "must begin with https://"),
        ("ftp://example.com/", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("example.com", "must begin with https://"),
        ("https://", "names no host"),
        ("https:///hook", "names no host"),
        ("https://user:password@example.com/", "must not hold credentials"),
        ("https://user@example.com/", "must not hold credentials"),
        ("https://example.com:x/", "no URL"),
        ("https://[::1/", "no URL"),
        ("https://example.com:0/", "port must be from 1 to 65535"),
        ("https://example.com:65536/", "port must be from 1 to 65535"),
        ("https://example.com:99999999/", "port must be from 1 to 65535"),
        ("https://example.com:-1/", "port must be from 1 to 65535"),
        ("https://a b/", "cannot be resolved"),
        (f"https://{'a' * 64}.example/", "cannot be resolved"),
        ("https://nowhere.invalid/", "cannot be resolved"),
    ],
)
def test_other_urls_are_refused(url, problem):
    with pytest.raises(WebhookUrlError, match=problem):
        check_url(url)


def test_http_needs_a_setting(resolves, configure):
    resolves(PUBLIC)
    configure(WEBHOOK_ALLOW_HTTP=True)

    check_url("http://example.com/hook")
    with pytest.raises(WebhookUrlError, match="https"):
        check_url("ftp://example.com/hook")
