"""A process that drives the example workflow and is killed at a chosen point, over and over.

    python workflow_child.py MODULE.py ADDRESS WORLD.db forward|back|race

Forks a child for each point: the child kills itself with SIGKILL when it gets there, a second one
goes on. Prints one line of JSON for each point. Effects of steps are rows of `WORLD.db`, each
under the key that the step was handed; every call of a step is a row too.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.generated.shop import Shop, an_order

LEASE_S = 0.2
MOST_POINTS = 200
RACERS = 4


def load(path: str) -> Any:
    """Import the generated module."""
    spec = importlib.util.spec_from_file_location("order_flow", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["order_flow"] = module
    spec.loader.exec_module(module)
    return module


class Points:
    """Counts points on the way and dies at one of them."""

    def __init__(self, deadly: int) -> None:
        self.deadly = deadly
        self.passed = 0

    def reach(self) -> None:
        """Die here, or go on."""
        self.passed += 1
        if self.passed == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)


class DeadlyShop(Shop):
    """Steps whose effects outlive the process; there is a point before and behind each effect."""

    def __init__(self, made: Any, world: str, points: Points) -> None:
        super().__init__(made)
        self.points = points
        self.world = sqlite3.connect(world, isolation_level=None, timeout=20)

    async def _do(self, name: str, call: Any, effect: Any) -> None:
        self.world.execute("INSERT INTO calls VALUES (?, ?)", (call.workflow_id, name))
        self.points.reach()
        if self.faults.get(name):
            raise self.faults[name][0]
        self.world.execute(
            "INSERT OR IGNORE INTO effects VALUES (?, ?, ?)", (call.key, call.workflow_id, name)
        )
        self.points.reach()


class DeadlyJournal:
    """A journal with a point before and behind each transaction."""

    def __init__(self, journal: Any, points: Points) -> None:
        self.journal = journal
        self.points = points
        self.open, self.close = journal.open, journal.close

    async def transact(self, *work: Any) -> Any:
        self.points.reach()
        found = await self.journal.transact(*work)
        self.points.reach()
        return found


async def drive(
    made: Any, address: str, world: str, *, name: str, deadly: int = 0, back: bool = False
) -> str:
    """Start a workflow, or go on with it; return its state."""
    points = Points(deadly)
    shop = DeadlyShop(made, world, points)
    if back:
        shop.faults = {"mail_invoice": [made.StepRefused("no")]}
    settings = made.OrderFlowSettings(store=address, lease_s=LEASE_S, first_delay_s=0.001, deaths_allowed=50)
    journal = DeadlyJournal(
        made.open_journal(settings, asyncio.sleep, lambda: os.urandom(1)[0] / 256), points
    )
    async with made.OrderFlow(shop, settings=settings, journal=journal) as flow:
        with contextlib.suppress(made.AlreadyStarted):
            return str((await flow.run(name, an_order(made))).state)
        while True:
            try:
                return str((await flow.resume(name)).state)
            except made.LeaseHeld:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.Event().wait(), LEASE_S / 4)


def forked(work: Callable[[], str]) -> tuple[int, str]:
    """Do work in a child; return the signal that ended it, 0 = none, and what it returned."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 1
        try:
            os.write(writing, work().encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return (os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0), said


def kills(made: Any, address: str, world: str, *, back: bool) -> None:
    """Kill at every point there is, one workflow each; then go on with all of them and tell how they ended."""
    ends: list[int] = []
    for deadly in range(1, MOST_POINTS):
        ended, state = forked(
            lambda deadly=deadly: asyncio.run(
                drive(made, address, world, name=f"w{deadly}", deadly=deadly, back=back)
            )
        )
        if not ended:
            tell({"points": deadly - 1, "state": state})
            break
        ends.append(ended)

    async def go_on() -> str:
        names = [f"w{deadly}" for deadly in range(1, len(ends) + 1)]
        return json.dumps([await drive(made, address, world, name=name, back=back) for name in names])

    _, states = forked(lambda: asyncio.run(go_on()))
    for place, (ended, state) in enumerate(zip(ends, json.loads(states), strict=True), 1):
        tell({"name": f"w{place}", "signal": ended, "state": state})


def race(made: Any, address: str, world: str) -> None:
    """Let several processes start the same workflow at one time; each goes on until it has ended."""
    children = []
    for _ in range(RACERS):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                state = asyncio.run(drive(made, address, world, name="race"))
                code = 0 if state == "finished" else 2
            except Exception:
                traceback.print_exc()
                raise
            finally:
                os._exit(code)
        children.append(child)
    tell({"codes": [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]})


def tell(facts: dict[str, Any]) -> None:
    """Say something to the test."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main(module: str, address: str, world: str, mode: str) -> None:
    """Prepare the world and run one mode."""
    made = load(module)
    database = sqlite3.connect(world, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE effects (key TEXT PRIMARY KEY, workflow_id TEXT, name TEXT)")
    database.execute("CREATE TABLE calls (workflow_id TEXT, name TEXT)")
    database.close()
    if mode == "race":
        race(made, address, world)
    else:
        kills(made, address, world, back=mode == "back")


if __name__ == "__main__":
    main(*sys.argv[1:])
