"""Every move that somebody may ask for, in every state that a run can be in: what is answered, what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.contracts.errands import Errand, draft_run
from tests.unit.api.conftest import Server

from weft.ids import RunId
from weft.row import RowState
from weft.run import RunState

TASK = {"prompt": "Rate {{ body }}", "fields": ["tone: enum[calm,angry]"]}
ROWS = [{"body": "one"}, {"body": "two"}]
ACTIONS: dict[str, tuple[str, Any]] = {
    "add rows": ("rows", {"rows": [{"body": "three"}]}),
    "start": ("start", None),
    "pause": ("pause", None),
    "resume": ("resume", None),
    "resume with a budget": ("resume", {"budget_tokens": 10**6}),
    "cancel": ("cancel", None),
    "retry all": ("retries", None),
    "retry one": ("rows/0/retries", None),
}
MOVES: list[tuple[str, Any]] = [("pause", None), ("resume", {}), ("cancel", None)]
Reach = Callable[["Case"], Awaitable[str]]


class Case:
    """A server without a worker, so that nothing moves by itself."""

    def __init__(self, server: Server, program: httpx.AsyncClient) -> None:
        self.store = server.house._stores.open()
        self._program = program

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One request."""
        return await self._program.request(method, f"/api/v1{path}", json=body)

    async def handed_in(self, *, start: bool = True, **what: Any) -> str:
        """A run that was handed in."""
        answer = await self.ask("POST", "/runs", {**TASK, "start": start, **(what or {"rows": ROWS})})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def over_table(self, *, start: bool) -> str:
        """A run over a table that was handed over and is not read yet."""
        table = await self._program.post(
            "/api/v1/tables?name=m.csv", content=b"body\none\ntwo\n", headers={"content-type": "text/csv"}
        )
        return await self.handed_in(start=start, table=table.json()["id"])

    async def walked(
        self, *, to: RunState = RunState.RUNNING, ends: tuple[RowState, ...] = (), reason: str = ""
    ) -> str:
        """A run that somebody has walked until rows have ended so, and has left in this state."""
        run = RunId(await self.handed_in())
        epoch = await self.store.take_over(run, owner="somebody", stale_after_s=0)
        await self.store.move_run(run, RunState.RUNNING, epoch=epoch)
        errand = Errand(self.store, await self.store.run(run), epoch)
        errand.questions = {}
        for place, state in enumerate(ends):
            call = await errand.answered(place)
            facts = (
                {}
                if state is RowState.ANSWERED
                else {"problem": "It is wrong.", "problem_code": "wrong_shape"}
            )
            await self.store.settle(errand.settlement(call, ends=[errand.end(place, state, **facts)]))
        if to in {RunState.STOPPED, RunState.CANCELLED}:
            await self.store.skip_waiting(
                run, epoch=epoch, code="budget_exceeded", problem="It was too much."
            )
        if to is not RunState.RUNNING:
            await self.store.move_run(run, to, epoch=epoch, reason=reason)
            await self.store.let_go(run, epoch=epoch)
        return run

    async def held(self, *, declined: bool = False) -> str:
        """A run that waits for somebody's approval, or was refused it."""
        run = RunId(await self.handed_in(start=False))
        await self.store.move_run(run, RunState.HELD, epoch=0)
        if declined:
            await self.store.move_run(run, RunState.DECLINED, epoch=0)
        return run

    async def left(self) -> str:
        """A run whose owner is gone in the middle."""
        run = await self.walked(ends=(RowState.ANSWERED,))
        await self.store.let_go(RunId(run), epoch=1)
        return run

    async def paused(self, *, over_table: bool = False) -> str:
        """A run that a person has paused before anybody took it up."""
        run = await (self.over_table(start=True) if over_table else self.handed_in())
        await self.ask("POST", f"/runs/{run}/pause")
        return run

    async def begun_on_the_command_line(self) -> str:
        """A run that nobody has handed in."""
        run = draft_run()
        await self.store.create_run(run)
        return run.id


STATES: dict[str, Reach] = {
    "drafted": lambda case: case.handed_in(start=False),
    "drafted over a table": lambda case: case.over_table(start=False),
    "queued": lambda case: case.handed_in(),
    "queued over a table": lambda case: case.over_table(start=True),
    "walked by another process": lambda case: case.walked(),
    "left by its owner": lambda case: case.left(),
    "paused by a person": lambda case: case.paused(),
    "paused over a table": lambda case: case.paused(over_table=True),
    "paused by an outage": lambda case: case.walked(to=RunState.PAUSED, reason="outage"),
    "finished": lambda case: case.walked(to=RunState.FINISHED, ends=(RowState.ANSWERED, RowState.ANSWERED)),
    "finished with a failed row": lambda case: case.walked(
        to=RunState.FINISHED, ends=(RowState.FAILED, RowState.ANSWERED)
    ),
    "stopped by its budget": lambda case: case.walked(
        to=RunState.STOPPED, ends=(RowState.FAILED,), reason="budget_exceeded"
    ),
    "cancelled": lambda case: case.walked(
        to=RunState.CANCELLED, ends=(RowState.ANSWERED,), reason="cancelled"
    ),
    "held": lambda case: case.held(),
    "declined": lambda case: case.held(declined=True),
    "of the command line": lambda case: case.begun_on_the_command_line(),
}


# What is answered, and how the run stands then. A cell without a state leaves the run as it was.
TABLE = """
                            add rows  start       pause          resume      +budget     cancel           all         one
drafted                     200       200 queued  200 paused     200 queued  200 queued  200 cancelled    409         409
drafted over a table        409       200 queued  200 paused     200 queued  200 queued  200 cancelled    409         409
queued                      409       200         200 paused     200         200         200 cancelled    409         409
queued over a table         409       200         200 paused     200         200         200 cancelled    409         409
walked by another process   409       200         200            200         200         200              409         409
left by its owner           409       200         200 paused     200         200         200 cancelled    409         409
paused by a person          409       409         200            200 queued  200 queued  200 cancelled    409         409
paused over a table         409       200 queued  200            200 queued  200 queued  200 cancelled    409         409
paused by an outage         409       409         200            200 queued  200 queued  200 cancelled    409         409
finished                    409       409         409            409         409         409              409         409
finished with a failed row  409       409         409            409         409         409              200 queued  200 queued
stopped by its budget       409       409         409            200 queued  200 queued  409              200 queued  200 queued
cancelled                   409       409         409            200 queued  200 queued  200              409         409
held                        409       409         409            409         409         200 cancelled    409         409
declined                    409       409         409            409         409         409              409         409
of the command line         409       409         409            409         409         409              409         409
"""
EXPECTED = {
    line[:28].strip(): re.findall(r"(\d{3})(?: (\w+))?", line[28:])
    for line in TABLE.strip("\n").splitlines()[1:]
}


@pytest.mark.parametrize("name", STATES)
async def test_every_move_in_every_state(server: Server, ask: httpx.AsyncClient, name: str) -> None:
    """W35, W48: each move is made or refused with a sentence; what is refused changes nothing."""
    case = Case(server, ask)
    for (what, (path, body)), (status, becomes) in zip(ACTIONS.items(), EXPECTED[name], strict=True):
        run = await STATES[name](case)
        before = (await case.ask("GET", f"/runs/{run}")).json()
        answer = await case.ask("POST", f"/runs/{run}/{path}", body)
        after = (await case.ask("GET", f"/runs/{run}")).json()

        assert (what, answer.status_code, after["state"]) == (what, int(status), becomes or before["state"])
        if answer.status_code == 200:
            assert answer.json() == after
        else:
            assert (answer.json()["code"], after) == ("impossible_move", before)
            assert run in answer.json()["detail"]


async def test_every_state_is_tried() -> None:
    """A state that runs can be in has its line in the table."""
    assert set(EXPECTED) == set(STATES)
    assert {each.value for each in RunState} <= {name.split()[0] for name in STATES} | {"running"}


@pytest.mark.parametrize("what", ACTIONS)
async def test_run_that_is_not_there_is_told(ask: httpx.AsyncClient, what: str) -> None:
    """No move of a run that does not exist."""
    path, body = ACTIONS[what]
    answer = await ask.post(f"/api/v1/runs/r{'a' * 12}/{path}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_name")


async def test_wish_is_told_until_it_is_done(server: Server, ask: httpx.AsyncClient) -> None:
    """What another process was asked for stands in the run until that has done it; a resume takes it back."""
    case = Case(server, ask)
    run = await case.walked()
    told = [(await case.ask("POST", f"/runs/{run}/{what}", body)).json()["wish"] for what, body in MOVES]

    assert told == ["pause", "", "cancel"]


async def test_one_failed_row_is_asked_again(server: Server, ask: httpx.AsyncClient) -> None:
    """W48: the row waits, the others are as they were, and its calls stay in its story."""
    case = Case(server, ask)
    run = await case.walked(to=RunState.FINISHED, ends=(RowState.FAILED, RowState.FAILED))
    told = (await case.ask("POST", f"/runs/{run}/rows/1/retries")).json()
    story = (await case.ask("GET", f"/runs/{run}/rows/1")).json()
    other = await case.ask("POST", f"/runs/{run}/rows/7/retries")

    assert (told["waiting"], told["failed"]) == (1, 1)
    assert (story["row"]["state"], len(story["calls"])) == ("waiting", 1)
    assert story["calls"][0]["sent_at"] <= story["calls"][0]["ended_at"]
    assert other.status_code == 409
