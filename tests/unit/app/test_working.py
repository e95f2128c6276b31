from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from weft.app.queueing import QueueDesk
from weft.app.runs import RunsDesk
from weft.app.submitting import Submission, marked, wants_worker
from weft.app.working import LANES, SMALL_LANES, SMALL_ROWS, Worker
from weft.ids import RunId
from weft.kit.clocks import VirtualClock
from weft.run import Run, RunSpec, RunState, Tally

SPEC = RunSpec(
    table="rows in memory", table_digest="", columns=("body",), prompter="p", prompter_source={"kind": "template"},
    template="quick 1.0.0", provider="local", model="local",
)  # fmt: skip


def make_run(name: str, *, sender: str = "local", rows: int = 10 * SMALL_ROWS, at: float = 0) -> Run:
    """A run that was handed in."""
    spec = marked(SPEC, Submission(sender=sender))
    return Run(
        id=RunId(name), spec=spec, state=RunState.QUEUED, created_at=at, tally=Tally(total=rows, waiting=rows)
    )


class Desk:
    """Walks runs that never come to rest, and notes which were begun; stands for both desks."""

    def __init__(self, waiting: list[Run]) -> None:
        self.runs = waiting
        self.begun: list[str] = []

    async def waiting(self) -> list[Run]:
        return self.runs

    async def note(self, run: RunId, reason: str, *, message: str = "") -> None:
        return None

    async def prepare_resume(self, run: RunId, *, as_begun: bool) -> Run:
        self.begun.append(run)
        return next(each for each in self.runs if each.id == run)

    async def walk(self, run: Run, listeners: object) -> Run:
        await self.stopped.wait()
        return replace(run, state=RunState.PAUSED)

    def stop(self) -> None:
        self.stopped.set()

    @property
    def stopped(self) -> asyncio.Event:
        return self.__dict__.setdefault("_stopped", asyncio.Event())


async def begun_by(waiting: list[Run]) -> list[str]:
    """Which runs a worker with all lanes free begins, in order."""
    desk = Desk(waiting)

    def desk_with(settings: Mapping[str, Any]) -> RunsDesk:
        return cast("RunsDesk", desk)

    worker = Worker(cast("QueueDesk", desk), desk_with, clock=VirtualClock(auto=False))
    working = asyncio.ensure_future(worker.work())
    for _ in range(50):
        await asyncio.sleep(0)
    worker.stop()
    await working
    return desk.begun


async def test_small_run_does_not_wait_behind_huge_ones() -> None:
    """Some lanes are kept for small runs, however many large ones came before."""
    large = [make_run(f"large{n}", at=n) for n in range(2 * LANES)]
    begun = await begun_by([*large, make_run("small", rows=3, at=99)])

    assert begun == [*(each.id for each in large[: LANES - SMALL_LANES]), "small"]


async def test_senders_take_turns() -> None:
    """Who has many runs does not keep another sender out."""
    many = [make_run(f"many{n}", sender="ann", at=n) for n in range(LANES)]
    begun = await begun_by([*many, make_run("other", sender="bob", at=99)])

    assert begun[:3] == ["many0", "other", "many1"]


def test_only_runs_that_were_handed_in_are_taken_up() -> None:
    """A run of the command line, and one that a person has paused, are left alone."""
    handed_in = make_run("r1")

    assert wants_worker(handed_in)
    assert not wants_worker(replace(handed_in, spec=SPEC))
    assert not wants_worker(replace(handed_in, state=RunState.PAUSED, reason="paused"))
    assert wants_worker(replace(handed_in, state=RunState.PAUSED, reason="queued"))
