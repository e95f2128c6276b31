"""A pretended identity provider (OpenID Connect) on this machine's loopback, honest until told otherwise.

Knows discovery, codes with PKCE, tokens and keys as real providers have them; whoever is said to
sit before the browser is signed in without a question. Can be told to misbehave in the ways in
which attackers, and careless providers, do. Refuses to know weft: it is the other side.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlencode

import orjson

from weft.kit.clocks import Clock, SystemClock
from weft.testing.mock_wire import Asked, Wire, write_reply
from weft.testing.tokens import SigningKey, half_hash

HUGE = 8 * 1024 * 1024  # bytes of an answer that nobody should read to its end
SLOW_S = 60.0  # seconds of an answer that nobody should wait for
LIFE_S = 300  # of a token


class Misdeed(StrEnum):
    """One way to misbehave."""

    UNSIGNED = "unsigned"
    PUBLIC_KEY_AS_SECRET = "public_key_as_secret"  # noqa: S105 - a word
    FORGED = "forged"
    UNKNOWN_KEY = "unknown_key"
    WRONG_ISSUER = "wrong_issuer"
    WRONG_AUDIENCE = "wrong_audience"
    TWO_AUDIENCES = "two_audiences"
    WRONG_PARTY = "wrong_party"
    EXPIRED = "expired"
    FUTURE = "future"
    OLD = "old"
    NOT_YET = "not_yet"
    SWAPPED_NONCE = "swapped_nonce"
    NO_NONCE = "no_nonce"
    NO_SUBJECT = "no_subject"
    WRONG_HASH = "wrong_hash"
    GARBLED = "garbled"
    NO_TOKEN = "no_token"  # noqa: S105 - a word
    NOT_JSON = "not_json"
    HUGE = "huge"
    SLOW = "slow"
    SENT_ON = "sent_on"
    BROKEN = "broken"
    REFUSED = "refused"
    USED_CODES = "used_codes"
    WRONG_STATE = "wrong_state"
    WRONG_SENDER = "wrong_sender"
    NO_SENDER = "no_sender"
    DECLINED = "declined"
    DESCRIBES_ANOTHER = "describes_another"
    DESCRIBES_PLAIN = "describes_plain"
    DESCRIBES_SECRETS = "describes_secrets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who sits before the browser.

    Attributes:
        is_verified: the provider vouches for the address.
    """

    subject: str = "subject-1"
    email: str = "anna@example.com"
    is_verified: bool = True
    name: str = "Anna"


@dataclass(frozen=True, slots=True)
class _Code:
    asked: Mapping[str, str]
    person: Person


class IdentityServer:
    """The provider; `async with` starts and stops it.

    Attributes:
        issuer: what it calls itself, such as `http://127.0.0.1:8099`; known once started.
        person: who signs in next.
        misdeed: how it misbehaves; `None` = it is honest.
        asked: requests by path.
        codes: every code that it gave, in order. tokens: every token.
        overrides: claim → what tokens say instead.
    """

    def __init__(
        self,
        *,
        client_id: str = "weft",
        secret: str | None = "planted-client-secret",  # noqa: S107 - of a fake
        redirect_uri: str = "",
        algorithm: str = "RS256",
        clock: Clock | None = None,
    ) -> None:
        """Prepare a provider; nothing listens before `start`.

        Args:
            client_id: the one application that is registered.
            secret: `None` = it has none.
            redirect_uri: where browsers may be sent back to; empty = anywhere.
            algorithm: RS256, ES256 or Ed25519.
            clock: wall time for tokens; `None` = the machine's.
        """
        self.client_id = client_id
        self.secret = secret
        self.redirect_uri = redirect_uri
        self.issuer = ""
        self.person = Person()
        self.misdeed: Misdeed | None = None
        self.asked: Counter[str] = Counter()
        self.codes: list[str] = []
        self.tokens: list[str] = []
        self.overrides: dict[str, Any] = {}
        self.keys = [SigningKey("key-1", algorithm)]
        self._clock = clock or SystemClock()
        self._open: dict[str, _Code] = {}
        self._wires: set[Wire] = set()
        self._socket: asyncio.Server | None = None

    def rotate(self) -> None:
        """Sign with a new key from now on, and forget the old one."""
        self.keys = [SigningKey(f"key-{int(self.keys[0].kid[4:]) + 1}", self.keys[0].algorithm)]

    async def start(self) -> str:
        """Listen at a free port; return the issuer."""
        self._socket = await asyncio.get_running_loop().create_server(
            lambda: Wire(self._respond, self._wires), "127.0.0.1", 0
        )
        self.issuer = f"http://127.0.0.1:{self._socket.sockets[0].getsockname()[1]}"
        return self.issuer

    async def stop(self) -> None:
        """Stop listening, and cut whoever is connected."""
        if self._socket:
            self._socket.close()
            for wire in [*self._wires]:
                wire.reset()
            await asyncio.sleep(0)  # lets the connections notice
            await self._socket.wait_closed()
            self._socket = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # ── one request ──────────────────────────────────────────────────────────────────────────────

    def _respond(self, asked: Asked, wire: Wire) -> bytes | Coroutine[None, None, bytes | None]:
        del wire
        self.asked[asked.path] += 1
        match asked.method, asked.path:
            case "GET", "/.well-known/openid-configuration":
                return _json(self.description())
            case "GET", "/keys":
                return _json({"keys": [each.described for each in self.keys]})
            case "GET", "/authorize":
                return self._authorize(asked.query)
            case "POST", "/token":
                return self._answer_code(asked)
        return write_reply(404, b"{}")

    def description(self) -> dict[str, Any]:
        """What the provider says about itself."""
        plain = self.misdeed is Misdeed.DESCRIBES_PLAIN
        return {
            "issuer": f"{self.issuer}/" if self.misdeed is Misdeed.DESCRIBES_ANOTHER else self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": "http://id.example.com/token" if plain else f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "id_token_signing_alg_values_supported": ["HS256", "none"]
            if self.misdeed is Misdeed.DESCRIBES_SECRETS
            else [self.keys[0].algorithm, "HS256", "none"],
            "authorization_response_iss_parameter_supported": True,
        }

    def _authorize(self, asked: Mapping[str, str]) -> bytes:
        """Send the browser back with a code, or tell what is wrong with how it was sent here."""
        wrong = [
            name
            for name, fits in {
                "client_id": asked.get("client_id") == self.client_id,
                "redirect_uri": asked.get("redirect_uri")
                and self.redirect_uri in {"", asked.get("redirect_uri")},
                "response_type": asked.get("response_type") == "code",
                "scope": "openid" in asked.get("scope", "").split(),
                "state": asked.get("state"),
                "nonce": asked.get("nonce"),
                "code_challenge": len(asked.get("code_challenge", "")) == 43,
                "code_challenge_method": asked.get("code_challenge_method") == "S256",
            }.items()
            if not fits
        ]
        if wrong:
            return write_reply(400, f"wrong: {', '.join(wrong)}".encode(), content_type="text/plain")
        answer = {"state": asked["state"], "iss": self.issuer}
        if self.misdeed is Misdeed.DECLINED:
            answer |= {"error": "access_denied", "error_description": "<script>planted-words</script>"}
        else:
            code = f"planted-code-{len(self.codes) + 1}"
            self.codes.append(code)
            self._open[code] = _Code(asked, self.person)
            answer["code"] = code
        match self.misdeed:
            case Misdeed.WRONG_STATE:
                answer["state"] = "of-another-sign-in"
            case Misdeed.WRONG_SENDER:
                answer["iss"] = "https://other.example.com"
            case Misdeed.NO_SENDER:
                del answer["iss"]
        return write_reply(302, b"", {"Location": f"{asked['redirect_uri']}?{urlencode(answer)}"})

    def _answer_code(self, asked: Asked) -> bytes | Coroutine[None, None, bytes | None]:
        if self.misdeed is Misdeed.SLOW:
            return self._wait_long()
        canned = {
            Misdeed.HUGE: lambda: write_reply(200, b" " * HUGE),
            Misdeed.NOT_JSON: lambda: write_reply(200, b"<html>welcome</html>", content_type="text/html"),
            Misdeed.SENT_ON: lambda: write_reply(307, b"", {"Location": f"{self.issuer}/elsewhere"}),
            Misdeed.BROKEN: lambda: write_reply(500, b"{}"),
            Misdeed.REFUSED: lambda: _refusal("invalid_request"),
        }
        if self.misdeed in canned:
            return canned[self.misdeed]()
        return self._trade(dict(parse_qsl(asked.body.decode())), asked.headers.get("authorization", ""))

    async def _wait_long(self) -> bytes | None:
        await self._clock.sleep(SLOW_S)
        return None

    def _trade(self, form: Mapping[str, str], authorization: str) -> bytes:
        if not self._is_client(form, authorization):
            return _refusal("invalid_client", 401)
        name = form.get("code", "")
        code = self._open.get(name) if self.misdeed is Misdeed.USED_CODES else self._open.pop(name, None)
        if code is None or not _may_trade(form, code.asked):
            return _refusal("invalid_grant")
        access = f"planted-access-{len(self.tokens) + 1}"
        token = self.token_for(code.person, nonce=code.asked["nonce"], access=access)
        self.tokens.append(token)
        traded = {"access_token": access, "token_type": "Bearer", "expires_in": LIFE_S, "id_token": token}
        if self.misdeed is Misdeed.NO_TOKEN:
            del traded["id_token"]
        return _json(traded)

    def _is_client(self, form: Mapping[str, str], authorization: str) -> bool:
        if self.secret is None:
            return form.get("client_id") == self.client_id
        scheme, _, pair = authorization.partition(" ")
        if scheme.lower() == "basic":
            name, _, secret = b64decode(pair).decode().partition(":")
            return (unquote(name), unquote(secret)) == (self.client_id, self.secret)
        return (form.get("client_id"), form.get("client_secret")) == (self.client_id, self.secret)

    def token_for(self, person: Person, *, nonce: str, access: str) -> str:
        """A token about a person, as honest as the provider is."""
        now = int(self._clock.wall())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.client_id,
            "azp": self.client_id,
            "sub": person.subject,
            "iat": now,
            "exp": now + LIFE_S,
            "nonce": nonce,
            "at_hash": half_hash(access, self.keys[0].algorithm),
            "email": person.email,
            "email_verified": person.is_verified,
            "name": person.name,
        }
        claims |= self.overrides | _twisted(self.misdeed, now)
        if self.misdeed is Misdeed.TWO_AUDIENCES:
            del claims["azp"]
        left_out = {Misdeed.NO_NONCE: "nonce", Misdeed.NO_SUBJECT: "sub"}
        if self.misdeed in left_out:
            del claims[left_out[self.misdeed]]
        return self._signed(claims)

    def _signed(self, claims: Mapping[str, Any]) -> str:
        key = self.keys[0]
        match self.misdeed:
            case Misdeed.UNSIGNED:
                return key.unsigned(claims)
            case Misdeed.PUBLIC_KEY_AS_SECRET:
                return key.sign_as_secret(claims)
            case Misdeed.FORGED:
                return key.forge(claims)
            case Misdeed.UNKNOWN_KEY:
                return SigningKey("key-of-nobody", key.algorithm).sign(claims)
            case Misdeed.GARBLED:
                return "no.token"
        return key.sign(claims)


def _twisted(misdeed: Misdeed | None, now: int) -> dict[str, Any]:
    """The claims that a misbehaving provider gets wrong."""
    twists: dict[Misdeed, dict[str, Any]] = {
        Misdeed.WRONG_ISSUER: {"iss": "https://other.example.com"},
        Misdeed.WRONG_AUDIENCE: {"aud": "other-application"},
        Misdeed.TWO_AUDIENCES: {"aud": ["weft", "other-application"]},
        Misdeed.WRONG_PARTY: {"azp": "other-application"},
        Misdeed.EXPIRED: {"iat": now - 400, "exp": now - 61},
        Misdeed.FUTURE: {"iat": now + 120, "exp": now + 400},
        Misdeed.OLD: {"iat": now - 7_200},
        Misdeed.NOT_YET: {"nbf": now + 120},
        Misdeed.SWAPPED_NONCE: {"nonce": "of-another-sign-in"},
        Misdeed.WRONG_HASH: {"at_hash": half_hash("another access token")},
    }
    return twists.get(misdeed, {}) if misdeed else {}


def _may_trade(form: Mapping[str, str], asked: Mapping[str, str]) -> bool:
    challenge = (
        urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
    )
    return (
        form.get("grant_type") == "authorization_code"
        and form.get("redirect_uri") == asked["redirect_uri"]
        and challenge == asked["code_challenge"]
    )


def _json(plain: Any) -> bytes:
    return write_reply(200, orjson.dumps(plain))


def _refusal(error: str, status: int = 400) -> bytes:
    said = {"error": error, "error_description": "planted words of the provider"}
    return write_reply(status, orjson.dumps(said))
