"""Which addresses a prompt and a key may be sent to.

Knows cloud metadata services, link-local and private networks, and odd ways of writing an
address. The one place of these rules: this machine may be named as itself, private networks only
where somebody has said so, everybody else is spoken to encrypted. Refuses to open a connection:
the wire asks here before it connects, and again for every address that a name resolves to, so
that a name cannot change its mind in between.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

from weft.errors import BadSetting

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\]")
# Strict on purpose: what two parsers could read in two ways is no host name here.

_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google, Oracle, DigitalOcean
        "169.254.170.2",  # AWS container credentials
        "100.100.100.200",  # Alibaba Cloud
        "192.0.0.192",  # Oracle Cloud
        "168.63.129.16",  # Azure's wire server
        "fd00:ec2::254",  # AWS over IPv6
        "fd20:ce::254",  # Google over IPv6
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # its last 32 bits are an IPv4 address
_COMPATIBLE = ipaddress.ip_network("::/96")  # so are these, in a form that is out of use
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")  # some systems take all of it for this machine
PRIVATE_HINT = "`private_networks = true` (or `--private-networks`) lets prompts go into private networks."
_OWN_NAMES = frozenset({"localhost", "ip6-localhost"})


class Range(StrEnum):
    """Where an address leads."""

    NOWHERE = "nowhere"
    """Nobody's model can live there: metadata, link-local, multicast, reserved, unspecified."""
    OWN = "own"
    """This machine."""
    PRIVATE = "private"
    """Networks that the internet does not reach."""
    PUBLIC = "public"
    """Everywhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom somebody wants to ask, as it was written.

    Attributes:
        host: a name or an address.
        plain: the connection is not encrypted.
        private: networks may be reached that the internet does not reach.
    """

    host: str
    plain: bool = False
    private: bool = False

    @property
    def is_own(self) -> bool:
        """Whether this machine was named as itself, in words or as an address."""
        address = read_address(self.host)
        if address is not None:
            return range_of(address) is Range.OWN
        name = self.host.rstrip(".").lower()
        return name in _OWN_NAMES or name.endswith(".localhost")


def read_address(text: str) -> Address | None:
    """Read an IP address, also the short, decimal and hexadecimal forms; `None` for a name.

    An IPv6 address that only wraps an IPv4 address is returned as the latter.
    """
    text = text.strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(text))
        except (OSError, ValueError):
            return None
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        return wrapped if wrapped is not None else address
    return address


def range_of(address: Address) -> Range:
    """Where an address leads; one that wraps another must have been unwrapped by `read_address`."""
    if address.is_loopback:
        return Range.OWN
    if (
        address in _METADATA
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
        or address in _THIS_NETWORK
    ):
        return Range.NOWHERE
    return Range.PUBLIC if address.is_global else Range.PRIVATE


def may_connect(text: str, target: Target) -> bool:
    """Whether the wire may connect to a resolved address.

    A name that is not this machine's own must not lead to it: else a page of somebody's DNS could
    draw a prompt to a server here that trusts whoever reaches it.

    Args:
        text: an IP address as the resolver gives it.
        target: whom it was resolved for.
    """
    address = read_address(text)
    where = Range.NOWHERE if address is None else range_of(address)
    if where is Range.OWN:
        return target.is_own or target.private
    if target.is_own:
        return False  # a file of hosts that sends `localhost` elsewhere
    if where is Range.PRIVATE:
        return target.private
    return where is Range.PUBLIC and not target.plain


def check_base_url(text: str, *, private: bool = False) -> str:
    """Return a provider's address without its last slash if it may be used at all.

    Args:
        text: as it was given.
        private: it may lead into a private network, and unencrypted there.

    Raises:
        BadSetting: if it is no plain http(s) address, carries a user name, a query or a fragment,
            points to a metadata or link-local address, into a private network that was not allowed,
            or is `http://` to another machine.
    """
    parts = _split(text)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in {"http", "https"}:
        raise _bad(text, "is no http or https address", hint="write it like `http://localhost:11434/v1`.")
    if not _HOST.fullmatch(_bare_host(parts.netloc)):
        raise _bad(text, "has no usable host name", hint="write host and port only, without user name.")
    if parts.query or parts.fragment or re.search(r"[\s\\]", text):
        raise _bad(
            text, "has a query, a fragment or blanks", hint="give the part before `/chat/completions`."
        )
    target = Target(host=host, plain=parts.scheme == "http", private=private)
    address = read_address(host)
    if host in _METADATA_NAMES or (address is not None and range_of(address) is Range.NOWHERE):
        raise _bad(text, "points to a link-local or metadata address", hint="no model lives there.")
    if address is not None and not may_connect(host, target):
        if range_of(address) is Range.PRIVATE:
            raise _bad(text, "points into a private network", hint=PRIVATE_HINT)
        raise _bad(text, "is unencrypted and public", hint="use https.")
    if target.plain and not target.is_own and not private:
        raise _bad(text, "is unencrypted and not this machine", hint=f"use https; {PRIVATE_HINT}")
    return text.rstrip("/")


def place_of(url: str) -> str:
    """Host and port of an address: what a key is bound to.

    >>> place_of("https://API.OpenAI.com/v1"), place_of("http://127.1:8000")
    ('api.openai.com:443', '127.0.0.1:8000')
    """
    parts = urlsplit(url)
    host = host_of(url)
    address = read_address(host)
    shown = host if address is None else f"[{address}]" if address.version == 6 else str(address)
    return f"{shown}:{parts.port or (80 if parts.scheme == 'http' else 443)}"


def host_of(url: str) -> str:
    """The lower-case host name of an address."""
    return (urlsplit(url).hostname or "").rstrip(".")


def belongs_to(url: str, official: str) -> bool:
    """Whether an address is the official one or a region of it, encrypted and on the usual port."""
    parts = urlsplit(url)
    host, home = host_of(url), host_of(official)
    at_home = host == home or host.endswith("." + home)
    return at_home and parts.scheme == "https" and parts.port in {None, 443}


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises where it is no port
    except ValueError as exc:
        raise _bad(text, "is no address", hint=str(exc)) from exc
    return parts


def _bare_host(netloc: str) -> str:
    """The host as written: brackets kept, port removed; a user name makes it unusable."""
    host, colon, port = netloc.rpartition(":")
    return host if colon and (port.isdigit() or not port) else netloc


def _bad(text: str, what: str, *, hint: str) -> BadSetting:
    shown = re.sub(r"//[^/@]*@", "//…@", text)[:200]
    return BadSetting(f"The base URL {shown!r} {what}.", hint=hint, setting="base_url")
