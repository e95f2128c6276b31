"""Looking on over HTTP: grids, changes and the rows of a screen."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest
from tests.contracts.errands import Errand, draft_row, draft_run
from tests.unit.api.conftest import Server

from weft.money import Budget, Usd
from weft.run import RunState, Wish

ROWS = "/api/v1/runs"


@pytest.fixture
async def errand(server: Server) -> Errand:
    """A running run of six rows in the store of the server."""
    return await Errand.begin(server.house._stores.open(), budget=Budget(usd=Usd.of("2")))


async def look(ask: httpx.AsyncClient, errand: Errand, what: str, **more: Any) -> Any:
    """One look at the run."""
    answer = await ask.get(f"{ROWS}/{errand.id}/{what}".rstrip("/"), params=more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_grid_and_changes_tell_how_rows_stand(ask: httpx.AsyncClient, errand: Errand) -> None:
    """W46: one letter for each row, then only what has changed, with counts of all rows."""
    grid = await look(ask, errand, "grid")
    await errand.settled(0, 2)
    await errand.sent(5)
    news = await look(ask, errand, "changes", since=grid["cursor"])

    assert grid["codes"] == "qqqqqq"
    assert (news["rows"], news["more"], news["reset"]) == ([[0, "s"], [2, "s"], [5, "r"]], False, False)
    assert news["summary"]["counts"] == {"q": 3, "r": 1, "s": 2, "f": 0, "i": 0, "k": 0, "x": 0}
    assert (news["summary"]["state"], news["summary"]["total"]) == ("running", 6)


async def test_summary_tells_money_and_times(ask: httpx.AsyncClient, errand: Errand) -> None:
    """W36: first start, last completion, what is spent and set aside, and what is wished for."""
    await errand.settled(0)
    await errand.sent(1, reserved=Usd(1_000))
    await errand.store.wish(errand.id, Wish.PAUSE)
    found = (await look(ask, errand, "changes", since="0"))["summary"]
    whole = await look(ask, errand, "")

    assert (found["spent_usd"], found["reserved_usd"], found["budget_usd"]) == (
        "0.000000903",
        "0.000001",
        "2",
    )
    assert (found["calls"], found["wish"]) == (2, "pause")
    assert found["first_start"] <= found["last_completion"]
    for name in ("first_start", "last_completion", "wish", "state", "spent_usd"):
        assert whole[name] == found[name]


async def test_nothing_new_is_a_few_bytes(ask: httpx.AsyncClient, errand: Errand) -> None:
    """An answer without news has less than 200 bytes, and none at all for who has had it."""
    grid = await look(ask, errand, "grid")
    path = f"{ROWS}/{errand.id}/changes"
    first = await ask.get(path, params={"since": grid["cursor"]})
    again = await ask.get(
        path, params={"since": grid["cursor"]}, headers={"if-none-match": first.headers["etag"]}
    )

    assert len(first.content) < 200
    assert first.json() == {
        "cursor": grid["cursor"],
        "reset": False,
        "more": False,
        "summary": None,
        "rows": [],
    }
    assert (again.status_code, again.content) == (304, b"")


async def test_old_cursor_is_told_to_begin_again(ask: httpx.AsyncClient, errand: Errand) -> None:
    """A cursor that the feed has not given out leads to the grid."""
    assert (await look(ask, errand, "changes", since="999999"))["reset"]


@pytest.mark.parametrize("since", ["", "-1", "x", "1.5", "9" * 19])
async def test_no_cursor_is_refused_by_name(ask: httpx.AsyncClient, errand: Errand, since: str) -> None:
    """What is no cursor is a refusal with its place, never an error of ours."""
    answer = await ask.get(f"{ROWS}/{errand.id}/changes", params={"since": since})

    assert answer.status_code == 422
    assert answer.json()["problems"][0]["path"] == "query.since"


async def test_grid_is_packed_for_who_takes_it(server: Server, errand: Errand) -> None:
    """W55: a large grid shrinks for a browser, and comes plain for a program that does not say."""
    await errand.store.add_rows(errand.id, [draft_row(place) for place in range(6, 5_000)])
    path = f"{ROWS}/{errand.id}/grid"
    found = {}
    for accepted in ("gzip, deflate, br", "identity", "gzip;q=0, br", "GZIP;q=0.5", "gzip;q=x"):
        async with (
            server.with_key(accept_encoding=accepted) as program,
            program.stream("GET", path) as answer,
        ):
            raw = b"".join([piece async for piece in answer.aiter_raw()])
        is_packed = answer.headers.get("content-encoding") == "gzip"
        found[accepted] = is_packed
        codes = json.loads(gzip.decompress(raw) if is_packed else raw)["codes"]

        assert codes == "q" * 5_000
        assert answer.headers["vary"] == "Accept-Encoding"
        assert len(raw) < 1_000 or not is_packed

    assert list(found.values()) == [True, False, False, True, False]


async def test_run_that_is_drafted_is_watched(ask: httpx.AsyncClient, server: Server, errand: Errand) -> None:
    """W46: rows appear while a table is being read."""
    run = draft_run()
    await server.house._stores.open().create_run(run)
    errand.id = run.id
    empty = await look(ask, errand, "grid")
    await errand.store.add_rows(run.id, [draft_row(0), draft_row(1)])
    news = await look(ask, errand, "changes", since=empty["cursor"])

    assert empty["codes"] == ""
    assert (news["summary"]["state"], news["summary"]["total"]) == ("drafted", 2)


async def test_rows_of_a_screen_are_light(ask: httpx.AsyncClient, server: Server, errand: Errand) -> None:
    """W44, W45: place, how it stands, when it began and ended, its first two answers; long texts are cut."""
    long = json.dumps(["x" * 5_000, "short"]).encode()
    row = draft_row(6)
    row.cells = long
    await errand.store.add_rows(errand.id, [row])
    await errand.settled(3)
    rows = (await look(ask, errand, "cells", at="6,3,77,0"))["rows"]
    waits, ended, cut = rows

    assert [each["place"] for each in rows] == [0, 3, 6]
    assert [each["code"] for each in rows] == ["q", "s", "q"]
    assert ended["summary"] == "a tree that balances itself"
    assert ended["started_at"] <= ended["ended_at"]
    assert (waits["started_at"], waits["cells"]) == (None, {"topic": "t0", "text": "some text"})
    assert cut["cells"] == {"topic": "x" * 199 + "…", "text": "short"}
    assert [each["cut"] for each in rows] == [False, False, True]


async def test_only_some_cells_are_told_if_they_are_named(ask: httpx.AsyncClient, errand: Errand) -> None:
    """A page that shows three of a hundred columns need not load the others."""
    rows = (await look(ask, errand, "cells", at="0", column=["text", "nowhere"]))["rows"]

    assert (rows[0]["cells"], rows[0]["cut"]) == ({"text": "some text"}, False)


@pytest.mark.parametrize("at", ["", "1,", "-1", "1 2", ",".join(map(str, range(201))), "9" * 11])
async def test_places_that_are_none_are_refused(ask: httpx.AsyncClient, errand: Errand, at: str) -> None:
    """At most 200 whole numbers with commas between them."""
    answer = await ask.get(f"{ROWS}/{errand.id}/cells", params={"at": at})

    assert answer.status_code == 422
    assert answer.json()["problems"][0]["path"] == "query.at"


@pytest.mark.parametrize("what", ["grid", "changes?since=0", "cells?at=0"])
async def test_unknown_run_is_not_found(ask: httpx.AsyncClient, server: Server, what: str) -> None:
    """A run that is not there is 404 on every address."""
    server.house._stores.open()
    answer = await ask.get(f"{ROWS}/r000000000000/{what}")

    assert answer.status_code == 404


async def test_run_that_waits_for_a_lane_is_told_as_queued(ask: httpx.AsyncClient, server: Server) -> None:
    """The feed calls the state of a run what its own address calls it."""
    made = await ask.post(
        ROWS, json={"prompt": "Rate {{ body }}", "fields": ["tone: enum[a,b]"], "rows": [{"body": "x"}]}
    )
    run = made.json()["id"]
    store = server.house._stores.open()
    epoch = await store.take_over(run, owner="x", stale_after_s=0)
    await store.move_run(run, RunState.RUNNING, epoch=epoch)
    await store.move_run(run, RunState.PAUSED, epoch=epoch, reason="queued")
    summary = (await ask.get(f"{ROWS}/{run}/changes?since=0")).json()["summary"]

    assert (summary["state"], summary["reason"]) == ("queued", "")
