"""The pretended identity provider refuses what real ones refuse, so that a test that passes means something."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from weft.testing.identity_server import IdentityServer, Misdeed

BACK = "https://weft.example.com/sign-in/callback"
VERIFIER = "v" * 43
ASKED = {
    "client_id": "weft", "redirect_uri": BACK, "response_type": "code", "scope": "openid email", "state": "s",
    "nonce": "n", "code_challenge_method": "S256",
    "code_challenge": urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("="),
}  # fmt: skip


@pytest.fixture
async def server() -> AsyncIterator[IdentityServer]:
    """An honest provider with one registered address."""
    async with IdentityServer(redirect_uri=BACK, algorithm="ES256") as found:
        yield found


async def ask(server: IdentityServer, path: str, **asked: object) -> httpx.Response:
    """One request; a form makes it a POST."""
    async with httpx.AsyncClient(base_url=server.issuer, trust_env=False) as wire:
        return await wire.request("POST" if "data" in asked else "GET", path, **asked)


async def code_of(server: IdentityServer) -> str:
    """A code for whoever sits before the browser."""
    sent = await ask(server, "/authorize", params=ASKED)
    return dict(parse_qsl(urlsplit(sent.headers["location"]).query))["code"]


async def trade(server: IdentityServer, code: str, **told: str) -> httpx.Response:
    """Trade a code, with some things told otherwise."""
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER,
        "client_id": "weft", "client_secret": server.secret, **told,
    }  # fmt: skip
    return await ask(server, "/token", data=form)


async def test_code_becomes_a_token_once(server: IdentityServer) -> None:
    """A code is traded for a token, and a second time refused."""
    code = await code_of(server)

    first, second = await trade(server, code), await trade(server, code)

    assert first.json()["id_token"].count(".") == 2
    assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_grant"),
        ({"grant_type": "password"}, "invalid_grant"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "other"}, "invalid_client"),
    ],
)
async def test_codes_are_bound(server: IdentityServer, told: dict[str, str], error: str) -> None:
    """To the verifier, to the address to come back to, and to the application."""
    assert (await trade(server, await code_of(server), **told)).json()["error"] == error


@pytest.mark.parametrize("name", sorted(ASKED))
async def test_every_parameter_is_needed(server: IdentityServer, name: str) -> None:
    """A browser that is sent without one of them is not sent back."""
    without = {each: value for each, value in ASKED.items() if each != name}
    answer = await ask(server, "/authorize", params=without)

    assert (answer.status_code, answer.text) == (400, f"wrong: {name}")


async def test_honest_again_after_a_misdeed(server: IdentityServer) -> None:
    """Misbehaving is a switch."""
    server.misdeed = Misdeed.BROKEN
    broken = await trade(server, await code_of(server))
    server.misdeed = None
    whole = await trade(server, await code_of(server))

    assert (broken.status_code, whole.status_code) == (500, 200)


async def test_keys_are_shown_without_their_secrets(server: IdentityServer) -> None:
    """What a provider shows is public, before and after its keys have changed."""
    before = (await ask(server, "/keys")).json()["keys"]
    server.rotate()
    after = (await ask(server, "/keys")).json()["keys"]

    assert [each["kid"] for each in before + after] == ["key-1", "key-2"]
    assert not [each for each in before + after if "d" in each]
    assert before[0]["x"] != after[0]["x"]
