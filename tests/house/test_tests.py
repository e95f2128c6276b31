from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.house.source import Function, Module, house, report, written_tests

PATCHES = re.compile(r"(^|\.)(patch|patch\.object|setattr)$")
CHECKS = re.compile(r"(^|\.)(raises|warns|approx|fail|deprecated_call)$")


def all_tests() -> Iterator[tuple[Module, Function]]:
    """Every test function with its file."""
    for m in written_tests():
        if m.path.rpartition("/")[2].startswith("test_"):
            for node in m.functions():
                if node.name.startswith("test_"):
                    yield m, node


def test_test_has_a_sentence() -> None:
    """Every test says in one sentence what holds."""
    faults = [f"{m.path}:{f.lineno} {f.name}" for m, f in all_tests() if not ast.get_docstring(f)]

    assert not faults, report(faults)


def test_test_name_is_a_phrase() -> None:
    """A test's name says subject and behaviour: at least two words after `test_`."""
    faults = [f"{m.path}:{f.lineno} {f.name}" for m, f in all_tests() if f.name.count("_") < 2]

    assert not faults, report(faults)


def checks_something(m: Module, f: Function) -> bool:
    """Whether a test asserts, expects an error, or calls a function of its file that does."""
    for node in ast.walk(f):
        if isinstance(node, ast.Assert | ast.Raise):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if (
                CHECKS.search(name)
                or "assert" in name.rpartition(".")[2]
                or name.rpartition(".")[2].startswith("check")
            ):
                return True
            local = next((g for g in m.functions() if g.name == name and g is not f), None)
            if local is not None and any(isinstance(inner, ast.Assert) for inner in ast.walk(local)):
                return True
    return False


def test_no_test_is_empty() -> None:
    """P50: every test checks something."""
    faults = [f"{m.path}:{f.lineno} {f.name}" for m, f in all_tests() if not checks_something(m, f)]

    assert not faults, report(faults)


def test_no_test_sleeps() -> None:
    """Tests wait for events or move a virtual clock; they never sleep for a while."""
    faults = [
        f"{m.path}:{call.lineno} {ast.unparse(call)}"
        for m in written_tests()
        for call, name in m.calls()
        if name in {"time.sleep", "sleep"} or (name == "asyncio.sleep" and not is_zero(call))
    ]

    assert not faults, report(faults)


def is_zero(call: ast.Call) -> bool:
    """Whether a sleep only yields."""
    return len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


def test_no_test_patches_the_house() -> None:
    """A test that replaces weft's own code tests something else: it uses a published fake."""
    faults = [
        f"{m.path}:{call.lineno}"
        for m in written_tests()
        for call, name in m.calls()
        if PATCHES.search(name) and call.args and ast.unparse(call.args[0]).strip("'\"").startswith("weft")
    ]

    assert not faults, report(faults)


def test_unit_tests_mirror_the_house() -> None:
    """`tests/unit/<room>/test_<file>.py` tests `<room>/<file>.py`."""
    files = {m.path for m in house()}
    faults = []
    for m in written_tests():
        if not m.path.startswith("unit/") or not m.path.rpartition("/")[2].startswith("test_"):
            continue
        room, _, name = m.path.removeprefix("unit/").rpartition("/")
        stem = name.removeprefix("test_").removesuffix(".py")
        if not any(is_about(path, room, stem) for path in files):
            faults.append(f"{m.path}: no such file in the house")

    assert not faults, report(faults)


def is_about(path: str, room: str, stem: str) -> bool:
    """Whether a test's stem starts with the file's, so that one file may have several test files."""
    folder, _, name = path.rpartition("/")
    file = name.removesuffix(".py").lstrip("_")
    below = folder.removeprefix(f"{room}/").partition("/")[0]  # a test may be about a whole drop-in folder
    return (folder == room and (stem == file or stem.startswith(f"{file}_"))) or stem == below
