"""Whom an address is believed of."""

from ipaddress import ip_network

import pytest

from django_eliza_sessions.proxies import client_network

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        pytest.param("192.0.2.1", "", "192.0.2.1", id="directly"),
        pytest.param("192.0.2.1", "192.0.2.9", "192.0.2.1", id="stranger-says-so"),
        pytest.param("10.0.0.1", "192.0.2.9", "192.0.2.9", id="one-proxy"),
        pytest.param("10.0.0.1", "192.0.2.9, 10.0.0.2", "192.0.2.9", id="two-proxies"),
        pytest.param("10.0.0.1", "192.0.2.6, 192.0.2.9", "192.0.2.9", id="invented"),
        pytest.param("10.0.0.1", "10.0.0.9, 192.0.2.9", "192.0.2.9", id="invented-proxy"),
        pytest.param("10.0.0.1", "10.0.0.9", "10.0.0.9", id="from-within"),
        pytest.param("10.0.0.1", "", "10.0.0.1", id="proxy-itself"),
        pytest.param("10.0.0.1", "unknown", "10.0.0.1", id="no-address"),
        pytest.param("10.0.0.1", "192.0.2.9, nonsense", "10.0.0.1", id="nonsense"),
        pytest.param("10.0.0.1", "192.0.2.9:8080", "192.0.2.9", id="with-port"),
        pytest.param("fd00::1", "[2001:db8::1]:80", "2001:db8::/64", id="six-with-port"),
        pytest.param("fd00::1", "[2001:db8::1]", "2001:db8::/64", id="six-in-brackets"),
        pytest.param("::ffff:10.0.0.1", "192.0.2.9", "192.0.2.9", id="mapped-proxy"),
        pytest.param("::ffff:192.0.2.9", "", "192.0.2.9", id="mapped"),
        pytest.param("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64", id="six"),
        pytest.param("fe80::1%eth0", "", "fe80::/64", id="six-with-zone"),
        pytest.param("", "192.0.2.9", "192.0.2.9", id="unix-socket"),
        pytest.param("", "", "unknown", id="unix-socket-itself"),
        pytest.param("10.0.0.1", "," * 20_000, "10.0.0.1", id="commas"),
    ],
)
def test_client(peer, forwarded, client):
    assert client_network(peer, forwarded, PROXIES) == client


@pytest.mark.parametrize("peer", ["10.0.0.1", ""])
def test_without_proxies_nobody_is_believed(peer):
    assert client_network(peer, "192.0.2.9", ()) == (peer or "unknown")
