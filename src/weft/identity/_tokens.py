"""Tokens of an identity provider: whether a signature and what it signs are to be believed.

The door of joserfc, which checks signatures, and of authlib, which checks claims as OpenID Connect
says; whatever that leaves open is closed here: which algorithms, how old, and for nobody else.
Pure: the time is handed in. Refuses to know where tokens and keys come from, and repeats none of
them in a message.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import dataclass
from hashlib import sha512
from typing import Any

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwk, jws
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from weft.errors import NotProven
from weft.kit.strict_json import loads

ALGORITHMS = ("RS256", "ES256", "EdDSA", "Ed25519")
"""Whose signatures are believed; the last two are one algorithm under its old and its new name."""
EDWARDS = frozenset({"EdDSA", "Ed25519"})
LEEWAY_S = 60  # by which the clocks of a provider and of weft may differ
OLDEST_S = 600  # a token that was made longer ago belongs to another sign-in
LEAST_BITS = 2_048  # of an RSA key
MOST_KEYS = 100  # of a provider
LONGEST_TOKEN = 100_000  # characters


def _unwarned(name: str) -> Any:
    """An algorithm; `EdDSA` without the warning that its name is old, for it is what providers say."""
    algorithm = copy(jws.JWSRegistry.algorithms[name])
    algorithm.security_warning = None
    return algorithm


class _Registry(jws.JWSRegistry):
    """The algorithms that are believed, and no others: `none` and shared secrets do not exist here."""

    algorithms = {name: _unwarned(name) for name in ALGORITHMS}  # noqa: RUF012 - the library's own way
    recommended = list(ALGORITHMS)  # noqa: RUF012 - likewise
    max_header_length = 8_192  # some providers lay certificates into it
    max_payload_length = LONGEST_TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token must say.

    Attributes:
        nonce: of the sign-in that it belongs to.
        algorithms: of `ALGORITHMS`, those that the provider says it uses.
        now: seconds since the epoch.
        access_token: that came with it; empty = none.
    """

    issuer: str
    client_id: str
    nonce: str
    algorithms: Collection[str]
    now: float
    access_token: str = ""


class KeyRing:
    """The public keys of a provider."""

    def __init__(self, described: Any) -> None:
        """Take the usable keys of a set (JWKS); others are left out.

        Raises:
            ValueError: if it is no set of keys.
        """
        if not isinstance(described, Mapping) or not isinstance(described.get("keys"), list):
            raise ValueError("no set of keys")  # noqa: TRY004 - one error for all that is wrong with an answer
        self._keys = [
            (each, key) for each in described["keys"][:MOST_KEYS] if (key := _usable(each)) is not None
        ]

    def knows(self, kid: str | None, algorithm: str) -> bool:
        """Whether there is one key for a signature."""
        return self._find(kid, algorithm) is not None

    def read(self, token: str, expected: Expected) -> Mapping[str, Any]:
        """The claims of a token whose signature and claims are to be believed.

        Raises:
            NotProven: naming what is not; `claim` in the facts.
        """
        key = self._find(*key_named(token))
        if key is None:
            raise not_proven("is signed with a key that the provider does not show", "kid")
        registry = _Registry(algorithms=list(expected.algorithms), strict_check_header=False)
        try:
            signed = jws.deserialize_compact(token.encode("ascii"), key, registry=registry)
            claims = loads(signed.payload.decode())
        except (JoseError, ValueError, TypeError) as exc:
            raise not_proven("is not signed by the identity provider", "signature") from exc
        if not isinstance(claims, dict):
            raise not_proven("says nothing that could be read", "form")
        _check_claims(claims, signed.headers(), expected)
        return claims

    def _find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key for a signature; without a `kid` only where there is no choice."""
        fitting = [
            key
            for told, key in self._keys
            if _fits(key, algorithm)
            and told.get("alg", algorithm) == algorithm
            and (kid is None or told.get("kid") == kid)
        ]
        return fitting[0] if len(fitting) == 1 else None


def _fits(key: Key, algorithm: str) -> bool:
    match algorithm:
        case "RS256":
            return isinstance(key, RSAKey) and key.raw_value.key_size >= LEAST_BITS
        case "ES256":
            return isinstance(key, ECKey) and key.curve_name == "P-256"
        case _:
            return isinstance(key, OKPKey) and key.curve_name == "Ed25519"


def _usable(told: Any) -> Key | None:
    """A key that may sign; `None` = it is of another kind, too short, or meant for something else."""
    if not isinstance(told, Mapping) or told.get("use", "sig") != "sig":
        return None
    names = next((names for kind, names in _KINDS.items() if kind == told.get("kty")), ())
    parts = {name: told[name] for name in names if isinstance(told.get(name), str)}
    try:
        if parts.get("kty") == "RSA" and len(parts["n"]) * 6 < LEAST_BITS:
            return None  # before it is built, which warns of it
        return jwk.import_key(parts)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


_KINDS = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x")}
"""Kinds of keys → their public parts; whatever else stands there is not even looked at."""


def key_named(token: str) -> tuple[str | None, str]:
    """Read which key (`kid`) and which algorithm a token names; nothing of it is believed yet.

    Raises:
        NotProven: if it is no signed token, or names an algorithm that is never believed.
    """
    try:
        if len(token) > LONGEST_TOKEN:
            raise ValueError("too long")  # noqa: TRY301 - ends like every other unreadable token
        header = jws.extract_compact(
            token.encode("ascii"), registry=_Registry(algorithms=ALGORITHMS)
        ).headers()
    except (JoseError, ValueError, TypeError) as exc:
        raise not_proven("is no signed token", "form") from exc
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise not_proven("is not signed in a way that can be believed", "alg")
    return (kid if isinstance(kid, str) else None), str(algorithm)


def _check_claims(claims: dict[str, Any], header: Mapping[str, Any], expected: Expected) -> None:
    believed = CodeIDToken(
        claims,
        header,
        options={
            "iss": {"essential": True, "value": expected.issuer},
            "aud": {"essential": True, "value": expected.client_id},
            "sub": {"essential": True},
        },
        params={
            "nonce": expected.nonce,
            "client_id": expected.client_id,
            "access_token": "" if header["alg"] in EDWARDS else expected.access_token,
        },
    )
    try:
        believed.validate(now=int(expected.now), leeway=LEEWAY_S)
    except ExpiredTokenError as exc:
        raise not_proven("has expired", "exp") from exc
    except ClaimError as exc:
        claim = str(exc.claim)
        raise not_proven(f"does not say what it must about `{claim}`", claim) from exc
    except (JoseError, ValueError, TypeError, AttributeError) as exc:
        raise not_proven("says something in a form that it must not have", "form") from exc
    _check_more(claims, expected)
    if header["alg"] in EDWARDS and expected.access_token and "at_hash" in claims:
        half = sha512(expected.access_token.encode()).digest()[
            :32
        ]  # authlib does not know which hash is meant
        if claims["at_hash"] != urlsafe_b64encode(half).decode().rstrip("="):
            raise not_proven("does not say what it must about `at_hash`", "at_hash")


def _check_more(claims: Mapping[str, Any], expected: Expected) -> None:
    """What the standard leaves open, and weft does not."""
    subject, nonce, audience = claims["sub"], claims["nonce"], claims["aud"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise not_proven("does not say what it must about `sub`", "sub")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise not_proven("does not say what it must about `nonce`", "nonce")
    if audience not in (expected.client_id, [expected.client_id]) and "azp" not in claims:
        raise not_proven("does not say what it must about `azp`", "azp")
    if claims["iat"] < expected.now - OLDEST_S - LEEWAY_S:
        raise not_proven("was made for an earlier sign-in", "iat")


def not_proven(what: str, claim: str) -> NotProven:
    """Refuse a token; `what` is told about it, and nothing that stands in it."""
    return NotProven(
        f"The identity provider's token {what}.",
        hint="sign in again; if that does not help, the provider and weft do not fit together.",
        claim=claim,
    )


def challenge_of(verifier: str) -> str:
    """What shows a provider a verifier without telling it (PKCE, S256)."""
    return str(create_s256_code_challenge(verifier))
