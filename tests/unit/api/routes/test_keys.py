from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.unit.api.conftest import KEY as BEARER
from tests.unit.api.conftest import PORT, URL

from weft.api.application import build_application
from weft.api.sessions import Sessions
from weft.app.opening import look_around, new_secret
from weft.app.weft import Weft
from weft.kit.clocks import VirtualClock

KEY = "sk-planted-0123456789abcdef"
MASTER = b64encode(b"\2" * 32).decode()


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A program that asks a server which has a master key."""
    around = look_around(start=tmp_path, environment={"WEFT_MASTER_KEY": MASTER})
    listed = replace(around.settings, allowed_base_urls="https://router.example/v1")
    clock = VirtualClock(wall=1_000_000)
    async with Weft(replace(around, settings=listed), clock=clock) as house:
        sessions = Sessions(BEARER, clock=clock, draw=new_secret)
        application = build_application(house, sessions, port=PORT, draw=lambda: "number-1")
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {BEARER}"}
        async with httpx.AsyncClient(transport=transport, base_url=URL, headers=headers) as program:
            yield program


async def test_key_is_kept_and_never_told(ask: httpx.AsyncClient) -> None:
    """S46: PUT keeps a key, GET tells everything but the key, DELETE forgets it."""
    kept = await ask.put("/api/v1/keys/openai", json={"key": KEY})
    listed = await ask.get("/api/v1/keys")
    rotated = await ask.post("/api/v1/keys/rotate")
    gone = await ask.delete("/api/v1/keys/openai")
    empty = await ask.get("/api/v1/keys")

    assert (kept.status_code, listed.json()["keys"]) == (200, [kept.json()])
    assert kept.json() == {
        "name": "openai",
        "provider": "openai",
        "place": "api.openai.com:443",
        "last_four": "cdef",
        "set_by": "local",
        "set_at": 1_000_000.0,
        "used_at": None,
    }
    assert rotated.json()["sealed"] == ["openai"]
    assert (gone.status_code, gone.content, empty.json()) == (204, b"", {"keys": []})
    assert not [each for each in (kept, listed, rotated) if KEY[:-4] in each.text]


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("openai", {"key": KEY, "extra": 1}, 422),
        ("openai", {"key": [KEY]}, 422),
        ("openai", {"key": KEY + " x"}, 422),
        ("openai", {"key": KEY * 300}, 422),
        ("openai", {"key": "short"}, 422),
        ("openai", {KEY: "key"}, 422),
        ("openai", {}, 422),
        ("OpenAI", {"key": KEY}, 422),
        ("mine", {"key": KEY}, 422),
        ("mine", {"key": KEY, "provider": "nobody"}, 404),
        ("mine", {"key": KEY, "provider": KEY}, 404),
        ("mine", {"key": KEY, "base_url": "http://169.254.169.254/v1"}, 422),
        ("mine", {"key": KEY, "base_url": f"https://user:{KEY}@router.example/v1"}, 422),
    ],
)
async def test_refusal_does_not_repeat_the_key(
    ask: httpx.AsyncClient, name: str, body: dict[str, object], status: int
) -> None:
    """S46, S47: whatever is wrong with a request, the key is not part of the problem."""
    answer = await ask.put(f"/api/v1/keys/{name}", json=body)

    assert answer.status_code == status
    assert answer.json()["code"]
    assert KEY not in answer.text
    assert KEY not in json.dumps(dict(answer.headers))


async def test_unknown_key_is_not_found(ask: httpx.AsyncClient) -> None:
    """What is not kept cannot be forgotten."""
    answer = await ask.delete("/api/v1/keys/openai")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_name")


async def test_requests_choose_listed_addresses(ask: httpx.AsyncClient) -> None:
    """S44: an errand may name an address that the server lists, and no other."""
    errand = {"rows": [{"a": "b"}], "prompt": "{{ a }}", "fields": ["t: string"]}
    found = []
    for base_url in ("https://router.example/v1", "https://evil.example/v1", "http://169.254.169.254/"):
        settings = {"model": "openai/m", "base_url": base_url}
        answer = await ask.post("/api/v1/estimates", json={**errand, "settings": settings})
        found.append((answer.status_code, answer.json().get("code")))

    assert found == [(200, None), (422, "bad_setting"), (422, "bad_setting")]


async def test_server_without_master_key_says_so(server: object) -> None:
    """A server that has no master key keeps nothing, and the problem says what to do."""
    async with server.with_key() as program:  # type: ignore[attr-defined]  # see the fixture
        answer = await program.put("/api/v1/keys/openai", json={"key": KEY})

    assert (answer.status_code, answer.json()["code"]) == (409, "missing_credential")
    assert "new-master" in answer.json()["hint"]
