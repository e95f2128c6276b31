from __future__ import annotations

import ast
import re

import pytest
from tests.house.source import house, report

DRAWERS = frozenset({
    "manager", "managers", "handler", "handlers", "processor", "processors", "helper", "helpers", "service",
    "services", "util", "utils", "common", "core", "misc", "data", "info", "item", "items", "object", "objects", "impl",
})  # fmt: skip
RETIRED = frozenset({"batch", "batches"})
SUFFIXES = ("Factory", "Client", "Wrapper", "Mixin", "Throttler", "Tracker", "Repository", "Callback")

# Public names that a forbidden word stands in for a good reason.
ALLOWED: dict[str, str] = {
    "remote/client.py: AsyncClient": "what scripts that ask a server have always called it",
    "remote/plain.py: Client": "likewise: `weft.Client(url)`",
    "api/connections.py: PatientProtocol.data_received": "the name that asyncio calls",
    "testing/mock_wire.py: Wire.data_received": "the name that asyncio calls",
}


def words(name: str) -> list[str]:
    """Split a name into its lower-case words.

    >>> words("TtlLruCache"), words("read_rows")
    (['ttl', 'lru', 'cache'], ['read', 'rows'])
    """
    parts = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+", name)
    return [part.lower() for part in parts]


def public_names() -> list[tuple[str, str]]:
    """Place and last word group of every public module, class, function and method."""
    found = []
    for m in house():
        stem = m.path.removesuffix(".py").removesuffix("/__init__")
        found += [(m.path, part) for part in stem.split("/") if part != "__init__"]
        found += [(f"{m.path}: {name}", name.rpartition(".")[2]) for name, _ in m.public()]
    return found


@pytest.mark.parametrize("forbidden", [DRAWERS, RETIRED], ids=["drawers", "retired"])
def test_names_use_no_forbidden_word(forbidden: frozenset[str]) -> None:
    """No module, class or public function is named like a drawer, and none says batch."""
    faults = [
        f"{place}: `{word}`"
        for place, name in public_names()
        for word in words(name)
        if word in forbidden and place not in ALLOWED
    ]

    assert not faults, report(sorted(set(faults)))


def test_class_names_have_no_empty_suffix() -> None:
    """A class is called by what it is, not by the pattern it follows."""
    faults = [
        f"{m.path}: {name}"
        for m in house()
        for name, node in m.public()
        if isinstance(node, ast.ClassDef) and name.endswith(SUFFIXES) and f"{m.path}: {name}" not in ALLOWED
    ]

    assert not faults, report(faults)


def test_no_class_is_named_after_its_room() -> None:
    """The room is in the import already: no `TablesReader`, no `StoreLedger`."""
    faults = [
        f"{m.path}: {each.name}"
        for m in house()
        for each in m.classes()
        if "/" in m.path and words(each.name)[:1] == [m.path.partition("/")[0]]
    ]

    assert not faults, report(faults)


def test_exceptions_are_named_by_what_happened() -> None:
    """Errors live in `errors.py` and none but the root ends in Error."""
    faults = [
        f"{m.path}: {each.name}"
        for m in house()
        for each in m.classes()
        if not each.name.startswith("_")
        and each.name.endswith(("Error", "Exception"))
        and each.name != "WeftError"
    ]

    assert not faults, report(faults)
