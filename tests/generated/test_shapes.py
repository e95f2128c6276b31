"""Specs of odd shapes: every type of field, no operation at all, names that code likes to use itself."""

from __future__ import annotations

from typing import Any

import pytest
from tests.generated.matrix import CACHE, LIBRARY

from weft.errors import BadSpec
from weft.variants.generating import Generated, generate
from weft.variants.proving import prove
from weft.variants.specs import KINDS, spec_of_row

TYPES: dict[str, Any] = {
    "string": "string",
    "text": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "enum": "enum[x,y]",
    "date": "date",
    "datetime": "datetime",
    "email": "email",
    "url": "url",
    "list": "list[integer]",
    "lists": "list[list[enum[p,q]]]",
    "dates": "list[date]",
    "object": {"fields": {"z": "integer"}},
    "optional": {"type": "number", "required": False},
    "optional_date": {"type": "date", "required": False},
}
ODD = [
    ("open", "id", "type"),
    ("close", "name", "value"),
    ("watched", "kind", "clock"),
    ("type", "settings", "state2"),
    ("print", "port", "exc"),
    ("self_check", "row", "rows"),
    ("import_all", "module", "made"),
    ("do_run", "began", "ended"),
    ("admitted", "sleep", "rng"),
    ("x", "operation", "attempt"),
]
COMPUTED = {
    "name": "rated",
    "does": "pure",
    "description": "A field named like a level of logs.",
    "takes": {"level": "number", "text": "string"},
    "gives": {"total": "number", "second": "integer"},
    "with": {"computes": ["total = level * 2", "second = len(text.split())"]},
}
SHAPES: dict[str, list[dict[str, Any]]] = {
    "nothing": [],
    "types": [
        {
            "name": "all_types",
            "does": "pure",
            "description": "Every type.",
            "takes": {f"t_{name}": kind for name, kind in TYPES.items()},
            "gives": {f"g_{name}": kind for name, kind in TYPES.items()},
        },
        {
            "name": "many",
            "does": "db.read",
            "description": "A list of every type.",
            "gives": [{f"v_{name}": kind for name, kind in TYPES.items()}],
        },
    ],
    "computed": [COMPUTED],
    "partly": [COMPUTED, {**COMPUTED, "name": "by_hand", "gives": {"third": "integer"}, "with": None}],
    "names": [
        {
            "name": name,
            "does": "db.write",
            "description": "Odd.",
            "takes": {take: "integer"},
            "gives": {give: "integer"},
        }
        for name, take, give in ODD
    ],
}


def made(shape: str, variant: str, kind: str, *, switches: bool = True) -> Generated:
    """A module of one shape, with all that is on by default or with nothing that can be left out."""
    row: dict[str, Any] = {
        "name": "odd_one",
        "kind": kind,
        "description": "Odd.",
        "variant": variant,
        "operations": SHAPES[shape] or None,
    }
    if not switches:
        row["switches"] = {each.name: False for each in LIBRARY.pack("codegen").variants[variant].switches}
    return generate(spec_of_row(row, path="odd.yaml", line=1), library=LIBRARY)


def test_odd_shapes_pass_every_check() -> None:
    """V31: generic variants write sound modules for every type, for no operation, and for odd names."""
    modules = {
        f"{shape} {variant} {kind}": made(shape, variant, kind)
        for shape in SHAPES
        for variant in ("minimal", "standard", "production")
        for kind in KINDS
    }
    modules |= {
        f"{shape} {variant} {kind} without switches": made(shape, variant, kind, switches=False)
        for shape in ("computed", "partly")
        for variant in ("standard", "production")
        for kind in KINDS
    }
    CACHE.mkdir(parents=True, exist_ok=True)
    proofs = prove(list(modules.values()), cache=CACHE)
    failed = [
        f"{name}: {failure}"
        for name, proof in zip(modules, proofs, strict=True)
        for failure in proof.failures
    ]

    breaches = [
        f"{name}: {rule.name} line {each.line} {each.message}"
        for name, proof in zip(modules, proofs, strict=True)
        for rule in proof.module.compliance
        for each in rule.breaches
    ]

    assert not failed, "\n".join(failed[:20])
    assert not breaches, "\n".join(breaches[:20])


@pytest.mark.parametrize("variant", ["minimal", "standard", "production"])
@pytest.mark.parametrize("kind", ["effect", "orchestrator"])
def test_what_is_computed_is_no_part_of_the_port(variant: str, kind: str) -> None:
    """Effects and orchestrators write out what the spec computes, and ask the port for the rest."""
    code = made("partly", variant, kind).code

    assert "_port.by_hand(" in code
    assert "_port.rated(" not in code
    assert "total: float = level * 2" in code


def test_compute_without_result_is_refused() -> None:
    """An operation that computes nothing is told with its path."""
    row = {
        "name": "odd_one",
        "kind": "compute",
        "description": "Odd.",
        "variant": "minimal",
        "operations": [{"name": "go", "does": "pure", "description": "Go."}],
    }

    with pytest.raises(BadSpec, match=r"`operations.0.name`.*`go` computes nothing; say what it `gives`"):
        generate(spec_of_row(row, path="odd.yaml", line=1), library=LIBRARY)


def test_specialised_variant_without_operation_is_refused() -> None:
    """A variant for one concern needs something to do."""
    with pytest.raises(BadSpec, match="`database_heavy` needs something to do"):
        made("nothing", "database_heavy", "effect")
