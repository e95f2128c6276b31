"""Handing runs in over HTTP: what is written down with a run, and what is told about it."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contracts.errands import draft_run
from tests.unit.api.conftest import Server

TEMPLATE = """---
name: Mood
version: {version}
inputs:
  - body
answers:
  - "mood: enum[{moods}] = how the writer feels"
---
How does the writer feel? {{{{ body }}}}
"""

TASK = {"prompt": "Rate {{ body }}", "fields": ["tone: enum[calm,angry] = how it sounds"]}
JSON = {"content-type": "application/json"}


async def hand_in(ask: httpx.AsyncClient, **more: Any) -> httpx.Response:
    """Hand a run in."""
    task = {"rows": [{"body": "one"}], **({} if "template" in more else TASK), **more}
    return await ask.post("/api/v1/runs", json=task)


async def warnings(ask: httpx.AsyncClient, **more: Any) -> list[str]:
    """What is told about a run when it is handed in."""
    answer = await hand_in(ask, **more)
    assert answer.status_code == 201, answer.text
    return list(answer.json()["warnings"])


async def test_run_tells_who_handed_it_in(server: Server, ask: httpx.AsyncClient) -> None:
    """W30: id, name, target, schema, who and when are kept with the run; one of the command line has nobody."""
    made = (await hand_in(ask, name="mails")).json()
    other = draft_run()
    await server.house._stores.open().create_run(other)
    found = (await ask.get(f"/api/v1/runs/{made['id']}")).json()
    begun_here = (await ask.get(f"/api/v1/runs/{other.id}")).json()

    assert (found["created_by"], found["created_by_name"]) == ("local", "you")
    assert (found["name"], found["template"], found["fields"]) == ("mails", "quick 1.0.0", ["tone"])
    assert found["created_at"] == server.clock.wall()
    assert (found["first_start"], found["last_completion"]) == (None, None)
    assert (begun_here["created_by"], begun_here["lane"], begun_here["warnings"]) == ("", "usual", [])


@pytest.mark.parametrize("lane", ["usual", "patient"])
async def test_lane_is_kept(ask: httpx.AsyncClient, lane: str) -> None:
    """A run says how urgent it is, in its own words and in the list."""
    made = (await hand_in(ask, lane=lane)).json()
    listed = (await ask.get("/api/v1/runs")).json()["runs"]

    assert (made["lane"], listed[0]["lane"]) == (lane, lane)


async def test_unknown_lane_is_refused(ask: httpx.AsyncClient) -> None:
    """A lane that is not there is named."""
    answer = await hand_in(ask, lane="express")

    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "body.lane")


async def test_other_fields_are_told(ask: httpx.AsyncClient) -> None:
    """W41: a run of the same name with other fields is walked as it asks, and says what is different."""
    other = ["tone: enum[calm,wild] = how it sounds", "topic: string = what it is about"]
    first = await warnings(ask, name="nightly")
    same = await warnings(ask, name="nightly", fields=["tone: enum[calm,angry] = in other words"])
    told = await warnings(ask, name="nightly", fields=other)
    again = await warnings(ask, name="nightly", fields=other)
    elsewhere = await warnings(ask, name="daily", fields=["topic: string = what it is about"])
    nameless = await warnings(ask, fields=["topic: string = what it is about"])

    assert (first, same, again, elsewhere, nameless) == ([], [], [], [], [])
    assert len(told) == 1
    assert told[0].startswith("The last run of `nightly`, `r")
    assert told[0].endswith("has other answer fields: `topic` new; `tone` otherwise defined.")


async def test_warning_can_be_skipped_or_refused(ask: httpx.AsyncClient) -> None:
    """W41: who means it hears nothing; who does not is refused before anything is written."""
    await warnings(ask, name="nightly")
    task = {"name": "nightly", "fields": ["topic: string = what it is about"]}
    refused = await hand_in(ask, **task, other_fields="refuse")
    listed = (await ask.get("/api/v1/runs")).json()["runs"]
    skipped = await warnings(ask, **task, other_fields="accept")

    assert (refused.status_code, refused.json()["code"]) == (409, "impossible_move")
    assert refused.json()["problems"][0]["path"] == "body.fields"
    assert "`topic` new; `tone` gone" in refused.json()["detail"]
    assert len(listed) == 1
    assert skipped == []


async def test_template_is_a_target(ask: httpx.AsyncClient, tmp_path: Path) -> None:
    """W41: a new version of a template whose answers differ is told, whatever the runs are called."""
    path = tmp_path / "templates" / "mood.md"
    path.parent.mkdir()
    path.write_text(TEMPLATE.format(version="1.0.0", moods="calm,angry"), encoding="utf-8")
    first = await warnings(ask, template="mood", name="one")
    path.write_text(TEMPLATE.format(version="1.1.0", moods="calm,angry,glad"), encoding="utf-8")
    told = await warnings(ask, template="mood", name="two")

    assert first == []
    assert "template `mood`" in told[0]
    assert told[0].endswith("`mood` otherwise defined.")


async def test_same_key_tells_the_same(ask: httpx.AsyncClient) -> None:
    """S38, W41: a request that is sent again gives the run with its warnings, and none about itself."""
    await warnings(ask, name="nightly")
    task = {
        "prompt": "{{ body }}",
        "fields": ["topic: string = it"],
        "rows": [{"body": "x"}],
        "name": "nightly",
    }
    answers = [
        (await ask.post("/api/v1/runs", json=task, headers={"idempotency-key": "once"})).json()
        for _ in range(2)
    ]

    assert answers[0] == answers[1]
    assert len(answers[0]["warnings"]) == 1


HALF = {"rows": [{"body": "half \ud83d", "more": ["\ud83d", {"in": "\ud83d"}]}, {"body": "whole"}]}
"""Rows as JSON may hold them, with a text that UTF-8 does not have."""


@pytest.mark.parametrize("path", ["rows", "rows/0", "cells?at=0,1", "grid"])
async def test_half_a_character_keeps_nobody_from_looking(ask: httpx.AsyncClient, path: str) -> None:
    """S17, S42: a row that came with half a surrogate pair is told with `?`, and the rows beside it as well."""
    made = await ask.post("/api/v1/runs", content=dumps({**TASK, **HALF, "start": False}), headers=JSON)
    found = await ask.get(f"/api/v1/runs/{made.json()['id']}/{path}")

    assert (made.status_code, found.status_code) == (201, 200)
    assert path == "grid" or "half ?" in found.text
    assert path in {"grid", "rows/0"} or "whole" in found.text


async def test_half_a_character_is_no_name_of_a_column(ask: httpx.AsyncClient) -> None:
    """S17, S42: a column that no list could tell is refused, so that the list of runs goes on."""
    body = dumps({**TASK, "rows": [{"body": "one", "\ud83d": "two"}]})

    made = await ask.post("/api/v1/runs", content=body, headers=JSON)
    listed = await ask.get("/api/v1/runs")

    assert (made.status_code, made.json()["code"]) == (422, "unreadable_table")
    assert "half a surrogate pair" in made.json()["detail"]
    assert (listed.status_code, listed.json()["runs"]) == (200, [])


@pytest.mark.parametrize("depth", [90, 300, 900])
async def test_deep_cells_keep_nobody_from_looking(ask: httpx.AsyncClient, depth: int) -> None:
    """S36, S42: a cell that is too deep to be told is refused when it comes, not when somebody looks."""
    cell = "[" * depth + "]" * depth
    body = dumps({**TASK, "rows": [{"body": "CELL"}], "start": False}).replace('"CELL"', cell)

    made = await ask.post("/api/v1/runs", content=body, headers=JSON)
    shown = [
        (await ask.get(f"/api/v1/runs/{each['id']}/rows")).status_code
        for each in (await ask.get("/api/v1/runs")).json()["runs"]
    ]

    assert (made.status_code, shown) == ((201, [200]) if depth == 90 else (400, []))
