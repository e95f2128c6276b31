"""What specs of database_heavy and workflow may get wrong, and hostile texts in them."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from typing import Any

import pytest
from tests.generated.making import PACK
from tests.generated.matrix import CACHE, LIBRARY, pairs

from weft.errors import BadSpec
from weft.variants.generating import Generated, generate
from weft.variants.library import VariantLibrary
from weft.variants.proving import prove
from weft.variants.specs import read_spec

WRITES = {"name": "add", "does": "db.write", "description": "Add.", "takes": {"a": "integer", "b": "string"}}
READS = {"name": "find", "does": "db.read", "description": "Find.", "takes": {"a": "integer"}}
STEP = {"name": "one", "does": "flow.transition", "description": "Do it.", "takes": {"a": "integer"}}
ROWS = {"gives": {"b": "string"}}
HOSTILE = "x\"'; DROP TABLE t; -- \\ {{ 7*7 }} {% raw %} \"\"\" \n'''"


def module(variant: str, kind: str, *operations: dict[str, Any], description: str = "Try it.") -> Generated:
    spec = {
        "name": "tried",
        "kind": kind,
        "description": description,
        "variant": variant,
        "operations": list(operations),
    }
    return generate(read_spec(json.dumps(spec), path="tried.yaml"), library=VariantLibrary())


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ({**WRITES, "with": {}}, "needs one of `sql`, `table` and `statements`"),
        ({**WRITES, "with": {"sql": "x", "table": "t", "many": True}}, "needs one of"),
        ({**WRITES, "with": {"sql": "x $1, $2", "key": "c"}}, "has the key `c`, which is none of its inputs"),
        ({**WRITES, "with": {"table": "t"}}, "add `many: true`"),
        (
            {**WRITES, "with": {"statements": [{"sql": "x"}], "many": True}},
            "give it a `key`, or one statement",
        ),
        ({**WRITES, **ROWS, "with": {"sql": "x", "many": True}}, "gives nothing back"),
        ({**WRITES, "with": {"sql": "x", "many": True, "isolation": "serializable"}}, "are for single calls"),
        ({**WRITES, "with": {"sql": "x $1, $2, $3"}}, r"has the place \$3, but uses 2 inputs"),
        ({**WRITES, "with": {"sql": "x $1", "uses": ["c"]}}, "`uses` of `add` names `c`"),
        ({**READS, "with": {"sql": "SELECT 1"}}, "needs `gives`"),
        ({**READS, **ROWS, "with": {"sql": "SELECT $2"}}, r"has the place \$2, but uses 1 inputs"),
    ],
)
def test_fault_in_a_statement_is_told(operation: dict[str, Any], said: str) -> None:
    """V29: what does not fit together in an operation is refused with a sentence, before any code is made."""
    with pytest.raises(BadSpec, match=said):
        module("database_heavy", "effect", operation)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([{**STEP, "gives": [{"b": "string"}]}], "a step gives one result"),
        ([STEP, {**STEP, "name": "two", "with": {"run": "one"}}], "two steps name the method `one`"),
        ([{**STEP, "takes": {"call": "integer"}}], "cannot take `call`"),
        (
            [STEP, {**STEP, "name": "two", "takes": {"a": "string"}}],
            "`a` is str in `two` and int in an earlier step",
        ),
        (
            [
                {**STEP, "name": each, "with": {"parallel_group": group}}
                for each, group in zip("xyz", "pqp", strict=True)
            ],
            "the parallel group `p` do not stand together",
        ),
        ([{**STEP, "with": {"when": "b > 1"}}], "there is no `b` here"),
        ([{**STEP, "with": {"when": "__import__('os')"}}], "`__import__`|'__import__' is not called"),
    ],
)
def test_fault_in_a_step_is_told(steps: list[dict[str, Any]], said: str) -> None:
    """V29: steps that cannot be driven are refused with a sentence, before any code is made."""
    with pytest.raises(BadSpec, match=said):
        module("workflow", "orchestrator", *steps)


def test_hostile_texts_stay_texts() -> None:
    """V31: whatever stands in a statement, a table's name or a description becomes a literal and nothing else."""
    hostile = module(
        "database_heavy",
        "effect",
        {**READS, **ROWS, "description": HOSTILE, "with": {"sql": f"SELECT '{HOSTILE}' AS b WHERE 1 = $1"}},
        {**WRITES, "with": {"table": HOSTILE, "many": True}},
        description=HOSTILE,
    )
    texts = [node.value for node in ast.walk(ast.parse(hostile.code)) if isinstance(node, ast.Constant)]

    assert any(f"SELECT '{HOSTILE}' AS b" in text for text in texts if isinstance(text, str))
    assert HOSTILE in texts
    assert any('x"";' in text or 'x""' in text for text in texts if isinstance(text, str))
    [proof] = prove([hostile])
    assert not proof.failures


def test_workflow_takes_operations_of_every_kind() -> None:
    """V12: a step may be called what it does, such as `http.call`; the caller's own code does it."""
    kinds = ["http.call", "db.write", "broker.produce", "pure", "flow.transition"]
    steps = [{**STEP, "name": f"s{place}", "does": kind} for place, kind in enumerate(kinds)]
    made = module("workflow", "orchestrator", *steps)

    assert [f"async def s{place}(self, call" in made.code for place in range(5)] == [True] * 5


def test_examples_of_both_variants_are_there() -> None:
    """V28: each kind has an example that documentation and tests use."""
    names = ["database_heavy/example.yaml", "database_heavy/example.reducer.yaml", "workflow/example.yaml"]

    assert [name for name in names if not (PACK / name).is_file()] == []


@pytest.mark.parametrize("first", ["api_heavy", "kafka_heavy"])
def test_workflow_joins_another_variant(first: str) -> None:
    """V47: an orchestrator that calls or listens can drive workflows too, and passes every check."""
    specs = {pair.variant.name: pair.spec() for pair in pairs() if pair.kind == "orchestrator"}
    operations = specs[first].operations + specs["workflow"].operations
    spec = replace(specs[first], name="joined", also=("workflow",), operations=operations, settings={})
    CACHE.mkdir(parents=True, exist_ok=True)
    [proof] = prove([generate(spec, library=LIBRARY)], cache=CACHE)

    assert not proof.failures, proof.failures
    assert "async def run_workflow(" in proof.module.code
