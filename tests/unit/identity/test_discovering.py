"""What a provider must say about itself before anybody is sent to it."""

from __future__ import annotations

from typing import Any

import pytest

from weft.errors import NotTheApi
from weft.identity.discovering import Described, read_description
from weft.identity.registration import Registration

ISSUER = "https://id.example.com/realms/work"
REGISTRATION = Registration(
    issuer=ISSUER,
    client_id="weft",
    secret="planted",
    redirect_uri="https://weft.example.com/sign-in/callback",
)
TOLD: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/certs",
    "response_types_supported": ["code", "id_token"],
    "code_challenge_methods_supported": ["plain", "S256"],
    "id_token_signing_alg_values_supported": ["HS256", "none", "ES256", "RS256"],
    "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post", "client_secret_basic"],
}
BELIEVED = ("RS256", "ES256")


def read(registration: Registration = REGISTRATION, **told: Any) -> Described:
    """A description that says some things otherwise; `None` = not at all."""
    whole = {name: value for name, value in {**TOLD, **told}.items() if value is not None}
    return read_description(whole, registration, believed=BELIEVED)


def test_description_is_read() -> None:
    """Addresses, and of the algorithms those that are believed."""
    assert read() == Described(
        authorize=f"{ISSUER}/auth", token=f"{ISSUER}/token", keys=f"{ISSUER}/certs", algorithms=("RS256", "ES256"),
        way="client_secret_basic",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"issuer": f"{ISSUER}/"}, "issuer"),
        ({"issuer": ISSUER.upper()}, "issuer"),
        ({"issuer": None}, "issuer"),
        ({"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}, "issuer"),
        ({"response_types_supported": ["id_token"]}, "response_types_supported"),
        ({"response_types_supported": "code"}, "response_types_supported"),
        ({"code_challenge_methods_supported": ["plain"]}, "code_challenge_methods_supported"),
        (
            {"id_token_signing_alg_values_supported": ["HS256", "none"]},
            "id_token_signing_alg_values_supported",
        ),
        ({"id_token_signing_alg_values_supported": None}, "id_token_signing_alg_values_supported"),
        ({"authorization_endpoint": "http://id.example.com/auth"}, "authorization_endpoint"),
        ({"authorization_endpoint": f"{ISSUER}/auth#x"}, "authorization_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
        ({"token_endpoint": "file:///etc/passwd"}, "token_endpoint"),
        ({"token_endpoint": None}, "token_endpoint"),
        ({"token_endpoint": ["https://id.example.com"]}, "token_endpoint"),
        ({"jwks_uri": "https://me:pass@id.example.com/"}, "jwks_uri"),
        ({"jwks_uri": "https://id.example.com/ x"}, "jwks_uri"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "client_secret_basic"),
    ],
)
def test_what_does_not_fit_is_named(told: dict[str, Any], named: str) -> None:
    """S35, S49: another issuer, no codes, no S256, nothing that is believed, addresses without TLS."""
    with pytest.raises(NotTheApi, match=named):
        read(**told)


@pytest.mark.parametrize("told", [None, [], "text", 7])
def test_what_is_no_description_is_refused(told: Any) -> None:
    """Anything else than an object is none."""
    with pytest.raises(NotTheApi):
        read_description(told, REGISTRATION, believed=BELIEVED)


def test_what_may_be_left_out() -> None:
    """A provider that is silent about PKCE and secrets does what the standard says."""
    found = read(code_challenge_methods_supported=None, token_endpoint_auth_methods_supported=None)

    assert (found.way, found.names_itself) == ("client_secret_basic", False)


def test_ways_of_showing_a_secret() -> None:
    """The second way where the first is not offered, and none where there is no secret."""
    public = Registration(
        issuer=ISSUER, client_id="weft", redirect_uri="https://weft.example.com/sign-in/callback"
    )

    assert read(token_endpoint_auth_methods_supported=["client_secret_post"]).way == "client_secret_post"
    assert read(public, token_endpoint_auth_methods_supported=["private_key_jwt"]).way == "none"
    assert read(authorization_response_iss_parameter_supported=True).names_itself
    assert not read(authorization_response_iss_parameter_supported="true").names_itself
