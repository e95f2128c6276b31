"""Keys and tokens: which are looked at at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import OctKey, RSAKey

from weft.errors import NotProven
from weft.identity._tokens import Expected, KeyRing, key_named
from weft.testing.tokens import SigningKey, half_hash

NOW = 1_700_000_000
CLAIMS = {
    "iss": "https://id.example.com", "aud": "weft", "sub": "1", "nonce": "n", "iat": NOW, "exp": NOW + 60,
}  # fmt: skip
KEY = SigningKey("one", "ES256")


def expected(**told: object) -> Expected:
    """What a token must say; `told` = otherwise."""
    parts = {
        "issuer": "https://id.example.com", "client_id": "weft", "nonce": "n", "algorithms": ("ES256",), "now": NOW,
        **told,
    }  # fmt: skip
    return Expected(**parts)


def ring(*keys: object) -> KeyRing:
    """The keys that a provider shows."""
    return KeyRing({"keys": list(keys)})


def test_good_token_is_read() -> None:
    """A token that says all it must, and some more, is believed; also as one audience of a list."""
    claims = {**CLAIMS, "aud": ["weft"], "more": {"x": [1]}}

    assert ring(KEY.described).read(KEY.sign(claims), expected()) == claims


@pytest.mark.parametrize(
    ("claims", "claim"),
    [
        ({"iss": "https://id.example.com/"}, "iss"),
        ({"aud": "WEFT"}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": ["weft", "other"]}, "azp"),
        ({"aud": ["weft", "other"], "azp": "other"}, "azp"),
        ({"sub": ""}, "sub"),
        ({"sub": 7}, "sub"),
        ({"sub": "x" * 256}, "sub"),
        ({"sub": "a\nb"}, "sub"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": NOW - 61}, "exp"),
        ({"exp": None}, "exp"),
        ({"iat": NOW + 61}, "iat"),
        ({"iat": NOW - 661}, "iat"),
        ({"iat": True}, "iat"),
        ({"nonce": ""}, "nonce"),
        ({"nonce": ["n"]}, "nonce"),
        ({"nbf": NOW + 61}, "nbf"),
        ({"at_hash": half_hash("other")}, "at_hash"),
    ],
)
def test_claims_are_pinned(claims: dict[str, object], claim: str) -> None:
    """S35: each claim that is wrong, missing or of the wrong kind refuses the token, and is named."""
    told = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}

    with pytest.raises(NotProven) as refusal:
        ring(KEY.described).read(KEY.sign(told), expected(access_token="access"))

    assert refusal.value.facts["claim"] in {claim, "form"}


@pytest.mark.parametrize(
    "claims", [{"exp": NOW - 59}, {"iat": NOW + 59}, {"nbf": NOW + 59}, {"iat": NOW - 659}]
)
def test_clocks_may_differ_by_a_minute(claims: dict[str, object]) -> None:
    """What is off by less than the leeway is believed."""
    assert ring(KEY.described).read(KEY.sign({**CLAIMS, **claims}), expected())


def test_algorithm_must_be_the_providers() -> None:
    """A key and a signature of a kind that the provider does not say it uses are not believed."""
    with pytest.raises(NotProven):
        ring(KEY.described).read(KEY.sign(CLAIMS), expected(algorithms=("RS256",)))


def test_unfit_keys_are_left_out() -> None:
    """Shared secrets, short keys, keys for encryption and other curves are no keys of a provider."""
    with pytest.warns(Warning, match="2048"):
        short = RSAKey.generate_key(1024).as_dict(private=False)
    unfit = [
        {**OctKey.generate_key(256).as_dict(), "kid": "one"},
        {**short, "kid": "one"},
        {**KEY.described, "use": "enc"},
        {**KEY.described, "alg": "ES512"},
        {"kty": "EC", "crv": "P-256", "x": "!", "y": "!", "kid": "one"},
        {"kty": "RSA"}, {"kty": ["RSA"]}, "key", None, 7,
    ]  # fmt: skip

    with pytest.raises(NotProven, match="key"):
        ring(*unfit).read(KEY.sign(CLAIMS), expected())
    assert ring(*unfit, KEY.described).read(KEY.sign(CLAIMS), expected())


def test_key_without_a_name_is_taken_where_there_is_no_choice() -> None:
    """Two keys that would fit a token without `kid` are one too many."""
    other = SigningKey("two", "ES256")
    token = KEY.sign(CLAIMS)

    assert ring(KEY.described, other.described).read(token, expected())
    assert ring(KEY.described).knows(None, "ES256")
    assert not ring(KEY.described, other.described).knows(None, "ES256")
    assert not ring(KEY.described, KEY.described).knows("one", "ES256")


def test_private_halves_are_not_looked_at() -> None:
    """A provider that shows a private key by mistake is believed no less, and its secret is not taken in."""
    private = {**KEY._key.as_dict(private=True), "kid": "one"}

    assert ring(private).read(KEY.sign(CLAIMS), expected())
    assert "'d'" not in repr(ring(private)._keys[0][1].as_dict())


@pytest.mark.parametrize("described", [None, [], {"keys": None}, {"keys": {}}, "keys", {"key": []}])
def test_what_is_no_set_of_keys_is_refused(described: object) -> None:
    """Anything else than a set of keys is the provider's mistake."""
    with pytest.raises(ValueError, match="keys"):
        KeyRing(described)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.from_regex(r"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_-]{0,40}){0,4}", fullmatch=True),
    )
)
def test_any_text_is_refused_as_a_token(text: str) -> None:
    """Whatever comes instead of a token ends in one kind of refusal, which does not repeat it."""
    with pytest.raises(NotProven) as refusal:
        key_named(text)

    assert len(text) < 8 or text not in str(refusal.value)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_any_changed_byte_is_noticed(place: int, byte: int) -> None:
    """A token with one character changed is not believed, wherever it stands."""
    token = KEY.sign(CLAIMS)
    place %= len(token)
    changed = token[:place] + chr(byte) + token[place + 1 :]
    if changed == token or (place == len(token) - 1):  # the last character has bits that mean nothing
        return

    with pytest.raises(NotProven):
        ring(KEY.described).read(changed, expected())
