"""What a vetted body or expression says about itself: names, keys below them, loops, plain slots.

Knows syntax trees by the class names of their nodes, so that jinja2 stays behind its one door.
Refuses to know which names are right: the tree says what it needs, `template.py` what there is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weft.templates.flaws import Flaw

STRIDE = 1_000_000  # a line number is its file's number times this, plus the physical line


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a body where one value stands: a name and the keys below it.

    Attributes:
        keys: such as `("email", "body")` for `{{ email.body }}`.
        line: physical line in the file.
    """

    keys: tuple[str, ...]
    line: int

    @property
    def name(self) -> str:
        """The keys joined by dots."""
        return ".".join(self.keys)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a body or an expression says about itself.

    Attributes:
        flaws: what is wrong with it; with any, the rest is empty.
        names: every name it needs from outside, with the physical line of its first use.
        slots: every name with the keys below it, in the order of the text.
        listed: names that a loop walks.
        plain: texts and slots in turn where the body is nothing else; `None` where it has
            logic or filters.
        places: what each file is called in complaints; the first is the template's own place, and
            with more than one every line here tells its file too, see `where`.
    """

    flaws: tuple[Flaw, ...] = ()
    names: Mapping[str, int] | None = None
    slots: tuple[Slot, ...] = ()
    listed: frozenset[str] = frozenset()
    plain: tuple[str | Slot, ...] | None = None
    places: tuple[str, ...] = ()

    def where(self, line: int) -> tuple[str, int]:
        """The place and the physical line that a line of this reading stands for."""
        return where(line, self.places)


def where(line: int, places: Sequence[str]) -> tuple[str, int]:
    """The file that a line of a composed text stands for, by its place, and its line there.

    >>> where(3, ["body"]), where(2_000_003, ["body", "a", "b"])
    (('body', 3), ('b', 3))
    """
    number, physical = divmod(line, STRIDE)
    return (places[number] if number < len(places) else ""), physical


def read_tree(tree: Any, needed: Collection[str], *, first_line: int) -> Reading:
    """Read a vetted syntax tree.

    Args:
        tree: a jinja2 `Template` node.
        needed: names that the tree takes from outside.
        first_line: physical line of its first line.
    """
    slots: list[Slot] = []
    listed: set[str] = set()
    _collect(tree, first_line, slots, listed)
    known = tuple(slot for slot in slots if slot.keys[0] in needed)
    names: dict[str, int] = {}
    for slot in known:
        names.setdefault(slot.keys[0], slot.line)
    return Reading((), names, known, frozenset(listed.intersection(needed)), _plain(tree, first_line))


def _collect(node: Any, first_line: int, slots: list[Slot], listed: set[str]) -> None:
    """Gather slots in the order of the text; safe to recurse, for the depth is vetted."""
    kind = type(node).__name__
    keys = _keys(node)
    if keys:
        slots.append(_slot(node, keys, first_line))
        return
    if kind == "For" and type(node.iter).__name__ == "Name":
        listed.add(node.iter.name)
    children = list(node.iter_child_nodes())
    if kind == "Call" and type(node.node).__name__ == "Getattr":
        children[0] = node.node.node  # `topic.strip()` uses `topic`, not `topic.strip`
    for child in children:
        _collect(child, first_line, slots, listed)


def _keys(node: Any) -> tuple[str, ...]:
    """`("a", "b")` for `a.b` or `a["b"]` that is read; empty for anything else."""
    kind = type(node).__name__
    if kind == "Name":
        return (node.name,) if node.ctx == "load" else ()
    if kind == "Getattr":
        key = node.attr
    elif kind == "Getitem" and type(node.arg).__name__ == "Const" and isinstance(node.arg.value, str):
        key = node.arg.value
    else:
        return ()
    above = _keys(node.node)
    return (*above, key) if above else ()


def _slot(node: Any, keys: tuple[str, ...], first_line: int) -> Slot:
    return Slot(keys, first_line + (node.lineno or 1) - 1)


def _plain(tree: Any, first_line: int) -> tuple[str | Slot, ...] | None:
    parts: list[str | Slot] = []
    for output in tree.body:
        if type(output).__name__ != "Output":
            return None
        for node in output.nodes:
            keys = _keys(node)
            if type(node).__name__ == "TemplateData":
                parts.append(node.data)
            elif keys:
                parts.append(_slot(node, keys, first_line))
            else:
                return None
    return tuple(parts)
