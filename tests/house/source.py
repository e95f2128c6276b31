"""The house as text: every module of weft and every test, parsed once for the house tests.

Knows files, syntax trees, comments and what a name's visibility is.
Refuses to know any rule: rules are in the test files beside it.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "weft"
TESTS = ROOT / "tests"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, eq=False)
class Module:
    """One Python file: its path relative to the package or the tests, its text and its tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """How many lines the file has."""
        return self.text.count("\n")

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones too."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node

    def classes(self) -> Iterator[ast.ClassDef]:
        """Every class, nested ones too."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef):
                yield node

    def public(self) -> Iterator[tuple[str, Function | ast.ClassDef]]:
        """Public functions, classes and methods with their dotted names."""
        yield from _public(self.tree.body, "")

    def comments(self) -> Iterator[tuple[int, str]]:
        """Line and text of every comment; text inside strings is no comment."""
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string

    def imports(self) -> Iterator[tuple[ast.stmt, str]]:
        """Every import statement with the dotted module that it names."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node, alias.name
            elif isinstance(node, ast.ImportFrom):
                yield node, node.module or ""

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Every call with the dotted text of what is called, such as `random.Random`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node, ast.unparse(node.func)


def _public(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body, f"{prefix}{node.name}.")


def _read(folder: Path, under: Path) -> tuple[Module, ...]:
    paths = sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)
    texts = [(path.relative_to(under).as_posix(), path.read_text(encoding="utf-8")) for path in paths]
    return tuple(Module(path, text, ast.parse(text, filename=path)) for path, text in texts)


@cache
def house() -> tuple[Module, ...]:
    """Every module of the package, paths relative to `src/weft`."""
    return _read(PACKAGE, PACKAGE)


@cache
def written_tests() -> tuple[Module, ...]:
    """Every file under `tests`, paths relative to it."""
    return _read(TESTS, TESTS)


def span(node: Function) -> int:
    """Lines of a function from `def` to its last statement, its docstring not counted."""
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None:
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


def report(faults: list[str]) -> str:
    """Faults as lines below each other, for an assertion's message."""
    return "\n" + "\n".join(sorted(faults))
