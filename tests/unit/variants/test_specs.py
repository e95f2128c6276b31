"""Specs are read strictly: everything wrong at once, with path, line and what was expected."""

from __future__ import annotations

import pytest

from weft.errors import BadSpec
from weft.variants.module_spec import ModuleSpec, python_type
from weft.variants.specs import read_spec, spec_of_row

GOOD = """\
name: order_store
kind: effect
description: Keeps orders and their lines.
variant: database_heavy
also: [api_heavy]
features: [connection_pool, transactions]
needs: [audit]
operations:
  - name: add_order
    does: db.write
    description: Insert one order.
    takes: {order_id: integer, total: number, note: {type: text, required: false}}
    gives: {id: integer}
    with: {sql: "INSERT INTO orders VALUES ($1, $2) RETURNING id", one: true}
  - name: orders
    does: db.read
    description: All orders.
    gives: [{id: integer, tags: "list[enum[a,b]]", made: datetime}]
settings: {pool_max: 50}
switches: {metrics: true}
"""
BAD = """\
name: "x\\nimport os"
kinda: 4
kind: efect
operations:
  - name: class
    does: db.rea
    takes: {class: integer, self: text, a: foo}
    gives: {}
  - 5
settings: 4
switches: {metrics: "on"}
"""


def problems(text: str) -> list[tuple[str, int]]:
    """Path and line of everything wrong."""
    with pytest.raises(BadSpec) as caught:
        read_spec(text, path="s.yaml")
    found = caught.value.facts["problems"]
    assert isinstance(found, list)
    return [(each["path"], each["line"]) for each in found]


def test_every_part_is_read() -> None:
    """A spec in YAML becomes a ModuleSpec with typed fields."""
    spec = read_spec(GOOD, path="s.yaml")

    assert (spec.name, spec.class_name, spec.file_name) == ("order_store", "OrderStore", "order_store.py")
    assert spec.also == ("api_heavy",)
    assert [each.name for each in spec.operations] == ["add_order", "orders"]
    assert [python_type(each) for each in spec.operations[0].takes] == ["int", "float", "str | None"]
    assert spec.operations[1].many
    assert [python_type(each) for each in spec.operations[1].gives or ()] == [
        "int",
        "list[Literal['a', 'b']]",
        "dt.datetime",
    ]
    assert spec.operations[0].given["one"] is True
    assert spec.line_of("operations.1.does") == 16
    assert spec.line_of("operations.1.nothing.there") == 15


def test_everything_wrong_is_told_at_once() -> None:
    """Each problem has its path and its line in the file."""
    assert sorted(problems(BAD)) == [
        ("description", 0),
        ("kind", 3),
        ("kinda", 2),
        ("name", 1),
        ("operations.0.description", 5),
        ("operations.0.does", 6),
        ("operations.0.gives", 8),
        ("operations.0.name", 5),
        ("operations.0.takes.a", 7),
        ("operations.1", 9),
        ("settings", 10),
        ("switches.metrics", 11),
    ]


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ("name: order_store\nname: b\n" + GOOD.split("\n", 1)[1], "name"),
        (GOOD.replace("orders\n", "add_order\n"), "operations.1.name"),
        (GOOD.replace("order_store", "json"), "name"),
        (GOOD.replace("orders\n", "start\n"), "operations.1.name"),
        (GOOD.replace("needs: [audit]", "needs: [audits]"), "needs"),
        (GOOD.replace("{order_id:", "{dt:"), "operations.0.takes.dt"),
        (GOOD + "---\nname: second\n", ""),
        ("- a list\n", ""),
        ("a: *b\n", ""),
        ("", "name"),
    ],
)
def test_slips_are_found(changed: str, path: str) -> None:
    """Keys said twice, names used twice or reserved, words that are none, several documents."""
    assert path in [found for found, _ in problems(changed)]


def test_leading_fence_is_no_problem() -> None:
    """A file may begin with `---`; lines count on."""
    assert read_spec("---\n" + GOOD, path="s.yaml").line_of("kind") == 3


def test_row_of_a_table_is_a_spec() -> None:
    """Cells hold words, JSON or YAML; a row gives the same spec as a file."""
    row = {
        "name": "order_store",
        "kind": "effect",
        "description": "Keeps orders and their lines.",
        "variant": "database_heavy",
        "also": '["api_heavy"]',
        "features": "connection_pool; transactions",
        "needs": "audit",
        "operations": '[{"name": "add_order", "does": "db.write", "description": "Insert one order.", "takes": {"order_id": "integer"}}]',
        "settings": "pool_max: 50",
        "switches": "metrics: true",
    }
    spec = spec_of_row(row, path="t.csv", line=7)

    assert isinstance(spec, ModuleSpec)
    assert (spec.features, spec.needs, spec.also) == (
        ("connection_pool", "transactions"),
        ("audit",),
        ("api_heavy",),
    )
    assert spec.settings == {"pool_max": 50}
    assert spec.operations[0].name == "add_order"
    assert spec.line_of("operations.0.name") == 7


def test_row_problems_have_the_line_of_the_row() -> None:
    """A cell that is no YAML, and a column nobody knows, are told with the row's line."""
    with pytest.raises(BadSpec, match="`operations`, line 9: is neither JSON nor YAML"):
        spec_of_row({"name": "a", "operations": "[{"}, path="t.csv", line=9)
    with pytest.raises(BadSpec, match="`nmae`, line 9: is not known here; did you mean `name`"):
        spec_of_row({"nmae": "a"}, path="t.csv", line=9)
