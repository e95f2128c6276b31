"""A generated module that sends and hears messages, against a broker that fails on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from tests.generated.kafka_broker import Broker, broker
from tests.generated.kafka_talk import committed, read, send, settings_of
from tests.generated.making import module_of
from tests.generated.waiting import moment, until

__all__ = ["broker"]
REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS, TOO_LARGE = 7, 19, 10


@pytest.fixture(scope="module")
def order_events(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The example module."""
    return module_of("kafka_heavy/example.yaml", tmp_path_factory.mktemp("events"))


@asynccontextmanager
async def listening(module: ModuleType, bootstrap: str, work: Any, seen: Any = None, **given: Any) -> Any:
    """The example module, started, with `consume` running beside."""
    settings = settings_of(module, bootstrap, **given)
    events = module.OrderEvents(payment_received=work, settings=settings, seen=seen)
    async with events:
        task = asyncio.create_task(events.consume())
        events.task = task
        yield events
    await task


@pytest.fixture
def patient_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a group's leader wait for the followers: a mock cluster refuses those who come after it."""
    assign = GroupCoordinator._perform_assignment

    async def patiently(self: Any, response: Any) -> Any:
        await moment(10)
        return await assign(self, response)

    monkeypatch.setattr(GroupCoordinator, "_perform_assignment", patiently)


def payment(number: int) -> dict[str, Any]:
    """A message that can be worked on."""
    return {"order_id": number, "amount": 2.0, "method": "card"}


def hearing(heard: list[Any]) -> Callable[[Any], Awaitable[None]]:
    """A listener that notes order ids."""

    async def work(message: Any) -> None:
        heard.append(message.order_id)

    return work


def topics(broker: Broker, partitions: int = 1) -> None:
    """Make the topics of the example."""
    for topic in ("orders", "refunds", "payments", "payments.dlq"):
        broker.make_topic(topic, partitions=partitions)


async def test_messages_go_out_typed_and_compressed(order_events: ModuleType, broker: Broker) -> None:
    """V09: key, id and content are written; many are grouped; each ends as a delivery."""
    topics(broker)
    broker.watch()
    async with listening(order_events, broker.bootstrap, hearing([])) as events:
        one = await events.publish_refund(refund_id="r1", order_id=7, amount=2.5, on=date(2026, 3, 31))
        many = await events.publish_order_all(
            [order_events.PublishOrderInput(order_id=each, total=1.0) for each in range(200)]
        )
        figures = events.metrics()["topics"]

    refund = (await read(broker, "refunds", 1))[0]
    assert (refund.key, json.loads(refund.value)) == (
        b"7",
        {"refund_id": "r1", "order_id": 7, "amount": 2.5, "on": "2026-03-31"},
    )
    assert dict(refund.headers)["message-id"] == b"r1" == one.message_id.encode()
    assert [each.offset for each in many] == list(range(200))
    assert figures["orders"]["sent"] == 200
    assert broker.seen()["produce"] < 60


async def test_poison_is_buried_and_the_next_is_worked_on(order_events: ModuleType, broker: Broker) -> None:
    """V09: unreadable, wrong and refused messages go to the dead-letter topic with their origin."""
    topics(broker)
    heard: list[int] = []

    async def work(message: Any) -> None:
        if message.order_id == 3:
            raise order_events.PoisonMessage("nobody knows this order")
        heard.append(message.order_id)

    await send(broker, "payments", payment(1), b"\xff not json", {"order_id": "x"}, payment(3), payment(4))
    async with listening(order_events, broker.bootstrap, work) as events:
        await until(lambda: len(heard) == 2)
        figures = events.metrics()["topics"]["payments"]

    letters = await read(broker, "payments.dlq", 3)
    told = [{name: value.decode() for name, value in letter.headers} for letter in letters]
    assert heard == [1, 4]
    assert [each["source-offset"] for each in told] == ["1", "2", "3"]
    assert {(each["source-topic"], each["source-partition"]) for each in told} == {("payments", "0")}
    assert [each["error"] for each in told] == [
        "the message is not JSON.",
        "`order_id` must be a whole number.",
        "nobody knows this order",
    ]
    assert letters[0].value == b"\xff not json"
    assert (figures["done"], figures["dead"]) == (2, 3)
    assert await committed(broker, "orders", "payments") == 5


async def test_failing_work_is_tried_again_then_buried(order_events: ModuleType, broker: Broker) -> None:
    """V09: work that fails twice is done the third time; what always fails is buried once."""
    topics(broker)
    tried: list[int] = []

    async def work(message: Any) -> None:
        tried.append(message.order_id)
        if message.order_id == 2 or tried.count(1) < 3:
            raise ValueError("not now")

    await send(broker, "payments", payment(1), payment(2))
    async with listening(order_events, broker.bootstrap, work):
        await until(lambda: tried.count(2) == 3)

    letters = await read(broker, "payments.dlq", 2)
    assert tried == [1, 1, 1, 2, 2, 2]
    assert [dict(letter.headers)["error"] for letter in letters] == [b"ValueError: not now"]


async def test_duplicates_are_done_once(order_events: ModuleType, broker: Broker) -> None:
    """V09: the same id in the same and in another partition is worked on once."""
    topics(broker, partitions=3)
    heard: list[int] = []

    for key in (b"a", b"b", b"c", b"a"):
        await send(broker, "payments", payment(1), payment(2), key=key, ids=("p1", "p2"))
    async with listening(order_events, broker.bootstrap, hearing(heard)) as events:
        await until(lambda: events._topics.of("payments").received == 8)

    assert sorted(heard) == [1, 2]
    assert events.metrics()["topics"]["payments"]["duplicates"] == 6


async def test_broker_away_at_the_start_is_told(order_events: ModuleType, broker: Broker) -> None:
    """V09: after the tries one clear error; with the broker back the same object starts."""
    topics(broker)
    broker.go_down()
    events = order_events.OrderEvents(
        payment_received=hearing([]), settings=settings_of(order_events, broker.bootstrap)
    )

    with pytest.raises(order_events.BrokerAway, match="tried 2 times"):
        await events.start()
    assert not (await events.health()).ok
    broker.come_up()
    async with events:
        assert (await events.health()).ok


async def test_broker_away_in_the_middle_loses_nothing(order_events: ModuleType, broker: Broker) -> None:
    """V09: a message on its way is told as unknown and arrives once; reading goes on afterwards."""
    topics(broker)
    heard: list[int] = []
    async with listening(order_events, broker.bootstrap, hearing(heard), delivery_timeout_s=0.3) as events:
        await events.publish_order(order_id=1, total=1.0)
        broker.go_down()
        with pytest.raises(order_events.OutcomeUnknown) as caught:
            await events.publish_order(order_id=2, total=1.0, message_id="second")
        broker.come_up()
        await until(lambda: events._topics.of("orders").sent == 2)
        await send(broker, "payments", payment(5))
        await until(lambda: heard == [5])

    arrived = [json.loads(each.value)["order_id"] for each in await read(broker, "orders", 3)]
    assert (caught.value.topic, caught.value.message_id) == ("orders", "second")
    assert arrived == [1, 2]


async def test_answers_lost_on_the_way_do_not_double_messages(
    order_events: ModuleType, broker: Broker
) -> None:
    """V09: the broker fails some requests; every message is in the log exactly once, in order."""
    topics(broker)
    async with listening(order_events, broker.bootstrap, hearing([])) as events:
        broker.fail_next("produce", NOT_ENOUGH_REPLICAS, REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS)
        for number in range(5):
            await events.publish_order(order_id=number, total=1.0)
        broker.fail_next("produce", TOO_LARGE)
        with pytest.raises(order_events.NotAccepted):
            await events.publish_order(order_id=99, total=1.0)

    arrived = [json.loads(each.value)["order_id"] for each in await read(broker, "orders", 6)]
    assert arrived == [0, 1, 2, 3, 4]


async def test_dead_letter_that_cannot_be_written_holds_the_message(
    order_events: ModuleType, broker: Broker
) -> None:
    """V09: while the broker takes nothing, poison is neither lost nor committed."""
    topics(broker)
    heard: list[int] = []
    await send(broker, "payments", b"poison", payment(2))
    async with listening(order_events, broker.bootstrap, hearing(heard), delivery_timeout_s=0.2) as events:
        broker.fail_next("produce", *[NOT_ENOUGH_REPLICAS] * 12)
        await until(lambda: heard == [2], 15)

    letters = await read(broker, "payments.dlq", 9)
    assert {each.value for each in letters} == {b"poison"}
    assert len({dict(each.headers)["message-id"] for each in letters}) == 1
    assert events.metrics()["topics"]["payments"]["dead"] == 1


@pytest.mark.usefixtures("patient_leader")
async def test_rebalance_loses_and_doubles_nothing(order_events: ModuleType, broker: Broker) -> None:
    """V09: a second member joins and leaves while messages are worked on; each is done once.

    A mock cluster refuses the commit that ends a member's share, which a real broker takes: what was
    done since the last one comes again, and the store that both members share leaves it out.
    """
    topics(broker, partitions=4)
    heard: list[int] = []
    others: list[int] = []
    seen = order_events.LatestSeen(1000)

    async def slowly(message: Any) -> None:
        await moment()
        heard.append(message.order_id)

    for start in range(0, 400, 50):
        numbers = range(start, start + 50)
        await send(
            broker, "payments", *map(payment, numbers), key=str(start).encode(), ids=tuple(map(str, numbers))
        )
    async with listening(order_events, broker.bootstrap, slowly, seen=seen, fetch_max=40):
        await until(lambda: len(heard) > 40)
        async with listening(order_events, broker.bootstrap, hearing(others), seen=seen, fetch_max=10):
            await until(lambda: len(others) > 20)
        await until(lambda: len(heard) + len(others) >= 400, 20)

    assert sorted(heard + others) == list(range(400))
    assert await committed(broker, "orders", "payments", 4) == 400


async def test_only_finished_messages_are_committed(order_events: ModuleType, broker: Broker) -> None:
    """V09: a process that dies in the middle of a message gets it again, and no earlier one."""
    topics(broker)
    heard: list[int] = []
    stuck = asyncio.Event()

    async def work(message: Any) -> None:
        if message.order_id == 3 and not stuck.is_set():
            stuck.set()
            await asyncio.Event().wait()
        heard.append(message.order_id)

    await send(broker, "payments", *map(payment, range(1, 6)))
    events = order_events.OrderEvents(
        payment_received=work, settings=settings_of(order_events, broker.bootstrap, stop_within_s=0.2)
    )
    await events.start()
    task = asyncio.create_task(events.consume())
    await stuck.wait()
    await events.stop()
    assert await committed(broker, "orders", "payments") == 2
    await asyncio.wait({task})
    async with listening(order_events, broker.bootstrap, work):
        await until(lambda: len(heard) == 5)

    assert heard == [1, 2, 3, 4, 5]


async def test_stop_finishes_the_current_message(order_events: ModuleType, broker: Broker) -> None:
    """V09: the message in hand ends and is committed; the next one stays for later."""
    topics(broker)
    heard: list[int] = []
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def work(message: Any) -> None:
        begun.set()
        await may_end.wait()
        heard.append(message.order_id)

    await send(broker, "payments", payment(1), payment(2))
    async with listening(order_events, broker.bootstrap, work) as events:
        await begun.wait()
        stopping = asyncio.create_task(events.stop())
        await asyncio.sleep(0)
        may_end.set()
        await stopping

    assert heard == [1]
    assert await committed(broker, "orders", "payments") == 1


async def test_stop_ends_in_time_while_the_broker_is_frozen(order_events: ModuleType, broker: Broker) -> None:
    """V09: a broker that holds its connections and says nothing cannot keep a stop waiting."""
    topics(broker)
    async with listening(
        order_events, broker.bootstrap, hearing([]), stop_within_s=0.2, request_timeout_s=0.5
    ):
        broker.freeze()
        began = asyncio.get_running_loop().time()
    took = asyncio.get_running_loop().time() - began
    broker.thaw()

    assert took < 3


async def test_pending_messages_have_a_bound(order_events: ModuleType, broker: Broker) -> None:
    """V09: with the broker silent the sender waits instead of filling the memory."""
    topics(broker)
    settings = {"max_pending": 10, "request_timeout_s": 9.0, "delivery_timeout_s": 9.0}
    async with listening(order_events, broker.bootstrap, hearing([]), **settings) as events:
        await events.publish_order(order_id=0, total=1.0)
        broker.freeze()
        calls = [asyncio.create_task(events.publish_order(order_id=each, total=1.0)) for each in range(50)]
        room = events._outbox._room
        await until(lambda: len(room._waiters or ()) == 40)
        waiting = len(room._waiters)
        broker.thaw()
        await asyncio.gather(*calls)

    assert waiting == 40


async def test_nothing_more_is_fetched_than_can_be_worked_on(
    order_events: ModuleType, broker: Broker
) -> None:
    """V09: while work stands still at most one round is in memory."""
    topics(broker)
    may_go = asyncio.Event()

    async def work(_: Any) -> None:
        await may_go.wait()

    await send(broker, "payments", *map(payment, range(60)))
    async with listening(order_events, broker.bootstrap, work, fetch_max=20) as events:
        figures = events._topics.of("payments")
        await until(lambda: figures.received == 1)
        await moment(20)
        held = figures.received
        may_go.set()
        await until(lambda: figures.done == 60)

    assert held == 1


async def test_without_dead_letters_poison_stops_the_module(tmp_path: Path, broker: Broker) -> None:
    """V09: switched off, the error comes out of `consume` and the offset stays."""
    module = module_of("kafka_heavy/example.yaml", tmp_path, switches={"dead_letter": False})
    topics(broker)
    await send(broker, "payments", payment(1), b"poison")
    heard: list[int] = []
    events = module.OrderEvents(
        payment_received=hearing(heard), settings=settings_of(module, broker.bootstrap)
    )

    async with events:
        with pytest.raises(module.PoisonMessage, match="not JSON"):
            await events.consume()

    assert heard == [1]
    assert await committed(broker, "orders", "payments") == 1


async def test_missing_codec_says_what_to_install(order_events: ModuleType, broker: Broker) -> None:
    """V09: gzip needs nothing; another codec without its library is one clear sentence."""
    events = order_events.OrderEvents(
        payment_received=hearing([]), settings=settings_of(order_events, broker.bootstrap, compression="lz4")
    )

    with pytest.raises(order_events.MissingLibrary, match=r"pip install aiokafka\[lz4\]"):
        await events.start()
