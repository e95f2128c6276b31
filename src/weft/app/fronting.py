"""What stands in front of a team's server: its public address, and proxies that say who asks.

Knows that TLS ends in front of the server, that the public address alone is the server's name, and
that what a proxy says about who asks is good for logs and deeds and nothing else.
Pure. Refuses to know requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from weft.errors import BadSetting

PORT = 443  # of https, which browsers leave out


@dataclass(frozen=True, slots=True)
class PublicPlace:
    """Where people reach the server.

    Attributes:
        origin: as browsers write it.
        hosts: how the Host of a request may be written.
    """

    origin: str
    hosts: frozenset[str]


def read_public_url(url: str) -> PublicPlace:
    """Read the public address of a server.

    >>> read_public_url("https://Weft.Example.com/").origin
    'https://weft.example.com'

    Raises:
        BadSetting: if it is no https address of a host and nothing else.
    """
    try:
        parts = urlsplit(url.strip())
        name, port = (parts.hostname or "").lower(), parts.port
        bad = parts.scheme != "https" or not name or not name.isascii()
        bad = bad or any((parts.username, parts.password, parts.path.strip("/"), parts.query, parts.fragment))
    except ValueError:
        bad, name, port = True, "", None
    if bad:
        raise BadSetting(
            f"`public_url` is {url[:200]!r}; expected an address such as https://weft.example.com.",
            hint="scheme `https`, a host and at most a port; TLS stands in front of the server.",
            setting="public_url",
        )
    shown = f"[{name}]" if ":" in name else name
    if port not in {None, PORT}:
        return PublicPlace(f"https://{shown}:{port}", frozenset({f"{shown}:{port}"}))
    return PublicPlace(f"https://{shown}", frozenset({shown, f"{shown}:{PORT}"}))


class Proxies:
    """The addresses of what stands in front, and whom it says to ask for."""

    def __init__(self, text: str) -> None:
        """Trust these addresses and networks, with blanks between.

        Raises:
            BadSetting: if one is none.
        """
        try:
            self._networks = [ip_network(each, strict=False) for each in text.split()]
        except ValueError as exc:
            raise BadSetting(
                f"`trusted_proxies` is {text[:200]!r}; expected addresses or networks with blanks between.",
                hint="such as `127.0.0.1 10.0.0.0/8`.",
                setting="trusted_proxies",
            ) from exc

    def asker(self, client: str, forwarded: Sequence[str]) -> str:
        """Who asks; empty = not known.

        Args:
            client: the other end of the connection.
            forwarded: what `X-Forwarded-For` says, line by line; believed from right to left, as far
                as it was written by proxies that are trusted.
        """
        found = client
        for each in reversed([part.strip() for part in ",".join(forwarded).split(",") if part.strip()]):
            if not self._trusts(found):
                break
            found = each
        return found if _is_address(found) else ""

    def _trusts(self, text: str) -> bool:
        if not _is_address(text):
            return False
        address = ip_address(text)
        return any(address.version == each.version and address in each for each in self._networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
