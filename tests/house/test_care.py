from __future__ import annotations

import ast
import re

from tests.house.source import house, report, written_tests

NOQA = re.compile(r"#\s*noqa")
NOQA_GOOD = re.compile(r"#\s*noqa:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*\s+-\s+\S.{5,}")
IGNORE = re.compile(r"#\s*type:\s*ignore")
IGNORE_GOOD = re.compile(r"#\s*type:\s*ignore\[[a-z-]+(,\s*[a-z-]+)*\]\s+#\s+\S.{5,}")
BROAD = {"Exception", "BaseException"}

# Where everything may be caught: what happens there must not stop what goes on around it.
GUARDS = {
    "engine/executors/local.py": "kept, and raised when the other packs have come to rest",
    "kit/secrecy.py": "whatever the arguments of a record of the log do; logging would write them all",
    "store/writing.py": "belongs to one operation of a group, and is handed to who asked for it",
    "store/distant/writing.py": "likewise",
    "engine/runner.py": "the single guard of a run: whatever happens, the run comes to rest in a known state",
    "templates/worker_main.py": "whatever a foreign template makes fail becomes the refusal of one row",
    "variants/trial.py": "whatever a generated module fails with is what is asked for",
    "agents/serving.py": "the last line of defence of a tool: an unexpected error becomes a number",
    "api/problems.py": "the last line of defence of a request: an unexpected error becomes a number",
    "app/working.py": "one run's bug is no reason to leave the others; it is logged, and the run left alone",
    "cli/main.py": "the last line of defence: an unexpected error becomes a sentence and an exit code",
}


def test_silenced_rules_say_why() -> None:
    """A `noqa` names its rule and its reason: `# noqa: CODE - reason`."""
    faults = [
        f"{m.path}:{line} {text}"
        for m in (*house(), *written_tests())
        for line, text in m.comments()
        if NOQA.search(text) and not NOQA_GOOD.search(text)
    ]

    assert not faults, report(faults)


def test_silenced_types_say_why() -> None:
    """A `type: ignore` names its code and its reason."""
    faults = [
        f"{m.path}:{line} {text}"
        for m in (*house(), *written_tests())
        for line, text in m.comments()
        if IGNORE.search(text) and not IGNORE_GOOD.search(text)
    ]

    assert not faults, report(faults)


def test_nothing_is_caught_blindly() -> None:
    """No bare `except`, and `except Exception` only at a guard or where it is raised again."""
    faults = []
    for m in house():
        for node in ast.walk(m.tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = {ast.unparse(each) for each in names(node.type)}
            raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            if node.type is None or (caught & BROAD and not raises and m.path not in GUARDS):
                faults.append(f"{m.path}:{node.lineno}")

    assert not faults, report(faults)


def names(caught: ast.expr | None) -> list[ast.expr]:
    """The exceptions that an `except` clause names."""
    if caught is None:
        return []
    return caught.elts if isinstance(caught, ast.Tuple) else [caught]


def test_foreign_errors_keep_their_cause() -> None:
    """An error raised inside an `except` says `from`."""
    faults = [
        f"{m.path}:{inner.lineno}"
        for m in house()
        for node in ast.walk(m.tree)
        if isinstance(node, ast.ExceptHandler)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Raise) and isinstance(inner.exc, ast.Call) and inner.cause is None
    ]

    assert not faults, report(faults)


def test_assert_is_for_the_impossible() -> None:
    """An `assert` in the house says why it cannot fail, as its message or beside it."""
    faults = []
    for m in house():
        commented = {line for line, _ in m.comments()}
        faults += [
            f"{m.path}:{node.lineno}"
            for node in ast.walk(m.tree)
            if isinstance(node, ast.Assert) and node.msg is None and node.lineno not in commented
        ]

    assert not faults, report(faults)


def test_project_speaks_of_itself_only() -> None:
    """No file says "temporary" or "for now": either it is right or it is not in."""
    excuses = re.compile(r"\b(temporary hack|for now|TODO|FIXME|XXX)\b")
    faults = [
        f"{m.path}:{line} {text}"
        for m in (*house(), *written_tests())
        for line, text in m.comments()
        if excuses.search(text)
    ]

    assert not faults, report(faults)
