"""Workflows whose process is killed with SIGKILL at every point of their way, on both databases."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.generated.making import made, module_of
from tests.generated.shop import Shop, an_order
from tests.generated.waiting import until

CHILD = Path(__file__).with_name("workflow_child.py")
FORWARD = ["reserve_stock", "charge_card", "book_courier", "mail_invoice"]
WORKFLOWS = 80
BACK = ["reserve_stock", "charge_card", "book_courier", "cancel_courier", "refund_card", "release_stock"]


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generated = made("workflow/example.yaml")
    path = tmp_path_factory.mktemp("made") / generated.path
    path.write_text(generated.text, encoding="utf-8")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/workflows.db"
    return str(request.getfixturevalue("postgres"))


CUT_ALL = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database()
"""


async def child(module: Path, address: str, world: Path, mode: str) -> list[dict[str, Any]]:
    """Run the child to its end and return what it told."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), str(module), address, str(world), mode, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return [json.loads(line) for line in said.splitlines()]


def tables(world: Path) -> tuple[dict[str, list[str]], dict[str, Counter[str]]]:
    """Effects of each workflow in their order, and how often each of its steps was called."""
    database = sqlite3.connect(world)
    effects: dict[str, list[str]] = {}
    for workflow, name in database.execute("SELECT workflow_id, name FROM effects ORDER BY rowid"):
        effects.setdefault(workflow, []).append(name)
    calls: dict[str, Counter[str]] = {}
    for workflow, name in database.execute("SELECT workflow_id, name FROM calls"):
        calls.setdefault(workflow, Counter())[name] += 1
    database.close()
    return effects, calls


@pytest.mark.parametrize(
    ("mode", "expected", "end"), [("forward", FORWARD, "finished"), ("back", BACK, "undone")]
)
async def test_killed_workflow_goes_on(
    module: Path, address: str, tmp_path: Path, mode: str, expected: list[str], end: str
) -> None:
    """V12: killed before and behind every write and every effect, each workflow comes to its end.

    Every effect happens once and in order; what was finished is not run again: a kill repeats only
    the steps that were under way, which are two at most.
    """
    last, *killed = await child(module, address, tmp_path / "world.db", mode)
    effects, calls = tables(tmp_path / "world.db")

    assert last["state"] == end
    assert len(killed) == last["points"] > 20
    assert {each["signal"] for each in killed} == {9}
    assert {each["state"] for each in killed} == {end}
    for each in killed:
        found = effects[each["name"]]
        assert sorted(found) == sorted(expected), each
        assert [name for name in found if name not in {"charge_card", "book_courier"}] == [
            name for name in expected if name not in {"charge_card", "book_courier"}
        ], each
        again = {name: count for name, count in calls[each["name"]].items() if count > 1}
        assert set(again.values()) <= {2}, each
        assert len(again) <= 2, each


async def test_start_from_several_processes_happens_once(module: Path, address: str, tmp_path: Path) -> None:
    """V12: four processes start one workflow at one time: one drives it, the others find it finished."""
    [found] = await child(module, address, tmp_path / "world.db", "race")
    effects, calls = tables(tmp_path / "world.db")

    assert found["codes"] == [0, 0, 0, 0]
    assert sorted(effects["race"]) == sorted(FORWARD)
    assert calls["race"] == dict.fromkeys(FORWARD, 1)


async def test_workflows_survive_cuts_of_their_journal(postgres: str, tmp_path: Path) -> None:
    """V12: every connection of the journal is cut after each eight steps: all workflows end, each step ran once.

    A commit that was cut off is looked up and never written twice.
    """
    generated = module_of("workflow/example.yaml", tmp_path)
    shop = Shop(generated)
    connection = await asyncpg.connect(postgres)
    cuts = 0
    settings = generated.OrderFlowSettings(store=postgres, first_delay_s=0.005, journal_attempts=20)
    async with generated.OrderFlow(shop, settings=settings) as flow:
        places = asyncio.Semaphore(8)

        async def one(name: str) -> Any:
            async with places:
                return await flow.run(name, an_order(generated))

        running = asyncio.gather(*(one(f"w{place}") for place in range(WORKFLOWS)))

        def is_at(calls: int) -> bool:
            return running.done() or len(shop.calls) >= calls

        while not running.done():
            cuts += await connection.fetchval(CUT_ALL)
            await until(partial(is_at, len(shop.calls) + 8))
        found = await running
        histories = [await flow.history(f"w{place}") for place in range(WORKFLOWS)]
    await connection.close()

    assert cuts > WORKFLOWS / 2
    assert {each.state for each in found} == {"finished"}
    assert shop.counts() == dict.fromkeys(FORWARD, WORKFLOWS)
    assert {len(moves) for moves in histories} == {len(histories[0])}
