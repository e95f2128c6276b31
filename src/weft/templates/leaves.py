"""One file of a composed template as a leaf: its tree, its blocks, its macros and their values.

Knows how a node tells the file and the line that it comes from, which body of a block comes first
where files extend each other, and which values a macro's call gives. Refuses to lay trees together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

from weft.templates.syntax import STRIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One file's own tree.

    Attributes:
        number: 0 for the template itself.
        title: how people name it, such as `footer@1.0.0`.
        lines: its body line by line.
        first_line: physical line of the first of these.
    """

    number: int
    title: str
    tree: nodes.Template
    lines: Sequence[str]
    first_line: int

    def place(self, lineno: int | None) -> int:
        """The number that tells file and physical line of a line of this tree."""
        return self.number * STRIDE + self.first_line + (lineno or 1) - 1

    def find(self, kind: type[Any]) -> Iterator[Any]:
        """The statements of a kind at the top of the file."""
        return (each for each in self.tree.body if isinstance(each, kind))

    def references(self) -> list[Any]:
        """Every statement of the file that names another, in the order of lines."""
        return references(self.tree)


def references(tree: nodes.Template) -> list[Any]:
    """Every statement of a tree that names another file, in the order of lines."""
    return sorted(tree.find_all(_NAMING), key=lambda each: each.lineno)


_NAMING: Any = (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)


class Unfit(Exception):
    """Files do not fit together; says where and why."""

    def __init__(self, place: int, message: str, code: str = "composition") -> None:
        """Keep place (see `Leaf.place`), sentence and code."""
        super().__init__(message)
        self.place, self.message, self.code = place, message, code


def blocks_of(chain: Sequence[Leaf]) -> dict[str, list[tuple[Leaf, nodes.Block]]]:
    """Every block of files that extend each other, the most derived body first."""
    blocks: dict[str, list[tuple[Leaf, nodes.Block]]] = {}
    for depth, leaf in enumerate(chain):
        seen: set[str] = set()
        for block in leaf.tree.find_all(nodes.Block):
            if block.name in seen:
                raise Unfit(leaf.place(block.lineno), f"The block `{block.name}` stands here twice.")
            seen.add(block.name)
            blocks.setdefault(block.name, []).append((leaf, block))
        above = {each.name for base in chain[depth + 1 :] for each in base.tree.find_all(nodes.Block)}
        for block in leaf.find(nodes.Block) if depth + 1 < len(chain) else ():
            if block.name not in above:
                listed = ", ".join(f"`{name}`" for name in sorted(above)) or "none"
                told = f"`{chain[depth + 1].title}` has no block `{block.name}` to fill; it has {listed}."
                raise Unfit(leaf.place(block.lineno), told, "unknown_block")
    return blocks


def own_names(macro: nodes.Macro) -> frozenset[str]:
    """Parameters of a macro, and all that it sets itself."""
    inside = {name.name for name in macro.find_all(nodes.Name) if name.ctx in {"store", "param"}}
    return frozenset({parameter.name for parameter in macro.args} | inside)


def bound(macro: nodes.Macro, call: nodes.Call, place: int) -> dict[str, tuple[nodes.Expr, bool]]:
    """Parameter → its value, and whether that is the macro's own default."""
    names = [parameter.name for parameter in macro.args]
    takes = f"`{macro.name}` takes {', '.join(f'`{name}`' for name in names) or 'no values'}"
    if len(call.args) > len(names):
        raise Unfit(place, f"{takes}; {len(call.args)} are given.", "wrong_call")
    given: dict[str, tuple[nodes.Expr, bool]] = {
        name: (value, False) for name, value in zip(names, call.args, strict=False)
    }
    for keyword in call.kwargs:
        if keyword.key not in names or keyword.key in given:
            raise Unfit(place, f"{takes}; `{keyword.key}` is not wanted here.", "wrong_call")
        given[keyword.key] = (keyword.value, False)
    defaults = dict(zip(names[len(names) - len(macro.defaults) :], macro.defaults, strict=True))
    for name in names:
        if name not in given:
            if name not in defaults:
                raise Unfit(place, f"{takes}; `{name}` is missing.", "wrong_call")
            given[name] = (defaults[name], True)
    return given
