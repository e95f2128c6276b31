"""What weft is registered as at an identity provider, and who has shown there who they are.

Knows which addresses may be asked at all: TLS, or this machine's own loopback where a rehearsal
says so. Pure. Refuses to know how anything is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from weft.errors import BadSetting

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
LONGEST = 2_000  # characters of an address


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One registration; shows its secret nowhere but in `secret`.

    Attributes:
        issuer: the provider's name for itself, an address; compared character by character.
        client_id: what the provider calls weft.
        secret: `None` for a registration without one, which PKCE alone protects.
        redirect_uri: where the provider sends browsers back to; the only one that is ever named.
        rehearsal: also a provider at this machine's loopback without TLS may be asked.
    """

    issuer: str
    client_id: str
    redirect_uri: str
    secret: str | None = field(default=None, repr=False)
    rehearsal: bool = False

    def check(self) -> None:
        """Refuse a registration that could not be used safely.

        Raises:
            BadSetting: naming what is wrong.
        """
        if not self.may_ask(self.issuer) or set("?#") & set(self.issuer):
            raise BadSetting(
                f"`oidc_issuer` is {self.issuer!r}; expected an address such as https://id.example.com/realms/work.",
                hint="it is what the provider calls `issuer`; it begins with https:// and has neither ? nor #.",
                setting="oidc_issuer",
            )
        if not self.client_id:
            raise BadSetting(
                "`oidc_client_id` is empty; expected what the identity provider calls weft.",
                hint="register weft at the provider first; it shows the id then.",
                setting="oidc_client_id",
            )

    def may_ask(self, address: object) -> bool:
        """Whether an address of the provider may be asked: only over TLS, and without a name in it."""
        if not isinstance(address, str) or not 0 < len(address) <= LONGEST or not address.isprintable():
            return False
        try:
            parts = urlsplit(address)
            host, _ = parts.hostname, parts.port
        except ValueError:
            return False
        secure = parts.scheme == "https" or (self.rehearsal and parts.scheme == "http" and host in LOOPBACK)
        return secure and bool(host) and "@" not in parts.netloc and not any(map(str.isspace, address))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Somebody who has shown at a provider who they are.

    Attributes:
        issuer: of the provider. subject: its name for the person; never given to somebody else.
        email: in lower case, and only where the provider vouches for it; `None` = it does not.
        name: for people; empty where the provider says none.
    """

    issuer: str
    subject: str
    email: str | None = None
    name: str = ""
