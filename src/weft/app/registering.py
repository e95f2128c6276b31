"""From settings to a desk that signs people in: what weft is registered as, and with which secret.

Knows that the client's secret stands in a variable or in a file that only its owner may read, never
in a file of settings, and that what this server writes into cookies is sealed with a key derived
from its master key. Refuses to sign anybody in (`signing_in.py`).
"""

from __future__ import annotations

from pathlib import Path

from weft.app.configuring import SECRET, SECRET_FILE
from weft.app.masters import masters_of, private_text
from weft.app.members import MembersDesk
from weft.app.opening import MASTER, Surroundings, new_secret
from weft.app.sessions import SessionsDesk
from weft.app.signing_in import SigningInDesk
from weft.app.stores import Stores
from weft.errors import BadSetting
from weft.identity.errands import Errands
from weft.identity.openid import OpenIdProvider
from weft.identity.registration import Registration
from weft.kit.clocks import Clock
from weft.kit.secrecy import LIVE

RETURN = "/sign-in/callback"
"""Where the identity provider sends browsers back to, below the public address."""


def open_signing_in(
    home: Surroundings, stores: Stores, *, members: MembersDesk, sessions: SessionsDesk, clock: Clock
) -> SigningInDesk:
    """The desk that signs people in at the provider which the settings name; asks nobody yet.

    Args:
        home: of the server.
        stores: the server's own.
        members: who may come in.
        sessions: where visits are kept.
        clock: wall and monotonic time.

    Raises:
        BadSetting: naming what is missing or cannot be used.
    """
    masters = masters_of(home)
    if not masters:
        raise BadSetting(
            "There is no master key, with which sign-ins under way are sealed.",
            hint=f"`weft keys new-master` makes one; `{MASTER}` or a file hands it to every process of the server.",
            setting=MASTER,
        )
    provider = OpenIdProvider(registration_of(home), clock=clock)
    errands = Errands(masters[0].key, clock=clock, draw=new_secret)
    return SigningInDesk(provider, stores, members=members, sessions=sessions, errands=errands, clock=clock)


def registration_of(home: Surroundings) -> Registration:
    """What weft is registered as at the identity provider.

    Raises:
        BadSetting: naming what is missing or cannot be used.
    """
    settings = home.settings
    registration = Registration(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        secret=_secret(home),
        redirect_uri=settings.public_url.rstrip("/") + RETURN,
        rehearsal=settings.oidc_rehearsal,
    )
    registration.check()
    return registration


def _secret(home: Surroundings) -> str | None:
    """The client's secret; `None` where weft is registered without one."""
    given = {name: home.environment.get(name, "").strip() for name in (SECRET, SECRET_FILE)}
    if all(given.values()):
        raise BadSetting(
            f"Both `{SECRET}` and `{SECRET_FILE}` are given.", hint="leave one of them out.", setting=SECRET
        )
    if given[SECRET_FILE]:
        path = home.root / Path(given[SECRET_FILE]).expanduser()
        found = private_text(path, what="client's secret", setting=SECRET_FILE).strip()
        if not found:
            raise BadSetting(
                f"The client's secret `{path}` is empty.",
                hint="the identity provider shows it.",
                setting=SECRET_FILE,
            )
    else:
        found = given[SECRET]
    LIVE.add(found, lasts=True)
    return found or None
