"""Keys and tokens of a pretended identity provider: signed well, and in every bad way.

Knows how honest tokens are signed, and how the famous dishonest ones are: by nobody (`none`), with
a public key taken for a shared secret, with somebody else's key.
Refuses to know what a token says, and any network.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256, sha512
from typing import Any

import orjson
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

Claims = Mapping[str, Any]


class SigningKey:
    """A key pair with a name."""

    def __init__(self, kid: str, algorithm: str = "RS256") -> None:
        """Make a new pair.

        Args:
            kid: what tokens call it.
            algorithm: RS256, ES256 or Ed25519.
        """
        self.kid = kid
        self.algorithm = algorithm
        self._key = _make(algorithm)

    @property
    def described(self) -> dict[str, Any]:
        """The public half, as a set of keys (JWKS) shows it."""
        return {**self._key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": self.algorithm}

    def sign(self, claims: Claims, *, kid: str = "") -> str:
        """A token as an honest provider signs it; `kid` = under another key's name."""
        header = {"alg": self.algorithm, "typ": "JWT", "kid": kid or self.kid}
        return jws.serialize_compact(header, orjson.dumps(claims), self._key, algorithms=[self.algorithm])

    def sign_as_secret(self, claims: Claims) -> str:
        """A token that takes the public key for a secret that both sides share (HS256)."""
        secret = self._key.as_pem(private=False)
        body = _body({"alg": "HS256", "typ": "JWT", "kid": self.kid}, claims)
        return f"{body}.{_text(hmac.digest(secret, body.encode(), sha256))}"

    def unsigned(self, claims: Claims) -> str:
        """A token that nobody has signed (`none`)."""
        return f"{_body({'alg': 'none', 'typ': 'JWT', 'kid': self.kid}, claims)}."

    def forge(self, claims: Claims) -> str:
        """A token with the signature of another one."""
        signature = self.sign({**claims, "sub": "another"}).rpartition(".")[2]
        return f"{_body({'alg': self.algorithm, 'typ': 'JWT', 'kid': self.kid}, claims)}.{signature}"


def half_hash(text: str, algorithm: str = "RS256") -> str:
    """What `at_hash` says about an access token: half of the hash that goes with the algorithm."""
    digest = (sha512 if algorithm == "Ed25519" else sha256)(text.encode()).digest()
    return _text(digest[: len(digest) // 2])


def _make(algorithm: str) -> ECKey | OKPKey | RSAKey:
    match algorithm:
        case "RS256":
            return RSAKey.generate_key(2048)
        case "ES256":
            return ECKey.generate_key("P-256")
        case "Ed25519":
            return OKPKey.generate_key("Ed25519")
    raise ValueError(f"nobody signs with {algorithm!r} here")


def _body(header: Mapping[str, Any], claims: Claims) -> str:
    return f"{_text(orjson.dumps(header))}.{_text(orjson.dumps(claims))}"


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
