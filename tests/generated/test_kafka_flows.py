"""Generated orchestrators and reducers between topics: nothing lost, nothing done twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.generated.kafka_broker import Broker, broker
from tests.generated.kafka_talk import committed, read, send, settings_of
from tests.generated.making import module_of
from tests.generated.waiting import moment, until

__all__ = ["broker"]
NOT_ENOUGH_REPLICAS, TOO_LARGE, FENCED = 19, 10, 47


@pytest.fixture(scope="module", params=["plain", "transactions"])
def pricing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The orchestrator, once without and once with transactions."""
    switches = {"transactions": request.param == "transactions"}
    module = module_of(
        "kafka_heavy/example.orchestrator.yaml", tmp_path_factory.mktemp(request.param), switches=switches
    )
    module.together = switches["transactions"]
    return module


@pytest.fixture(scope="module")
def balances(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The reducer."""
    return module_of("kafka_heavy/example.reducer.yaml", tmp_path_factory.mktemp("balances"))


class Steps:
    """The steps between the topics; some can be told to fail."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.rated: list[str] = []
        self.failing: set[str] = set()
        self.before_sending: Callable[[], None] | None = None

    async def find_rate(self, found: Any) -> Any:
        self.rated.append(found.country)
        if found.country in self.failing:
            raise LookupError("no rate")
        return self.module.FindRateResult(rate=0.2, is_export=found.country != "DE")

    async def add_tax(self, found: Any) -> Any:
        if self.before_sending is not None:
            self.before_sending()
            self.before_sending = None
        return self.module.AddTaxResult(amount=found.total * (1 + found.rate))


@asynccontextmanager
async def flowing(module: ModuleType, broker: Broker, steps: Steps, **given: Any) -> Any:
    """The orchestrator at work."""
    flow = module.OrderPricing(
        find_rate=steps.find_rate,
        add_tax=steps.add_tax,
        settings=settings_of(module, broker.bootstrap, check_crcs=False, **given),
    )
    async with flow:
        task = asyncio.create_task(flow.consume())
        yield flow
    await task


def order(number: int, country: str = "DE") -> dict[str, Any]:
    """A message that can be priced."""
    return {"order_id": number, "total": 10.0, "country": country}


def topics(broker: Broker) -> None:
    """Make the topics of both examples."""
    for topic in ("orders", "bills", "exports", "orders.dlq", "moves", "names", "moves.dlq"):
        broker.make_topic(topic, partitions=2)


async def test_messages_flow_through_the_steps(pricing: ModuleType, broker: Broker) -> None:
    """V09: read, worked on in order, sent on under conditions; offsets only after what was sent."""
    topics(broker)
    await send(broker, "orders", order(1), order(2, "CH"))
    broker.watch()
    async with flowing(pricing, broker, Steps(pricing)) as flow:
        await until(lambda: flow._topics.of("orders").done == 2)
        sent = flow.metrics()["topics"]

    bills = await read(broker, "bills", 2, partitions=2)
    exports = await read(broker, "exports", 1, partitions=2)
    assert [json.loads(each.value) for each in bills if each.key == b"1"] == [{"order_id": 1, "amount": 12.0}]
    assert [json.loads(each.value) for each in exports] == [{"order_id": 2, "country": "CH"}]
    assert (sent["bills"]["sent"], sent["exports"]["sent"]) == (2, 1)
    seen = broker.seen()
    if pricing.together:
        assert seen["commit"] == 0
        assert seen["commit_in_transaction"] == seen["end_transaction"] >= 1
    else:
        assert seen["end_transaction"] == 0
        assert await committed(broker, "order_pricing", "orders", 2) == 2


async def test_same_message_gives_the_same_ids(pricing: ModuleType, broker: Broker) -> None:
    """V09: what is sent because of one message has ids made of its place, so that readers see a repeat."""
    topics(broker)
    await send(broker, "orders", order(1, "CH"))
    for group in ("first", "second"):
        async with flowing(pricing, broker, Steps(pricing), group=group) as flow:
            await until(lambda flow=flow: flow._topics.of("orders").done == 1)

    bills = await read(broker, "bills", 2, partitions=2)
    ids = {dict(each.headers)["message-id"].decode() for each in bills}
    assert len(bills) == 2
    assert ids == {f"orders-{number}-0-send_bill" for number in (0, 1)} & ids
    assert len(ids) == 1


async def test_failing_step_buries_its_message_only(pricing: ModuleType, broker: Broker) -> None:
    """V09: the failing message goes to the dead letters, those around it are priced."""
    topics(broker)
    steps = Steps(pricing)
    steps.failing = {"XX"}
    await send(broker, "orders", order(1), order(2, "XX"), b"{", order(4))
    async with flowing(pricing, broker, steps) as flow:
        figures = flow._topics.of("orders")
        await until(lambda: figures.done == 2 and figures.dead == 2)

    letters = await read(broker, "orders.dlq", 2, partitions=2)
    assert {dict(each.headers)["error"] for each in letters} == {
        b"LookupError: no rate",
        b"the message is not JSON.",
    }
    assert steps.rated.count("XX") == 3
    assert len(await read(broker, "bills", 2, partitions=2)) == 2


async def test_refused_output_buries_its_message(pricing: ModuleType, broker: Broker) -> None:
    """V09: what the broker never takes goes to the dead letters with its reason; the next is billed."""
    topics(broker)
    steps = Steps(pricing)
    await send(broker, "orders", order(2))
    steps.before_sending = lambda: broker.fail_next("produce", TOO_LARGE)
    async with flowing(pricing, broker, steps) as flow:
        figures = flow._topics.of("orders")
        await until(lambda: figures.dead == 1)
        await send(broker, "orders", order(3))
        await until(lambda: figures.done == 1)

    letters = await read(broker, "orders.dlq", 1, partitions=2)
    assert [dict(each.headers)["error"][:12] for each in letters] == [b"NotAccepted:"]


async def test_broker_that_refuses_for_a_while_loses_nothing(pricing: ModuleType, broker: Broker) -> None:
    """V09: the broker fails requests and goes away in the middle; every order is billed."""
    topics(broker)
    steps = Steps(pricing)
    await send(broker, "orders", *(order(each) for each in range(20)))
    async with flowing(pricing, broker, steps, delivery_timeout_s=0.5, fetch_max=5) as flow:
        await until(lambda: len(steps.rated) > 3)
        broker.fail_next("produce", *[NOT_ENOUGH_REPLICAS] * 3)
        broker.go_down()
        await moment(20)
        broker.come_up()
        await until(lambda: flow._topics.of("orders").done >= 20, 20)

    bills = await read(broker, "bills", 999, partitions=2)
    by_id = {dict(each.headers)["message-id"]: json.loads(each.value)["order_id"] for each in bills}
    assert sorted(by_id.values()) == list(range(20))


async def test_taken_over_transaction_ends_the_module(tmp_path: Path, broker: Broker) -> None:
    """V09: who is fenced by another process of the same name stops with one clear error."""
    pricing = module_of("kafka_heavy/example.orchestrator.yaml", tmp_path, switches={"transactions": True})
    topics(broker)
    steps = Steps(pricing)
    await send(broker, "orders", order(1))
    flow = pricing.OrderPricing(
        find_rate=steps.find_rate,
        add_tax=steps.add_tax,
        settings=settings_of(pricing, broker.bootstrap, check_crcs=False),
    )
    await flow.start()
    broker.fail_next("produce", FENCED)
    with pytest.raises(pricing.Fenced):
        await flow.consume()
    await flow.stop()


# ── the reducer ──────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def folding(module: ModuleType, broker: Broker, folder: Path, **given: Any) -> Any:
    """The reducer at work, with its snapshots in a folder."""
    reducer = module.AccountBalances(
        snapshots=module.FolderSnapshots(folder), settings=settings_of(module, broker.bootstrap, **given)
    )
    async with reducer:
        task = asyncio.create_task(reducer.consume())
        yield reducer
    await task


def move(account: str, amount: int) -> dict[str, Any]:
    """A message that changes an account."""
    return {"account": account, "amount": amount, "at": "2026-03-31T14:05:00+00:00"}


async def test_messages_are_folded_by_key(balances: ModuleType, broker: Broker, tmp_path: Path) -> None:
    """V09: counts, sums, latest, highest and lowest values for each key, from two topics."""
    topics(broker)
    await send(broker, "moves", move("a", 5), move("b", 1), move("a", -2), b"poison", move("a", 4))
    await send(broker, "names", {"name": "Ada"}, {"name": "Ada L."}, key=b"a")
    async with folding(balances, broker, tmp_path) as reducer:
        await until(lambda: reducer._topics.of("moves").done == 4 and reducer._topics.of("names").done == 2)
        found, names = reducer.money_moved_states(), reducer.account_named_states()

    assert (found["a"].count, found["a"].sum_amount, found["a"].highest_amount, found["a"].lowest_amount) == (
        3, 7, 5, -2,
    )  # fmt: skip
    assert found["b"].sum_amount == 1
    assert names == {"a": balances.AccountNamedState(last_name="Ada L.")}
    assert [each.value for each in await read(broker, "moves.dlq", 1, partitions=2)] == [b"poison"]


async def test_death_at_any_moment_counts_every_message_once(
    balances: ModuleType, broker: Broker, tmp_path: Path
) -> None:
    """V09: the state and its offset are one file: after a sudden end each message counts once."""
    topics(broker)
    total = 0
    for turn in range(4):
        await send(broker, "moves", *(move("a", each) for each in range(10)))
        total += 45
        reducer = balances.AccountBalances(
            snapshots=balances.FolderSnapshots(tmp_path),
            settings=settings_of(
                balances,
                broker.bootstrap,
                group=f"g{turn}",
                commit_every_s=0.0 if turn % 2 else 60.0,
                fetch_max=7,
            ),
        )
        await reducer.start()
        task = asyncio.create_task(reducer.consume())
        await until(lambda reducer=reducer: reducer._topics.of("moves").done >= 10)
        if turn % 2 == 0:  # dies: nothing is saved or committed any more
            reducer._consumption._done.clear()
        task.cancel()
        await asyncio.wait({task})
        await reducer.stop()
    async with folding(balances, broker, tmp_path, group="last") as reducer:
        await until(lambda: (reducer.money_moved_states().get("a") or total) and _sum(reducer) == total)
        found = reducer.money_moved_states()["a"]

    assert (found.count, found.sum_amount) == (40, total)


def _sum(reducer: Any) -> int:
    state = reducer.money_moved_states().get("a")
    return state.sum_amount if state else 0


async def test_repeated_ids_count_once_across_a_restart(
    balances: ModuleType, broker: Broker, tmp_path: Path
) -> None:
    """V09: ids travel with the snapshot: a message sent twice counts once, also after a restart."""
    topics(broker)
    await send(broker, "moves", move("a", 5), ids=("m1",))
    async with folding(balances, broker, tmp_path) as reducer:
        await until(lambda: reducer._topics.of("moves").done == 1)
    await send(broker, "moves", move("a", 5), move("a", 2), ids=("m1", "m2"))
    async with folding(balances, broker, tmp_path) as reducer:
        await until(lambda: reducer._topics.of("moves").done == 2)
        found = reducer.money_moved_states()["a"]

    assert (found.count, found.sum_amount) == (2, 7)


async def test_late_owner_cannot_overwrite_a_newer_snapshot(balances: ModuleType, tmp_path: Path) -> None:
    """V09: a process that lost its partition long ago is fenced by the offset of the file."""
    store = balances.FolderSnapshots(tmp_path)
    place = balances.Partition("moves", 0)
    await store.save(place, balances.Snapshot(offset=9, states={"a": {"count": 1}}))

    with pytest.raises(balances.Fenced):
        await store.save(place, balances.Snapshot(offset=5, states={}))

    kept = await store.load(place)
    assert (kept.offset, kept.states) == (9, {"a": {"count": 1}})
    assert [path.name for path in tmp_path.iterdir()] == ["moves-0.json"]  # noqa: ASYNC240 - one file


async def test_damaged_snapshot_is_told_and_not_ignored(
    balances: ModuleType, broker: Broker, tmp_path: Path
) -> None:
    """V09: an unreadable snapshot never becomes an empty state."""
    (tmp_path / "moves-0.json").write_text('{"offset": 3')
    store = balances.FolderSnapshots(tmp_path)

    with pytest.raises(balances.WrongShape, match="snapshot"):
        await store.load(balances.Partition("moves", 0))
