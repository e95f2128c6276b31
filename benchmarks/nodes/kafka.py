"""A module of kafka_heavy against a mock cluster, which speaks the protocol and keeps all in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from figures import Figure, generated, percentile_ms
from tests.generated.kafka_broker import Broker

PER_S = 10_000
WINDOW_S = 2.0
STEP_S = 0.001  # messages are handed over in steps of this, so that the pace does not come in gusts
BURST = 20_000
windows = count()


@contextmanager
def prepared() -> Iterator[Callable[[], list[Figure]]]:
    """Start a broker; yield what measures one window."""
    broker = Broker()
    try:
        with generated("kafka_heavy/example.yaml") as made:
            for topic in ("orders", "refunds", "payments", "payments.dlq"):
                broker.make_topic(topic, partitions=4)
            yield lambda: asyncio.run(window(made, broker.bootstrap))
    finally:
        broker.close()


async def window(made: Any, bootstrap: str) -> list[Figure]:
    """Measure sending at a pace, sending as fast as it goes, and working on what was sent."""
    heard = asyncio.Event()
    left = [BURST]

    async def work(_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            heard.set()

    settings = made.OrderEventsSettings(
        bootstrap=bootstrap, group=f"window{next(windows)}", linger_ms=2, fetch_max=2000, max_pending=50_000
    )
    async with made.OrderEvents(payment_received=work, settings=settings) as events:
        reached, took = await paced(made, events)
        orders, used = contents(made, BURST), time.process_time()
        burst = await timed(events.publish_order_all(orders), BURST)
        used = (time.process_time() - used) / BURST
        await events._outbox.post_all([payment(made, events) for _ in range(BURST)])  # noqa: SLF001 - its own topic
        consuming = asyncio.create_task(events.consume())
        worked = await timed(heard.wait(), BURST)
        await events.stop()
        await consuming
    return [
        Figure(
            name=f"messages at {PER_S:,}/s",
            value=reached,
            unit="/s",
            target=PER_S * 0.95,
            more_is_better=True,
        ),
        Figure(name="  95 % acknowledged within", value=percentile_ms(took, 0.95), unit="ms", target=10),
        Figure(name="messages sent at once", value=burst, unit="/s", target=PER_S, more_is_better=True),
        Figure(name="  processor time for each", value=used * 1e6, unit="µs"),
        Figure(
            name="messages read and worked on", value=worked, unit="/s", target=PER_S, more_is_better=True
        ),
    ]


async def paced(made: Any, events: Any) -> tuple[float, list[float]]:
    """Hand messages over at the pace of the target; durations are from when each was due."""
    took: list[float] = []
    outbox = events._outbox  # noqa: SLF001 - the acknowledgement is timed, not the task around it
    messages = [events._publish_order_message(each, None) for each in contents(made, int(PER_S * WINDOW_S))]  # noqa: SLF001
    began = time.perf_counter()
    pending = []
    for place, message in enumerate(messages):
        due = began + place / PER_S
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(max(wait, STEP_S))
        sent = await outbox.hand_over(message)
        sent.add_done_callback(lambda _, due=due: took.append(time.perf_counter() - due))
        pending.append(sent)
    await asyncio.gather(*pending)
    return len(took) / (time.perf_counter() - began), took


def contents(made: Any, number: int) -> list[Any]:
    """So many different orders."""
    return [made.PublishOrderInput(order_id=each, total=1.5, note="quick") for each in range(number)]


def payment(made: Any, events: Any) -> Any:
    """A message that the module itself reads."""
    return made.Outgoing(
        topic="payments",
        value=b'{"order_id": 7, "amount": 2.5, "method": "card"}',
        key=None,
        message_id=events._new_id(),  # noqa: SLF001 - as the module makes its own
    )


async def timed(work: Any, number: int) -> float:
    """How many a second something takes for so many."""
    began = time.perf_counter()
    await work
    return number / (time.perf_counter() - began)
