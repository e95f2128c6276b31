"""What the selector of messages accepts in a spec: flows and folds that cannot work are told by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.generated.making import PACK, imported

from weft.errors import BadSpec
from weft.variants.generating import Generated, generate
from weft.variants.library import VariantLibrary
from weft.variants.specs import read_spec


def generated(text: str) -> Generated:
    """The module of a spec."""
    return generate(read_spec(text, path="flow.yaml"), library=VariantLibrary())


def test_value_that_nobody_gives_is_told() -> None:
    """V29: a step that takes what neither the message nor an earlier step gives."""
    text = (PACK / "kafka_heavy/example.orchestrator.yaml").read_text(encoding="utf-8")

    with pytest.raises(BadSpec, match="no step of the flow before `send_bill` gives `amount`"):
        generated(text.replace("gives: {amount: number}", "gives: {price: number}"))


def test_fold_over_an_unknown_field_is_told() -> None:
    """V29: a sum over a field that the messages have not."""
    text = (PACK / "kafka_heavy/example.reducer.yaml").read_text(encoding="utf-8")

    with pytest.raises(BadSpec, match="the messages of `money_moved` have no `total`"):
        generated(text.replace("sum: [amount]", "sum: [total]"))


def test_consuming_without_a_topic_is_told() -> None:
    """V29: what an operation needs under `with` is named."""
    text = (PACK / "kafka_heavy/example.yaml").read_text(encoding="utf-8")

    with pytest.raises(BadSpec, match="topic"):
        generated(text.replace("with: {topic: payments}", "with: {key: order_id}"))


def test_messages_need_no_fields(tmp_path: Path) -> None:
    """V09: without `gives` the listener gets the message as it came; a module may only listen."""
    text = """
name: raw_listener
kind: effect
description: Hears everything.
variant: kafka_heavy
operations:
  - {name: first, does: broker.consume, description: Hears one topic., with: {topic: a}}
  - {name: second, does: broker.consume, description: Hears another., with: {topic: b}}
"""
    module = imported(generated(text), tmp_path)
    module.smoke_test()

    assert set(module.smoke_test.__globals__) >= {"Consumption", "Incoming"}


def test_sending_alone_joins_no_group(tmp_path: Path) -> None:
    """V09: a module that only sends has no consumer and no settings of one."""
    text = (PACK / "kafka_heavy/example.yaml").read_text(encoding="utf-8")
    sending, _, _ = text.partition("  - name: payment_received")

    module = imported(generated(sending), tmp_path)
    module.smoke_test()

    assert not hasattr(module, "Consumption")
    assert not hasattr(module.OrderEventsSettings(), "fetch_max")
