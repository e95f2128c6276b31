"""Which addresses a prompt and a key may be sent to.

Knows cloud metadata services, link-local and private networks, and odd ways of writing an
address. Refuses to open a connection: the wire asks here before it connects, and again for every
address that a name resolves to, so that a name cannot change its mind in between.
"""

from __future__ import annotations

import ipaddress
import re
import socket
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
_LOCAL_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",  # shared address space, used by overlay networks
        "::1/128",
        "fc00::/7",
    )
)


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
        if address in _NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        return wrapped if wrapped is not None else address
    return address


def is_forbidden(address: Address) -> bool:
    """Whether nobody's model can live there: metadata, link-local, multicast, unspecified."""
    return (
        address in _METADATA
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or (address.is_reserved and address.version == 4)
    )


def is_local(address: Address) -> bool:
    """Whether it is on this machine or in a private network, where `http://` is good enough."""
    return any(address in network for network in _LOCAL_NETWORKS if network.version == address.version)


def may_connect(text: str, *, plain: bool) -> bool:
    """Whether the wire may connect to a resolved address.

    Args:
        text: an IP address as the resolver gives it.
        plain: the connection is not encrypted; then it must not leave private networks.
    """
    address = read_address(text)
    if address is None or is_forbidden(address):
        return False
    return is_local(address) or not plain


def check_base_url(text: str) -> str:
    """Return a provider's address without its last slash if it may be used at all.

    Raises:
        BadSetting: if it is no plain http(s) address, carries a user name, a query or a fragment,
            points to a metadata or link-local address, or is `http://` to a public address.
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
    address = read_address(host)
    if host in _METADATA_NAMES or (address is not None and is_forbidden(address)):
        raise _bad(text, "points to a link-local or metadata address", hint="no model lives there.")
    if parts.scheme == "http" and address is not None and not is_local(address):
        raise _bad(text, "is unencrypted and public", hint="use https, or a private address.")
    return text.rstrip("/")


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
