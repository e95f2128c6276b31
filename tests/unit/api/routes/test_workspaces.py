from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.unit.api.team import OTHER, TeamServer, open_team

from weft.rights import HOME, Role

TASK = {"rows": [{"body": "hi"}], "prompt": "{{ body }}", "fields": ["mood: enum[a,b]"]}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TeamServer]:
    """A server with an owner and an administrator of `home`."""
    found = await open_team(tmp_path)
    await found.person("anna", {HOME: Role.ADMIN})
    await found.person("olga", {}, is_owner=True)
    yield found
    await found.houses.close()


@pytest.fixture
async def anna(server: TeamServer) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of the administrator."""
    async with server.browser("anna") as page:
        yield page


@pytest.fixture
async def olga(server: TeamServer) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of the owner."""
    async with server.browser("olga") as page:
        yield page


async def test_owner_makes_and_keeps_workspaces(olga: httpx.AsyncClient) -> None:
    """An owner makes a workspace, renames it, puts it away and takes it out again."""
    made = await olga.post("/api/v1/workspaces", json={"name": "support", "monthly_budget_usd": "50"})
    changed = (await olga.patch("/api/v1/workspaces/support", json={"title": "Support"})).json()
    inside = (await olga.get("/api/v1/workspace", headers={"weft-workspace": "support"})).json()
    away = (await olga.put("/api/v1/workspaces/support/archive")).json()
    lists = [
        [
            each["name"]
            for each in (await olga.get(f"/api/v1/workspaces?archived={flag}")).json()["workspaces"]
        ]
        for flag in ("false", "true")
    ]
    back = (await olga.delete("/api/v1/workspaces/support/archive")).json()

    assert (made.status_code, made.json()["monthly_budget_usd"]) == (201, "50")
    assert (changed["title"], changed["monthly_budget_usd"]) == ("Support", "50")
    assert (inside["name"], inside["left_usd"]) == ("support", "50")
    assert away["archived_at"] is not None
    assert lists == [[HOME, OTHER], [HOME, OTHER, "support"]]
    assert (back["archived_at"], (await olga.get("/api/v1/workspaces/support")).json()) == (None, back)


async def test_administrator_keeps_their_own_only(anna: httpx.AsyncClient) -> None:
    """Who governs a workspace sets its budget; of all others they are told nothing, there or not."""
    own = await anna.patch("/api/v1/workspace", json={"monthly_budget_usd": "10", "title": "Ours"})
    answers = [await anna.get(f"/api/v1/workspaces/{name}") for name in (OTHER, "nowhere")]

    assert (own.json()["monthly_budget_usd"], own.json()["title"]) == ("10", "Ours")
    assert {each.status_code for each in answers} == {403}
    assert answers[0].text == answers[1].text


async def test_month_of_a_workspace_is_told(anna: httpx.AsyncClient) -> None:
    """What runs have set aside stands beside the budget, and a run that asks for too much names the sums."""
    await anna.patch("/api/v1/workspace", json={"monthly_budget_usd": "10"})
    refusals = [
        await anna.post("/api/v1/runs", json={**TASK, "settings": settings})
        for settings in ({}, {"budget_usd": "10.5"})
    ]
    taken = await anna.post("/api/v1/runs", json={**TASK, "settings": {"budget_usd": "4"}})
    held = (await anna.get("/api/v1/workspace")).json()
    await anna.post(f"/api/v1/runs/{taken.json()['id']}/cancel")
    after = (await anna.get("/api/v1/workspace")).json()

    assert [each.status_code for each in refusals] == [422, 402]
    assert refusals[0].json()["problems"] == [{"path": "body.settings.budget_usd", "message": "is missing."}]
    assert "has $10.00 left of $10.00" in refusals[1].json()["detail"]
    assert taken.status_code == 201
    assert [held[f"{name}_usd"] for name in ("spent", "set_aside", "left")] == ["0", "4", "6"]
    assert [after[f"{name}_usd"] for name in ("spent", "set_aside", "left")] == ["0", "0", "10"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "Support"}, "body.name"),
        ({"name": "../x"}, "body.name"),
        ({"name": "x", "monthly_budget_usd": "-1"}, "body.monthly_budget_usd"),
        ({"name": "x", "monthly_budget_usd": 5}, "body.monthly_budget_usd"),
        ({"title": "x"}, "body.name"),
    ],
)
async def test_bad_workspaces_name_the_field(
    olga: httpx.AsyncClient, body: dict[str, object], path: str
) -> None:
    """What is wrong with a workspace is named, and nothing is made."""
    answer = await olga.post("/api/v1/workspaces", json=body)

    assert answer.status_code == 422
    assert [each["path"] for each in answer.json()["problems"]] == [path]


async def test_name_that_was_used_is_refused(olga: httpx.AsyncClient) -> None:
    """A workspace is made once; with a key the same answer comes again."""
    headers = {"idempotency-key": "once"}
    first, again = [
        await olga.post("/api/v1/workspaces", json={"name": "x"}, headers=headers) for _ in range(2)
    ]
    other = await olga.post("/api/v1/workspaces", json={"name": "x"})

    assert (first.status_code, first.json()) == (201, again.json())
    assert (other.status_code, other.json()["code"]) == (409, "impossible_move")
