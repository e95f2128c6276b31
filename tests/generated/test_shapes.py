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


def made(shape: str, variant: str, kind: str) -> Generated:
    """A module of one shape."""
    row = {
        "name": "odd_one",
        "kind": kind,
        "description": "Odd.",
        "variant": variant,
        "operations": SHAPES[shape] or None,
    }
    return generate(spec_of_row(row, path="odd.yaml", line=1), library=LIBRARY)


def test_odd_shapes_pass_every_check() -> None:
    """V31: generic variants write sound modules for every type, for no operation, and for odd names."""
    modules = {
        f"{shape} {variant} {kind}": made(shape, variant, kind)
        for shape in SHAPES
        for variant in ("minimal", "standard", "production")
        for kind in KINDS
    }
    CACHE.mkdir(parents=True, exist_ok=True)
    proofs = prove(list(modules.values()), cache=CACHE)
    failed = [
        f"{name}: {failure}"
        for name, proof in zip(modules, proofs, strict=True)
        for failure in proof.failures
    ]

    assert not failed, "\n".join(failed[:20])


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
