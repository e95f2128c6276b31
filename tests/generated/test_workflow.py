"""Modules of workflow at work: on SQLite and on a real PostgreSQL, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import pytest
from tests.generated.making import module_of
from tests.generated.shop import CHARGED_AT, Shop, an_order, nap

FORWARD = ["reserve_stock", "charge_card", "book_courier", "mail_invoice"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return module_of("workflow/example.yaml", tmp_path_factory.mktemp("made"))


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where workflows are kept, on each of the two databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/workflows.db"
    return str(request.getfixturevalue("postgres"))


def flow_of(made: ModuleType, shop: Shop, address: str, **settings: Any) -> Any:
    return made.OrderFlow(shop, settings=made.OrderFlowSettings(store=address, **settings), sleep=nap)


@pytest.fixture
async def shop(made: ModuleType) -> Shop:
    return Shop(made)


@pytest.fixture
async def flow(made: ModuleType, shop: Shop, address: str) -> AsyncIterator[Any]:
    async with flow_of(made, shop, address) as flow:
        yield flow


async def test_steps_run_in_their_order(flow: Any, made: ModuleType, shop: Shop) -> None:
    """V12: every step runs once, with typed inputs from the workflow and from the steps before it."""
    done = await flow.run("w1", an_order(made, note="soon"))

    assert (done.state, shop.calls) == ("finished", FORWARD)
    assert shop.effects["w1/send_invoice"] == (CHARGED_AT, "p7", None, "soon")
    assert shop.effects["w1/book_courier"] == dt.date(2026, 4, 1)
    assert done.facts["charge"] == "c7"
    assert {name: record.state for name, record in done.steps.items()}["ask_approval"] == "skipped"


async def test_condition_chooses_a_step(flow: Any, made: ModuleType, shop: Shop) -> None:
    """V12: a conditional step runs where its condition holds, and what it gives reaches later steps."""
    await flow.run("w1", an_order(made, total=2000.0))

    assert shop.effects["w1/send_invoice"][2] == "ada"


async def test_steps_of_a_group_run_side_by_side(flow: Any, made: ModuleType, shop: Shop) -> None:
    """V12: both steps of a group are under way at one time: each waits for the other."""
    together = asyncio.Barrier(2)
    shop.before = {"charge_card": together.wait, "book_courier": together.wait}

    assert (await asyncio.wait_for(flow.run("w1", an_order(made)), 20)).state == "finished"


async def test_failed_step_is_tried_again_with_its_key(flow: Any, made: ModuleType, shop: Shop) -> None:
    """V12: attempts are counted, and every attempt has the same key."""
    shop.faults = {"reserve_stock": [OSError("away"), OSError("away")]}
    done = await flow.run("w1", an_order(made))

    assert done.state == "finished"
    assert [each for each in shop.attempts if each[0] == "w1/reserve_stock"] == [
        ("w1/reserve_stock", attempt) for attempt in (1, 2, 3)
    ]


async def test_failure_undoes_what_was_done(flow: Any, made: ModuleType, shop: Shop) -> None:
    """V12: compensations run in reverse order, each with the output and the key of its step."""
    shop.faults = {"mail_invoice": [OSError(f"try {place}") for place in range(9)]}
    done = await flow.run("w1", an_order(made))

    assert (done.state, done.error) == ("undone", "send_invoice: OSError: try 3")
    assert shop.calls[-3:] == ["cancel_courier", "refund_card", "release_stock"]
    assert shop.outputs["refund_card"] == made.ChargeCardResult(charge="c7", charged_at=CHARGED_AT)
    assert shop.effects["w1/reserve_stock/undo"] == "w1/reserve_stock"


async def test_step_that_may_have_happened_is_undone_too(flow: Any, made: ModuleType, shop: Shop) -> None:
    """V12: a step that failed may have taken effect, so it is undone without output; one that refused is not."""
    shop.faults = {"charge_card": [TimeoutError()] * 3}
    await flow.run("failed", an_order(made))
    failed = list(shop.calls)
    shop.faults = {"charge_card": [made.StepRefused("no such card")]}
    await flow.run("refused", an_order(made))

    assert failed[-3:] == ["cancel_courier", "refund_card", "release_stock"]
    assert failed.count("charge_card") == 3
    assert shop.outputs["refund_card"] is None
    assert shop.calls[-2:] == ["cancel_courier", "release_stock"]
    assert "refused/charge_card/undo" not in shop.effects


async def test_sibling_of_a_failing_step_ends_first(flow: Any, made: ModuleType, shop: Shop) -> None:
    """V12: a step is not cut off because its neighbour failed: it ends, then it is undone."""
    failed = asyncio.Event()

    async def fail() -> None:
        failed.set()
        raise made.StepRefused("no")

    shop.before = {"charge_card": fail, "book_courier": failed.wait}
    done = await flow.run("w1", an_order(made))

    assert done.state == "undone"
    assert shop.effects["w1/book_courier"] == dt.date(2026, 4, 1)
    assert shop.outputs["cancel_courier"] == made.BookCourierResult(parcel="p7")


async def test_deadline_ends_a_hanging_step(made: ModuleType, shop: Shop, address: str) -> None:
    """V12: a step that hangs is stopped at its deadline and counts as failed."""
    shop.before = {"reserve_stock": asyncio.Event().wait}
    async with flow_of(made, shop, address, step_deadline_s=0.02, step_retries=1) as flow:
        done = await flow.run("w1", an_order(made))

    assert (done.state, shop.counts()["reserve_stock"]) == ("undone", 2)
    assert done.error.startswith("reserve_stock: TimeoutError")
    assert shop.calls[-1] == "release_stock"


async def test_failing_compensation_is_stuck_and_loses_nothing(
    made: ModuleType, shop: Shop, address: str
) -> None:
    """V12: what cannot be undone is told and kept; once it is mended, undoing goes on where it stood."""
    shop.faults = {"mail_invoice": [made.StepRefused("no")], "refund_card": [OSError("bank away")] * 3}
    async with flow_of(made, shop, address, undo_retries=2) as flow:
        stuck = await flow.run("w1", an_order(made))
        seen = await flow.status("w1")
        untouched = await flow.resume("w1")
        counts = await flow.counts()
        mended = await flow.undo_again("w1")

    assert (stuck.state, seen, untouched) == ("stuck", stuck, stuck)
    assert (stuck.steps["charge_card"].state, stuck.steps["reserve_stock"].state) == ("stuck", "done")
    assert "bank away" in stuck.steps["charge_card"].undo_error
    assert counts == {"stuck": 1}
    assert mended.state == "undone"
    assert shop.counts()["cancel_courier"] == 1  # undone before, not again
    assert shop.calls[-2:] == ["refund_card", "release_stock"]


async def test_second_start_is_refused(flow: Any, made: ModuleType, shop: Shop) -> None:
    """V12: of eight starts with one id at the same time one runs; the others, and later ones, are refused."""
    found = await asyncio.gather(*(flow.run("w1", an_order(made)) for _ in range(8)), return_exceptions=True)

    assert sorted(type(each).__name__ for each in found) == ["AlreadyStarted"] * 7 + ["WorkflowOutcome"]
    assert shop.counts() == dict.fromkeys(FORWARD, 1)
    with pytest.raises(made.AlreadyStarted):
        await flow.run("w1", an_order(made))


async def test_driven_workflow_is_left_alone(made: ModuleType, shop: Shop, address: str) -> None:
    """V12: while one process drives a workflow, another can look at it but not resume it."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await go_on.wait()

    shop.before = {"mail_invoice": wait}
    async with flow_of(made, shop, address) as first, flow_of(made, Shop(made), address) as second:
        driving = asyncio.create_task(first.run("w1", an_order(made)))
        await reached.wait()
        with pytest.raises(made.LeaseHeld, match="lease runs out in"):
            await second.resume("w1")
        seen = await second.status("w1")
        nobody = await second.resume_all()
        go_on.set()

        assert (await driving).state == "finished"
    assert (seen.state, seen.steps["send_invoice"].state, nobody) == ("running", "running", [])


async def test_lease_is_kept_during_long_steps(made: ModuleType, shop: Shop, address: str) -> None:
    """V12: a step may take longer than the lease: it is renewed meanwhile."""

    async def wait() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.6)

    shop.before = {"mail_invoice": wait}
    async with (
        flow_of(made, shop, address, lease_s=0.3) as first,
        flow_of(made, Shop(made), address) as second,
    ):
        driving = asyncio.create_task(first.run("w1", an_order(made)))
        while not driving.done():
            assert await second.resume_all() == []
            await asyncio.wait({driving}, timeout=0.05)

        assert driving.result().state == "finished"


async def test_lost_lease_stops_the_slower_process(made: ModuleType, shop: Shop, address: str) -> None:
    """V12: who was taken for dead writes nothing more; the other one finishes, and effects happen once."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await go_on.wait()

    other = Shop(made)
    other.effects = shop.effects  # the same world outside
    shop.before = {"mail_invoice": wait}  # nothing else is written meanwhile
    async with flow_of(made, shop, address) as first, flow_of(made, other, address) as second:
        driving = asyncio.create_task(first.run("w1", an_order(made)))
        await reached.wait()
        await change(address, "UPDATE order_flow_workflows SET lease_until = 0")  # as if much time had passed
        done = await second.resume("w1")
        go_on.set()
        with pytest.raises(made.LeaseLost):
            await driving
        status = await first.status("w1")

    assert (done.state, status) == ("finished", done)
    assert other.counts() == {"mail_invoice": 1}
    assert len(shop.effects) == len(FORWARD)


async def change(address: str, statement: str) -> None:
    """Change the tables from outside."""
    if address.startswith("sqlite"):
        database = sqlite3.connect(address.removeprefix("sqlite:///"), isolation_level=None, timeout=10)
        database.execute(statement)
        database.close()
    else:
        connection = await asyncpg.connect(address)
        await connection.execute(statement)
        await connection.close()


async def test_stopped_workflow_goes_on_elsewhere(made: ModuleType, shop: Shop, address: str) -> None:
    """V12: stopping ends after the step under way and hands the lease back; another process goes on at once."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await go_on.wait()

    shop.before = {"reserve_stock": wait}
    first = flow_of(made, shop, address)
    await first.start()
    driving = asyncio.create_task(first.run("w1", an_order(made)))
    await reached.wait()
    stopping = asyncio.create_task(first.stop())
    await asyncio.sleep(0)
    go_on.set()
    await stopping
    with pytest.raises(made.WorkflowPaused):
        await driving

    other = Shop(made)
    async with flow_of(made, other, address) as second:
        assert [each.state for each in await second.resume_all()] == ["finished"]
    assert shop.calls == ["reserve_stock"]
    assert set(shop.calls) | set(other.calls) == set(FORWARD)


async def test_hanging_step_does_not_stop_the_stop(made: ModuleType, shop: Shop, address: str) -> None:
    """V12: a step that hangs while the module stops is cut off after a while, and runs again later."""
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await asyncio.Event().wait()

    shop.before = {"charge_card": hang}
    first = flow_of(made, shop, address, close_timeout_s=0.05)
    await first.start()
    driving = asyncio.create_task(first.run("w1", an_order(made)))
    await reached.wait()
    await first.stop()
    with pytest.raises(made.WorkflowPaused):
        await driving

    other = Shop(made)
    async with flow_of(made, other, address) as second:
        assert (await second.resume("w1")).state == "finished"
    assert other.counts()["reserve_stock"] == 0
    assert ("w1/charge_card", 2) in other.attempts


async def test_cancelled_caller_hands_the_lease_back(made: ModuleType, shop: Shop, address: str) -> None:
    """V12: a caller that is cancelled leaves a workflow that can be resumed at once."""
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await asyncio.Event().wait()

    shop.before = {"charge_card": hang}
    async with flow_of(made, shop, address) as flow:
        driving = asyncio.create_task(flow.run("w1", an_order(made)))
        await reached.wait()
        driving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await driving
        shop.before = {}

        assert (await flow.resume("w1")).state == "finished"


async def test_other_steps_are_refused(made: ModuleType, shop: Shop, address: str) -> None:
    """V12: a workflow that was started with other steps is not driven on with these."""
    async with flow_of(made, shop, address) as flow:
        shop.faults = {"mail_invoice": [made.StepRefused("no")], "refund_card": [OSError()] * 9}
        await flow.run("w1", an_order(made))
        await change(address, "UPDATE order_flow_workflows SET definition = 'old_step'")
        for _ in range(2):  # the lease was handed back
            with pytest.raises(made.OtherDefinition, match="old_step"):
                await flow.undo_again("w1")


async def test_unknown_workflow_is_told(flow: Any, made: ModuleType) -> None:
    """V12: resuming or asking for what was never started is an error with the id."""
    for ask in (flow.resume, flow.status, flow.undo_again):
        with pytest.raises(made.UnknownWorkflow, match="`nix`"):
            await ask("nix")


async def test_every_move_is_one_of_the_table(flow: Any, made: ModuleType, shop: Shop) -> None:
    """V12: the history of a workflow holds allowed moves only, each beginning where the last one ended."""
    shop.faults = {"reserve_stock": [OSError()], "mail_invoice": [OSError()] * 9, "refund_card": [OSError()]}
    await flow.run("w1", an_order(made))
    moves = await flow.history("w1")
    stands: dict[str, str] = {"": "running"}

    for move in moves:
        assert move["came_from"] == stands.get(move["what"], "waiting")
        stands[move["what"]] = move["went_to"]
        table = made.STEP_MOVES if move["what"] else made.WORKFLOW_MOVES
        assert move["went_to"] in table[move["came_from"]]
    assert stands[""] == "undone"
    assert [move["at"] for move in moves] == sorted(move["at"] for move in moves)


async def test_impossible_move_is_refused(made: ModuleType) -> None:
    """V12: the table decides: a finished workflow moves nowhere."""
    held = made.HeldWorkflow("w", 1, 0, made.WorkflowState.FINISHED, {}, {"a": made.StepRecord()})

    with pytest.raises(made.ImpossibleMove, match="from finished to undoing"):
        held.move(made.WorkflowState.UNDOING)
    with pytest.raises(made.ImpossibleMove, match="`a` cannot move from waiting to done"):
        held.move_step("a", made.StepState.DONE)
    assert held.moves == []


async def test_many_workflows_run_at_one_time(made: ModuleType, shop: Shop, address: str) -> None:
    """V12: two modules drive fifty workflows each on the same tables, and every step runs once."""
    async with flow_of(made, shop, address) as first, flow_of(made, shop, address) as second:
        runs = [
            flow.run(f"{place}-{name}", an_order(made))
            for name, flow in (("a", first), ("b", second))
            for place in range(50)
        ]
        found = await asyncio.gather(*runs)
        health = await first.health()
        figures = first.metrics()["workflows"]

    assert {each.state for each in found} == {"finished"}
    assert shop.counts() == dict.fromkeys(FORWARD, 100)
    assert (health.ok, figures["step.reserve_stock.calls"]) == (True, 50)
    assert figures["transition.p95_ms"] > 0


async def test_wrong_address_is_refused(made: ModuleType, shop: Shop) -> None:
    """V12: an address of no known kind is refused before anything is opened."""
    with pytest.raises(made.InvalidInput, match="sqlite:///"):
        flow_of(made, shop, "mysql://x")


async def test_id_must_be_storable(flow: Any, made: ModuleType) -> None:
    """V12: an id that not every database can keep is refused."""
    for name in ("", "a\x00b", "x" * 201):
        with pytest.raises(made.InvalidInput):
            await flow.run(name, an_order(made))


async def test_odd_error_of_a_step_is_kept(flow: Any, made: ModuleType, shop: Shop) -> None:
    """V12: whatever a step's error says, it is kept and does no harm."""
    shop.faults = {"reserve_stock": [made.StepRefused("a\x00b\ud800 " + "long " * 500)]}
    done = await flow.run("w1", an_order(made))

    assert done.state == "undone"
    assert len((await flow.status("w1")).error) < 400


async def test_condition_that_fails_turns_the_workflow_round(flow: Any, made: ModuleType, shop: Shop) -> None:
    """V12: a condition that cannot be computed counts as a refusing step; what was done is undone."""
    done = await flow.run("w1", an_order(made, total="much"))

    assert (done.state, done.steps["ask_approval"].state) == ("undone", "refused")
    assert "its condition failed: TypeError" in done.error


async def test_step_that_kills_its_process_is_given_up(made: ModuleType, shop: Shop, address: str) -> None:
    """V12: a step during which the process died too often counts as failed, and is undone."""
    async with flow_of(made, shop, address, deaths_allowed=2) as flow:
        for drive in (lambda: flow.run("w1", an_order(made)), *[lambda: flow.resume("w1")] * 2):
            reached = asyncio.Event()
            shop.before = {"reserve_stock": hanging(reached)}
            driving = asyncio.create_task(drive())
            await reached.wait()
            driving.cancel()  # to the journal this is like a death: the attempt began and did not end
            await asyncio.wait({driving})
        done = await flow.resume("w1")

    assert done.state == "undone"
    assert "the process ended 3 times" in done.error
    assert shop.calls == ["reserve_stock"] * 3 + ["release_stock"]


def hanging(reached: asyncio.Event) -> Any:
    """A beginning of a step that says when it is reached, and hangs."""

    async def hang() -> None:
        reached.set()
        await asyncio.Event().wait()

    return hang


async def test_locked_journal_is_told(made: ModuleType, shop: Shop, tmp_path: Path) -> None:
    """V12: a journal that another process keeps locked is an error of its own, and nothing is lost."""
    path = tmp_path / "workflows.db"
    async with flow_of(made, shop, f"sqlite:///{path}", busy_timeout_s=0.05) as flow:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(made.JournalAway, match="locked"):
            await flow.run("w1", an_order(made))
        other.execute("ROLLBACK")
        other.close()

        assert (await flow.run("w1", an_order(made))).state == "finished"
