"""The syntax tree of a template for Python source: what may stand in it, and its notes of origin.

Knows the allow-list of Jinja's nodes, filters and tests, and how every line of text and every
printed expression gets a note of its place before the template is compiled.
Refuses to run anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError, nodes
from jinja2.visitor import NodeTransformer

from weft.templates.source_filters import CLOSE, OPEN


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STATEMENTS = _words(
    "Template Output TemplateData If For Macro CallBlock FilterBlock With Block Extends Include Import "
    "FromImport Assign AssignBlock"
)
_EXPRESSIONS = _words(
    "Name NSRef Const Tuple List Dict Pair Keyword Getattr Getitem Slice Filter Test Compare Operand And Or Not "
    "Neg Pos Add Sub Mul FloorDiv Concat CondExpr Call"
)
TESTS = _words(
    "boolean defined divisibleby eq equalto even false float ge greaterthan gt in integer iterable le lessthan lt "
    "mapping ne none number odd sequence string true undefined == != > >= < <="
)
FILTERS = _words(
    "batch count d default dictsort first groupby items last length list lower map max min reject rejectattr "
    "replace reverse select selectattr slice sort sum title trim unique upper"
)
METHODS = _words("endswith get items keys lower removeprefix removesuffix split startswith upper values")


PRINTED, GLUED = "_printed", "_glued"  # filters that only this file puts into a tree


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is printed: a line of text in a template, or an expression."""

    file: str
    line: int
    is_text: bool


def vet(tree: nodes.Template, *, name: str, filters: Collection[str]) -> None:
    """Refuse what a template may not use.

    Raises:
        TemplateSyntaxError: with the line.
    """
    for node in _walk(tree):
        kind = type(node).__name__
        if kind not in _STATEMENTS and kind not in _EXPRESSIONS:
            raise TemplateSyntaxError(f"`{kind}` is not allowed here", node.lineno or 1, name)
        known = filters if isinstance(node, nodes.Filter) else TESTS
        if isinstance(node, nodes.Filter | nodes.Test) and node.name not in known:
            raise TemplateSyntaxError(f"there is no `{node.name}` to be used here", node.lineno, name)


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _walk(child)


def note(tree: nodes.Template, *, name: str, places: list[Place]) -> None:
    """Put a note of origin on every line of text and around every printed expression.

    Also turns the operator `~` into a filter that does not let plain text pass as code.

    Args:
        places: grows by every place; a note is a place's number in it.
    """
    _Gluing().visit(tree)
    for output in list(tree.find_all(nodes.Output)):
        noted: list[nodes.Expr] = []
        for child in output.nodes:
            if isinstance(child, nodes.TemplateData):
                noted.append(nodes.TemplateData(_noted_text(child, places, name), lineno=child.lineno))
                continue
            places.append(Place(name, child.lineno, is_text=False))
            number = nodes.Const(len(places) - 1, lineno=child.lineno)
            noted.append(nodes.Filter(child, PRINTED, [number], [], None, None, lineno=child.lineno))
        output.nodes = noted


class _Gluing(NodeTransformer):
    """Turns `a ~ b` into a filter, for Jinja's own would let plain text pass as code."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - the name that jinja calls
        """Put the filter in its place."""
        pieces = [self.visit(each) for each in node.nodes]
        glued = nodes.List(pieces, lineno=node.lineno)
        return nodes.Filter(glued, GLUED, [], [], None, None, lineno=node.lineno)


def _noted_text(data: nodes.TemplateData, places: list[Place], name: str) -> str:
    """Put a note behind the first visible character of each line."""
    noted = []
    for step, text in enumerate(data.data.split("\n")):
        line = text
        visible = len(line) - len(line.lstrip())
        if line.strip():
            places.append(Place(name, data.lineno + step, is_text=True))
            line = f"{line[: visible + 1]}{OPEN}{len(places) - 1}|{CLOSE}{line[visible + 1 :]}"
        noted.append(line)
    return "\n".join(noted)
