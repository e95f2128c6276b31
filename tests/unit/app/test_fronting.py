from __future__ import annotations

import pytest

from weft.app.fronting import Proxies, read_public_url
from weft.errors import BadSetting


@pytest.mark.parametrize(
    ("url", "origin", "hosts"),
    [
        (
            "https://weft.example.com",
            "https://weft.example.com",
            {"weft.example.com", "weft.example.com:443"},
        ),
        (
            " HTTPS://Weft.Example.com:443/ ",
            "https://weft.example.com",
            {"weft.example.com", "weft.example.com:443"},
        ),
        ("https://weft.example.com:8443", "https://weft.example.com:8443", {"weft.example.com:8443"}),
        ("https://[2001:db8::1]", "https://[2001:db8::1]", {"[2001:db8::1]", "[2001:db8::1]:443"}),
    ],
)
def test_public_address_says_its_origin_and_hosts(url: str, origin: str, hosts: set[str]) -> None:
    """S29, S30: one address gives the only origin and the only Hosts."""
    place = read_public_url(url)

    assert (place.origin, place.hosts) == (origin, hosts)


@pytest.mark.parametrize(
    "url",
    [
        "", "weft.example.com", "http://weft.example.com", "https://", "https://me@weft.example.com", "ftp://x.example",
        "https://weft.example.com/app", "https://weft.example.com?x=1", "https://weft.example.com:port", "https://wéft.example",
        "https://weft.example.com#x", "https://[::1",
    ],
)  # fmt: skip
def test_other_addresses_are_refused(url: str) -> None:
    """A public address is https, a host and at most a port."""
    with pytest.raises(BadSetting, match="public_url"):
        read_public_url(url)


@pytest.mark.parametrize(
    ("client", "forwarded", "asker"),
    [
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        (
            "10.0.0.1",
            ["1.2.3.4, 203.0.113.7"],
            "203.0.113.7",
        ),  # what the asker has written itself stands left
        ("10.0.0.1", ["203.0.113.7", "10.0.0.2"], "203.0.113.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("203.0.113.9", ["1.2.3.4"], "203.0.113.9"),  # nobody who is trusted stands between
        ("10.0.0.1", ["<script>"], ""),
        ("::1", ["2001:db8::7"], "2001:db8::7"),
        ("", ["1.2.3.4"], ""),
    ],
)
def test_asker_is_found_behind_trusted_proxies(client: str, forwarded: list[str], asker: str) -> None:
    """What stands in front is believed from right to left, as far as it is trusted."""
    assert Proxies("10.0.0.0/8 ::1").asker(client, forwarded) == asker


def test_without_proxies_nothing_is_believed() -> None:
    """Where no proxy is trusted, who is connected is who asks."""
    assert Proxies("").asker("10.0.0.1", ["1.2.3.4"]) == "10.0.0.1"


def test_proxy_that_is_none_is_refused() -> None:
    """A name is no address: who it is could change."""
    with pytest.raises(BadSetting, match="trusted_proxies"):
        Proxies("10.0.0.1 proxy.example.com")
