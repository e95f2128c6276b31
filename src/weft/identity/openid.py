"""An identity provider that speaks OpenID Connect: where a browser is sent, and whom its code proves.

Knows what the provider says about itself and which keys it signs with, asks for both seldom, and
asks for its keys again when a token names one that is not known, but not more often than twice a
minute. Refuses to know who is a member, and keeps no token: each is read once and forgotten.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from weft.errors import BadRequest, NotAuthorised, NotProven, NotTheApi, RateLimited, ServerFailed, WeftError
from weft.identity._tokens import ALGORITHMS, Expected, KeyRing, challenge_of, key_named
from weft.identity._wire import Answered, Wire
from weft.identity.discovering import CHALLENGE, PATH, Described, read_description
from weft.identity.registration import Proven, Registration
from weft.kit.caches import TtlLruCache
from weft.kit.clocks import Clock
from weft.kit.strict_json import loads

KEPT_S = 3_600.0  # how long a description and keys are believed without asking again
AGAIN_S = 30.0  # between two questions for keys because a token names an unknown one
SCOPE = "openid email profile"
LONGEST_CODE = 4_000  # characters
ENTRA = "https://login.microsoftonline.com/"
VOUCHED = (True, 1, "1", "true")  # how Entra ID writes that it has verified who owns an e-mail's domain


class OpenIdProvider:
    """Asks one provider about people who want to come in."""

    def __init__(self, registration: Registration, *, clock: Clock, wire: Wire | None = None) -> None:
        """Ask nothing yet.

        Args:
            registration: what weft is there.
            clock: wall time for tokens, monotonic time for what is kept.
            wire: `None` = with the usual limits.

        Raises:
            BadSetting: if the registration could not be used safely.
        """
        registration.check()
        self.registration = registration
        self._clock = clock
        self._wire = wire or Wire()
        # Whoever needs the same at the same time waits for one question, and hears of its failure together.
        self._described: TtlLruCache[str, Described] = TtlLruCache(1, ttl_s=KEPT_S, clock=clock)
        self._rings: TtlLruCache[str, KeyRing] = TtlLruCache(1, ttl_s=KEPT_S, clock=clock)
        self._asked_for_keys_at = 0.0

    async def address(self, *, state: str, nonce: str, verifier: str) -> str:
        """Where a browser is sent to sign in.

        Raises:
            Outage: if the provider cannot be asked what it is, or is none.
        """
        described = await self.look()
        asked = {
            "response_type": "code",
            "client_id": self.registration.client_id,
            "redirect_uri": self.registration.redirect_uri,
            "scope": SCOPE,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": CHALLENGE,
        }
        joint = "&" if "?" in described.authorize else "?"
        return f"{described.authorize}{joint}{urlencode(asked, quote_via=quote)}"

    async def check_sender(self, issuer: str | None) -> None:
        """Refuse an answer that another provider has sent the browser with (RFC 9207).

        Raises:
            NotProven: if it names another issuer, or none where this provider always does.
        """
        described = await self.look()
        if issuer != self.registration.issuer and (issuer is not None or described.names_itself):
            raise NotProven(
                "The answer comes from another identity provider than the one that was asked.",
                hint="sign in again.",
                claim="issuer",
            )

    async def prove(self, code: str, *, nonce: str, verifier: str) -> Proven:
        """Trade a code for a token, and say whom it proves.

        Raises:
            NotProven: if the code or the token is not to be believed; `claim` says why.
            Outage, Refusal: if the provider cannot be asked, or does not take weft for itself.
        """
        described = await self.look()
        traded = await self._trade(described, code, verifier)
        token, access = traded.get("id_token"), traded.get("access_token", "")
        if not isinstance(token, str) or not isinstance(access, str):
            raise _unreadable("has no `id_token`")
        kid, algorithm = key_named(token)
        ring = await self._ring_with(described, kid, algorithm)
        claims = ring.read(
            token,
            Expected(
                issuer=self.registration.issuer,
                client_id=self.registration.client_id,
                nonce=nonce,
                algorithms=described.algorithms,
                now=self._clock.wall(),
                access_token=access,
            ),
        )
        return person_in(claims)

    async def look(self) -> Described:
        """What the provider says about itself, at most an hour old.

        Raises:
            Outage: if it cannot be asked, or what answers is not this provider.
        """
        return await self._described.get_or_await(self.registration.issuer, self._read_description)

    async def _read_description(self) -> Described:
        told = await self._read(self.registration.issuer.rstrip("/") + PATH)
        return read_description(told, self.registration, believed=ALGORITHMS)

    async def _ring_with(self, described: Described, kid: str | None, algorithm: str) -> KeyRing:
        """The provider's keys; asked for again where one is wanted that is not among them."""

        async def read() -> KeyRing:
            self._asked_for_keys_at = self._clock.monotonic()
            return await self._read_keys(described)

        ring = await self._rings.get_or_await(described.keys, read)
        if ring.knows(kid, algorithm):
            return ring
        if self._clock.monotonic() - self._asked_for_keys_at >= AGAIN_S:
            self._asked_for_keys_at = self._clock.monotonic()
            self._rings.invalidate(described.keys)
        return await self._rings.get_or_await(described.keys, read)

    async def _read_keys(self, described: Described) -> KeyRing:
        told = await self._read(described.keys)
        try:
            return KeyRing(told)
        except ValueError as exc:
            raise _unreadable("is no set of keys") from exc

    async def _read(self, url: str) -> Any:
        answered = await self._wire.ask(url)
        if answered.status != 200:
            raise _failed(answered)
        return _plain(answered)

    async def _trade(self, described: Described, code: str, verifier: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.registration.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        if described.way == "client_secret_basic":
            headers["authorization"] = _basic(self.registration)
        else:
            form["client_id"] = self.registration.client_id
            form |= {"client_secret": self.registration.secret} if self.registration.secret else {}
        answered = await self._wire.ask(described.token, body=urlencode(form).encode(), headers=headers)
        if answered.status != 200:
            raise _refused(answered)
        traded = _plain(answered)
        if not isinstance(traded, dict):
            raise _unreadable("is no answer to a code")
        return traded


def person_in(claims: Mapping[str, Any]) -> Proven:
    """Whom believed claims are about; an e-mail only where the provider vouches for it."""
    issuer, email = str(claims["iss"]), claims.get("email")
    vouched = claims.get("email_verified") is True or (
        issuer.startswith(ENTRA) and claims.get("xms_edov") in VOUCHED
    )
    usable = vouched and isinstance(email, str) and 3 <= len(email) <= 254 and email.isprintable()
    name = claims.get("name")
    return Proven(
        issuer=issuer,
        subject=str(claims["sub"]),
        email=email.strip().lower() if usable and isinstance(email, str) else None,
        name=name[:200] if isinstance(name, str) and name.isprintable() else "",
    )


def _basic(registration: Registration) -> str:
    """The header with id and secret, each encoded as a form first (RFC 6749, 2.3.1)."""
    pair = f"{quote(registration.client_id, safe='')}:{quote(registration.secret or '', safe='')}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def _refused(answered: Answered) -> WeftError:
    """What it means that a provider did not take a code; nothing that it says is repeated."""
    told = _plain(answered) if answered.status in {400, 401} else None
    match told.get("error") if isinstance(told, dict) else None:
        case "invalid_grant":
            return NotProven(
                "The identity provider did not take the code: it was used, is too old, or is for somebody else.",
                hint="sign in again.",
                claim="code",
            )
        case "invalid_client" | "unauthorized_client":
            return NotAuthorised(
                "The identity provider does not take weft for the application that is registered there.",
                hint="whoever runs this server looks at `oidc_client_id` and the client's secret.",
            )
        case None:
            return _failed(answered)
        case _:
            return BadRequest(
                "The identity provider refused to trade the code.",
                hint="whoever runs this server looks at the registration of weft there.",
            )


def _failed(answered: Answered) -> WeftError:
    if answered.status == 429:
        return RateLimited("The identity provider is asked too often.", hint="try again after a while.")
    if answered.status >= 500:
        return ServerFailed(
            f"The identity provider has failed (status {answered.status}).", hint="try again after a while."
        )
    return _unreadable(f"has the status {answered.status}")


def _plain(answered: Answered) -> Any:
    try:
        return loads(answered.body.decode())
    except ValueError as exc:
        raise _unreadable("is no JSON") from exc


def _unreadable(what: str) -> NotTheApi:
    return NotTheApi(
        f"An answer of the identity provider {what}.",
        hint="look whether `oidc_issuer` is the address that the provider calls `issuer`.",
    )
