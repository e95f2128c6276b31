"""A generated orchestrator of HTTP calls: what runs beside what, what is passed on, what partly fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.generated.http_faults import Fault, FaultyShop, faulty_shop
from tests.generated.making import PACK, imported, module_of
from tests.generated.waiting import until

from weft.errors import BadSpec
from weft.variants.generating import Generated, generate
from weft.variants.library import VariantLibrary
from weft.variants.specs import read_spec


@pytest.fixture(scope="module")
def overview(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The example module."""
    return module_of("api_heavy/example.orchestrator.yaml", tmp_path_factory.mktemp("overview"))


@pytest.fixture
async def shop() -> AsyncIterator[FaultyShop]:
    """A server with faults."""
    async with faulty_shop() as running:
        yield running


@asynccontextmanager
async def opened(module: ModuleType, url: str) -> AsyncIterator[Any]:
    """The module, started; it tries nothing twice."""
    settings = module.OrderOverviewSettings(base_url=url, max_tries=1)
    async with module.OrderOverview(settings=settings) as plan:
        yield plan


async def test_values_are_passed_on_and_everything_is_reported(
    overview: ModuleType, shop: FaultyShop
) -> None:
    """V08: later calls take what earlier ones gave; the report holds every result by name."""
    async with opened(overview, shop.url) as plan:
        report = await plan.run(order_id=7, note="seen")

    assert report.insist() is report
    assert report.done == ("find_order", "list_orders", "find_customer", "add_note")
    assert report.find_customer == overview.FindCustomerResult(id=1, name="Ada")
    assert [each.order_id for each in report.list_orders] == [10, 11, 20, 21, 30, 31]
    assert shop.orders[report.add_note.order_id]["total"] == 12.5
    assert "/customers/3" in [each.path for each in shop.seen]


async def test_calls_without_a_bond_run_beside_each_other(overview: ModuleType, shop: FaultyShop) -> None:
    """V08: two calls that need nothing of each other are under way together."""
    async with opened(overview, shop.url) as plan:
        shop.gate.clear()
        running = asyncio.create_task(plan.run(order_id=7))
        await until(lambda: shop.most_at_once == 2)
        shop.gate.set()
        report = await running

    assert report.ok


async def test_partial_failure_is_told_and_nothing_behind_it_is_tried(
    overview: ModuleType, shop: FaultyShop
) -> None:
    """V08: the failed step has its error, those that need it their reason, the others their result."""
    async with opened(overview, shop.url) as plan:
        report = await plan.run(order_id=404)

    assert (report.ok, report.done) == (False, ("list_orders",))
    assert {name: type(error).__name__ for name, error in report.failed.items()} == {"find_order": "Rejected"}
    assert report.skipped == {
        "find_customer": "`find_order` was not done",
        "add_note": "`find_customer` was not done",
    }
    assert (shop.added, len(report.list_orders)) == (0, 6)
    with pytest.raises(overview.PartialFailure, match="find_order, find_customer, add_note") as caught:
        report.insist()
    assert caught.value.report is report


async def test_unknown_outcome_of_a_step_stays_visible(overview: ModuleType, shop: FaultyShop) -> None:
    """V08: a write that may have been done is neither done nor skipped, and was sent once."""
    shop.orders[8] = {"order_id": 8, "total": 1.0, "customer_id": 3}
    async with opened(overview, shop.url) as plan:
        await plan.find_order(order_id=8)
        await plan.list_orders()
        await plan.find_customer(customer_id=3)
        shop.fail(Fault(drop=True, does_it=True))
        report = await plan.run(order_id=8)

    assert isinstance(report.failed["add_note"], overview.OutcomeUnknown)
    assert (shop.count("POST"), shop.added) == (1, 1)


async def test_missing_value_skips_the_step_that_needs_it(overview: ModuleType, shop: FaultyShop) -> None:
    """V08: an optional field that did not come is told by name."""
    shop.orders[9] = {"order_id": 9, "total": 1.0}
    async with opened(overview, shop.url) as plan:
        report = await plan.run(order_id=9)

    assert report.skipped["find_customer"] == "`find_order` gave no `customer_id`"


async def test_caller_who_gives_up_ends_every_step(overview: ModuleType, shop: FaultyShop) -> None:
    """V08: cancelling the run leaves no task behind."""
    async with opened(overview, shop.url) as plan:
        shop.gate.clear()
        running = asyncio.create_task(plan.run(order_id=7))
        await until(lambda: bool(shop.seen))
        running.cancel()
        await asyncio.wait({running})
        left = [task for task in asyncio.all_tasks() if "do_" in repr(task.get_coro())]
        shop.gate.set()

    assert running.cancelled()
    assert left == []


def test_plan_that_looks_forward_is_refused(tmp_path: Path) -> None:
    """V29: a step that needs a later one, or a field that nobody gives, names both."""
    text = (PACK / "api_heavy/example.orchestrator.yaml").read_text(encoding="utf-8")

    with pytest.raises(BadSpec, match="`find_customer` needs `add_note`, which is not listed before it"):
        _generated(text.replace("find_order.customer_id", "add_note.order_id"))
    with pytest.raises(BadSpec, match=r"write `customer_id=operation\.field`"):
        _generated(text.replace("find_order.customer_id", "find_order"))


def test_pure_steps_join_the_plan(tmp_path: Path) -> None:
    """V08: operations of the kind `pure` are functions of yours, and take part like calls."""
    text = (PACK / "api_heavy/example.orchestrator.yaml").read_text(encoding="utf-8") + (
        "  - name: judge\n    does: pure\n    description: Judge the total.\n"
        "    takes: {total: number}\n    gives: {good: boolean}\n"
        "    with: {passes: [total=find_order.total]}\n"
    )
    module = imported(_generated(text), tmp_path)

    module.smoke_test()

    assert "good" in module.JudgeResult.__dataclass_fields__


def _generated(text: str) -> Generated:
    return generate(read_spec(text, path="plan.yaml"), library=VariantLibrary())
