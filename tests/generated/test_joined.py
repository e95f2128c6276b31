"""Features of two variants in one module: messages that cause calls, against both real services."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.generated.http_faults import Fault, faulty_shop
from tests.generated.kafka_broker import Broker, broker
from tests.generated.kafka_talk import committed, read, send, settings_of
from tests.generated.making import imported
from tests.generated.waiting import until

from weft.variants.generating import generate
from weft.variants.library import VariantLibrary
from weft.variants.proving import prove
from weft.variants.specs import read_spec

__all__ = ["broker"]
SPEC = """
name: order_bridge
kind: effect
description: Adds an order to the shop for every message, and tells of it.
variant: {variant}
also: [{also}]
operations:
  - name: add_order
    does: http.call
    description: Add an order.
    takes: {{total: number}}
    gives: {{order_id: integer}}
    with: {{method: POST, path: /orders, idempotency_key: true}}
  - name: order_wished
    does: broker.consume
    description: Somebody wants to order.
    gives: {{wish_id: text, total: number}}
    with: {{topic: wishes}}
  - name: order_added
    does: broker.produce
    description: Tell that an order was added.
    takes: {{wish_id: text, order_id: integer}}
    with: {{topic: added, id: wish_id}}
"""


@pytest.fixture(params=["api_heavy", "kafka_heavy"])
def bridge(request: pytest.FixtureRequest, tmp_path: Path) -> ModuleType:
    """The module, once with each of the two as the main variant."""
    also = {"api_heavy": "kafka_heavy", "kafka_heavy": "api_heavy"}[request.param]
    spec = read_spec(SPEC.format(variant=request.param, also=also), path="bridge.yaml")
    return imported(generate(spec, library=VariantLibrary()), tmp_path)


async def test_joined_features_work_together(bridge: ModuleType, broker: Broker) -> None:
    """V47: every wish becomes one order, though the shop loses answers and a wish comes twice."""
    for topic in ("wishes", "added", "wishes.dlq"):
        broker.make_topic(topic)
    wishes = [{"wish_id": f"w{each}", "total": float(each)} for each in range(1, 6)]
    await send(broker, "wishes", *wishes, wishes[0], ids=("1", "2", "3", "4", "5", "1"))
    async with faulty_shop() as shop:
        shop.fail(Fault(drop=True, does_it=True), Fault(status=500, does_it=True), Fault())

        async def work(wish: Any) -> None:
            found = await module.add_order(total=wish.total, idempotency_key=wish.wish_id)
            await module.order_added(wish_id=wish.wish_id, order_id=found.order_id)

        module = bridge.OrderBridge(
            order_wished=work, settings=settings_of(bridge, broker.bootstrap, base_url=shop.url)
        )
        async with module:
            task = asyncio.create_task(module.consume())
            await until(lambda: module._topics.of("wishes").received == 6)
            health = await module.health()
        await task

    told = await read(broker, "added", 5)
    assert sorted(dict(each.headers)["message-id"].decode() for each in told) == [
        "w1",
        "w2",
        "w3",
        "w4",
        "w5",
    ]
    assert (shop.added, shop.count("POST")) == (5, 7)
    assert set(health.checks) == {"running", "http", "broker"}
    assert await committed(broker, "order_bridge", "wishes") == 6


def test_joined_module_passes_every_check() -> None:
    """V47: no duplicate and no broken code, whichever of them is the main variant; both settings are there."""
    pairs = [("api_heavy", "kafka_heavy"), ("kafka_heavy", "api_heavy")]
    modules = [
        generate(
            read_spec(SPEC.format(variant=one, also=other), path="bridge.yaml"), library=VariantLibrary()
        )
        for one, other in pairs
    ]

    found = prove(modules)

    assert [str(failure) for proof in found for failure in proof.failures] == []
    assert all("base_url" in module.code and "bootstrap" in module.code for module in modules)


async def test_missing_listener_of_a_joined_module_is_told(tmp_path: Path) -> None:
    """V47: joined to others, listeners may be left out by who does not consume; who consumes is told."""
    spec = read_spec(SPEC.format(variant="api_heavy", also="kafka_heavy"), path="bridge.yaml")
    module = imported(generate(spec, library=VariantLibrary()), tmp_path)

    with pytest.raises(module.InvalidInput, match="hand in `order_wished`"):
        await module.OrderBridge().consume()
