"""Operations that the spec itself computes, in every variant that serves them: the same spec works in all."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.generated.making import imported
from tests.generated.matrix import CACHE, LIBRARY, pairs

from weft.errors import BadSpec
from weft.variants.generating import Generated, generate
from weft.variants.proving import prove
from weft.variants.specs import read_spec

FEE: dict[str, Any] = {
    "name": "fee",
    "does": "pure",
    "description": "The fee of a price.",
    "takes": {"price": "number"},
    "gives": {"fee": "number", "high": "boolean"},
    "with": {"computes": ["fee = price * 0.1", "high = fee > 5"]},
}
ORDERED = {
    "name": "ordered",
    "does": "broker.consume",
    "description": "An order.",
    "gives": {"order": "text", "price": "number"},
    "with": {"topic": "orders"},
}
BILL = {
    "name": "bill",
    "does": "broker.produce",
    "description": "Tell the fee.",
    "takes": {"order": "text", "fee": "number"},
    "with": {"topic": "bills", "when": "high"},
}
STEP = {
    "name": "charge",
    "does": "flow.transition",
    "description": "Charge the fee.",
    "takes": {"order": "text", "fee": "number"},
    "gives": {"receipt": "text"},
}
SERVING = [pair for pair in pairs() if "pure" in pair.variant.serves]


def made(variant: str, kind: str, *operations: dict[str, Any]) -> Generated:
    """The module of a spec."""
    spec = {
        "name": "fees",
        "kind": kind,
        "description": "Know fees.",
        "variant": variant,
        "operations": list(operations),
    }
    return generate(read_spec(json.dumps(spec), path="fees.yaml"), library=LIBRARY)


def module(folder: Path, variant: str, kind: str, *operations: dict[str, Any]) -> ModuleType:
    """The module of a spec, imported."""
    return imported(made(variant, kind, *operations), folder)


def test_every_variant_that_serves_pure_operations_computes() -> None:
    """V29: `computes` is declared by all of them, so that a spec keeps its operations when it is joined."""
    without = [pair.name for pair in SERVING if "computes" not in pair.variant.operations_take["pure"].names]

    assert not without


async def test_calls_know_what_is_computed(tmp_path: Path) -> None:
    """V08: a computed operation needs no function of the caller's."""
    fees = module(tmp_path, "api_heavy", "effect", FEE).Fees()

    found = await fees.fee(price=100.0)

    assert (found.fee, found.high) == (10.0, True)


async def test_plan_goes_on_with_what_was_computed(tmp_path: Path) -> None:
    """V08: a later operation of an orchestrator takes what was computed."""
    twice = FEE | {"name": "again", "with": {**FEE["with"], "passes": ["price=fee.fee"]}}
    report = await module(tmp_path, "api_heavy", "orchestrator", FEE, twice).Fees().run(price=100.0)

    assert report.insist().again.fee == pytest.approx(1.0)


@pytest.mark.parametrize(("price", "sent"), [(100.0, [{"order": "o1", "fee": 10.0}]), (10.0, [])])
async def test_flow_of_messages_computes(tmp_path: Path, price: float, sent: list[Any]) -> None:
    """V09: a flow passes on what it computed, and asks it whether to send."""
    code = module(tmp_path, "kafka_heavy", "orchestrator", ORDERED, FEE, BILL)
    message = code.Incoming(
        code.Partition("orders", 0), 4, None, json.dumps({"order": "o1", "price": price}).encode(), ()
    )

    outgoing = await code.Fees().ordered(message)

    assert [json.loads(each.value) for each in outgoing] == sent


async def test_workflow_computes_between_its_steps(tmp_path: Path) -> None:
    """V12: a computed step is kept like any other, and its method need not be written."""
    code = module(tmp_path, "workflow", "orchestrator", FEE, STEP)
    charged: list[tuple[str, float]] = []

    class Steps:
        async def charge(self, call: Any, *, order: str, fee: float) -> Any:
            charged.append((order, fee))
            return code.ChargeResult(receipt="r1")

    settings = code.FeesSettings(store=f"sqlite:///{tmp_path}/fees.db")
    async with code.Fees(Steps(), settings=settings) as fees:
        outcome = await fees.run("w1", code.FeesInput(order="o1", price=100.0))
        moves = [(each["what"], each["went_to"]) for each in await fees.history("w1")]

    assert outcome.state == "finished"
    assert charged == [("o1", 10.0)]
    assert ("fee", "done") in moves


async def test_computation_that_fails_undoes_at_once(tmp_path: Path) -> None:
    """V12: the same computation would fail again, so it is not repeated and the steps before are undone."""
    share = FEE | {
        "name": "share",
        "gives": {"share": "number"},
        "with": {"computes": ["share = 1 / price"]},
    }
    first = STEP | {"takes": {"order": "text"}, "with": {"compensate": "pay_back"}}
    code = module(tmp_path, "workflow", "orchestrator", first, share)
    paid_back = []

    class Steps:
        async def charge(self, call: Any, *, order: str) -> Any:
            return code.ChargeResult(receipt="r1")

        async def pay_back(self, call: Any, output: Any, *, order: str) -> None:
            paid_back.append(output.receipt)

    settings = code.FeesSettings(store=f"sqlite:///{tmp_path}/fees.db")
    async with code.Fees(Steps(), settings=settings) as fees:
        outcome = await fees.run("w1", code.FeesInput(order="o1", price=0.0))

    assert outcome.state == "undone"
    assert paid_back == ["r1"]


def test_computed_step_has_no_method_of_the_user() -> None:
    """V29: `compensate` beside `computes` is refused: there is nothing to undo."""
    with pytest.raises(BadSpec, match="is written by `computes` and has no method of yours: `undo`"):
        made("workflow", "orchestrator", FEE | {"with": {**FEE["with"], "compensate": "undo"}}, STEP)


def test_computing_modules_pass_every_check() -> None:
    """V31, V47: computed operations alone, in a flow, in a plan, in a workflow, and with two variants."""
    modules = [
        made("api_heavy", "orchestrator", FEE),
        made("kafka_heavy", "orchestrator", ORDERED, FEE, BILL),
        made("kafka_heavy", "orchestrator", ORDERED, FEE),
        made("workflow", "orchestrator", FEE, STEP),
    ]
    CACHE.mkdir(parents=True, exist_ok=True)

    found = prove(modules, cache=CACHE)

    assert [str(failure) for proof in found for failure in proof.failures] == []
