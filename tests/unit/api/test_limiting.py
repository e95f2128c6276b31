"""Limits of requests: whom a request counts for, what every answer tells, what is free."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from tests.unit.api.conftest import KEY, PORT, URL, Server

from weft.api.application import build_application
from weft.api.sessions import Sessions
from weft.app.opening import look_around, new_secret
from weft.app.weft import Weft
from weft.kit.clocks import VirtualClock

RPM = 20  # two expensive ones, and two without a key


@pytest.fixture
async def server(tmp_path, monkeypatch):
    """A server that takes twenty requests a minute from each."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weft.toml").write_text(f'model = "local"\nserver_rpm = {RPM}\n', encoding="utf-8")
    clock = VirtualClock()
    async with Weft(look_around(start=tmp_path, environment={}), clock=clock) as house:
        sessions = Sessions(KEY, clock=clock, draw=new_secret)
        application = build_application(house, sessions, port=PORT, draw=lambda: "number-1")
        yield Server(house, sessions, clock, httpx.ASGITransport(application, raise_app_exceptions=False))


async def test_every_answer_tells_what_is_left(ask):
    """Policy and rest stand in the headers of answers and of refusals alike."""
    fine = await ask.get("/api/v1/settings")
    wrong = await ask.get("/api/v1/runs", params={"nothing": "1"})
    absent = await ask.get("/api/v1/nothing")

    assert fine.headers["ratelimit-policy"] == '"usual";q=20;w=60'
    assert fine.headers["ratelimit"] == '"usual";r=19;t=3'
    assert (wrong.status_code, wrong.headers["ratelimit"]) == (422, '"usual";r=18;t=6')
    assert (absent.status_code, absent.headers["ratelimit"]) == (404, '"usual";r=17;t=9')


async def test_one_too_many_is_refused_until_there_is_room(server, ask):
    """The request after the last is a clear 429 with the seconds to wait, and after them goes through."""
    for _ in range(RPM):
        assert (await ask.get("/api/v1/settings")).status_code == 200

    refused = await ask.get("/api/v1/settings")

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert refused.headers["retry-after"] == "3"
    assert refused.headers["ratelimit"] == '"usual";r=0;t=60'
    assert "3 s" in refused.json()["hint"]
    assert refused.headers["x-content-type-options"] == "nosniff"
    await server.clock.sleep(3)
    assert (await ask.get("/api/v1/settings")).status_code == 200


async def test_expensive_routes_have_a_smaller_bucket(ask):
    """Projections are counted apart too; looking goes on when they are used up."""
    asked = {"rows": [{"topic": "x"}], "template": "topic_review"}
    answers = [await ask.post("/api/v1/estimates", json=asked) for _ in range(3)]

    assert answers[0].headers["ratelimit-policy"] == '"usual";q=20;w=60, "heavy";q=2;w=60'
    assert answers[0].headers["ratelimit"] == '"usual";r=19;t=3, "heavy";r=1;t=30'
    assert [each.status_code == 429 for each in answers] == [False, False, True]
    assert "expensive" in answers[2].json()["detail"]
    assert (await ask.get("/api/v1/settings")).status_code == 200


async def test_strangers_count_for_their_address(server, ask):
    """Who has no key is refused after few tries, and takes nothing from who has one."""
    async with server.asking(authorization="Bearer wrong") as stranger:
        tries = [await stranger.get("/api/v1/settings") for _ in range(4)]

    assert [each.status_code for each in tries] == [401, 401, 429, 429]
    assert tries[0].headers["ratelimit-policy"] == '"stranger";q=2;w=60'
    assert tries[2].headers["retry-after"] == "30"


async def test_who_has_come_in_costs_the_address_nothing(server, ask):
    """Requests with the key leave the address' own bucket full."""
    for _ in range(10):
        await ask.get("/api/v1/settings")

    async with server.asking() as stranger:
        assert (await stranger.get("/api/v1/settings")).status_code == 401


async def test_tries_to_come_in_count_for_the_address(server, ask):
    """Guessing codes is stopped for the address, and does not shut out who has the key."""
    async with server.asking() as stranger:
        tries = [await stranger.get("/enter", params={"code": "x"}) for _ in range(3)]

    assert [each.status_code for each in tries] == [403, 403, 429]


async def test_looking_whether_anybody_is_there_is_free(server):
    """Health is asked as often as one likes, and tells no quota."""
    async with server.asking() as stranger:
        answers = [await stranger.get("/api/v1/health") for _ in range(50)]

    assert {each.status_code for each in answers} == {200}
    assert "ratelimit" not in answers[0].headers


async def test_limits_can_be_taken_away(tmp_path, monkeypatch):
    """`server_rpm = "none"` limits nobody, and tells nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weft.toml").write_text('model = "local"\nserver_rpm = "none"\n', encoding="utf-8")
    async with Weft(look_around(start=tmp_path, environment={}), clock=VirtualClock()) as house:
        sessions = Sessions(KEY, clock=house.clock, draw=new_secret)
        application = build_application(house, sessions, port=PORT, draw=lambda: "number-1")
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as program:
            answers = [
                await program.get("/api/v1/settings", headers={"authorization": f"Bearer {KEY}"})
                for _ in range(60)
            ]

    assert {each.status_code for each in answers} == {200}
    assert "ratelimit" not in answers[0].headers


async def test_ten_tabs_that_poll_are_let_through(tmp_path, monkeypatch):
    """With the usual limits ten tabs that ask four times a second for a minute are never refused."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weft.toml").write_text('model = "local"\n', encoding="utf-8")
    clock = VirtualClock()
    async with Weft(look_around(start=tmp_path, environment={}), clock=clock) as house:
        sessions = Sessions(KEY, clock=clock, draw=new_secret)
        application = build_application(house, sessions, port=PORT, draw=lambda: "number-1")
        transport = httpx.ASGITransport(application)
        codes = set()
        async with httpx.AsyncClient(transport=transport, base_url=URL) as program:
            for _ in range(20):  # looks of all tabs, a quarter of a second apart
                headers = {"authorization": f"Bearer {KEY}"}
                looks = [program.get("/api/v1/runs", headers=headers) for _ in range(10)]
                codes |= {each.status_code for each in await asyncio.gather(*looks)}
                await clock.sleep(0.25)

    assert codes == {200}
