"""One tree out of many files: base templates, blocks, includes and macros laid into the body.

Knows what `extends`, `block`, `super()`, `include`, `import` and a macro's call stand for, and puts
exactly that in their place before anything is measured, compiled or run. What runs is therefore an
ordinary body: every bound on bodies holds for the whole. Names of a macro are made its own, and
every node says by its line number which file it stands in. Refuses to find files and to judge nodes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import nodes

from weft.templates.leaves import Leaf, Unfit, blocks_of, bound, own_names
from weft.templates.pieces import MAX_CHAIN

MAX_COPIED = 4_000  # nodes laid out at most; twice what a vetted tree may have
OWN_NAME = re.compile(r"^_[0-9]+_")  # what stands before a name that is a macro's own
_ALONE = re.compile(r"\s*\{%[-+]?\s*include\b[^%]*[^%-]%\}\s*")


def is_composed(tree: nodes.Template) -> bool:
    """Whether a tree holds anything that `flatten` replaces."""
    return tree.find(_COMPOSING) is not None


_COMPOSING: Any = (nodes.Extends, nodes.Block, nodes.Include, nodes.Import, nodes.FromImport, nodes.Macro)


def flatten(own: Leaf, leaves: Mapping[str, Leaf]) -> nodes.Template:
    """Lay a template and everything that it is composed of into one tree.

    Args:
        own: the template itself.
        leaves: every file that it, or one of them, names; each vetted for itself.

    Raises:
        Unfit: if they do not fit together, go in a circle or become too much.
    """
    for leaf in (own, *leaves.values()):
        for node in leaf.references():
            _leaf_of(node.template, leaves, leaf.place(node.lineno))
    _Flattener(leaves).try_macros(own)
    return nodes.Template(_Flattener(leaves).whole(own, _Frame(leaf=own)), lineno=1)


def _leaf_of(named: nodes.Expr, leaves: Mapping[str, Leaf], place: int) -> Leaf:
    ref = named.value if isinstance(named, nodes.Const) else ""
    if ref not in leaves:
        raise Unfit(place, f"The template `{ref}` is not at hand.", "unknown_template")
    return leaves[ref]


# ── the place where a node is laid ───────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Macro:
    leaf: Leaf
    node: nodes.Macro
    is_imported: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """Where a node is copied to, and what its names mean there.

    Attributes:
        leaf: the file that the node stands in.
        blocks: name → the bodies of that block, the most derived first.
        block: name and depth of the block that is being filled, for `super()`.
        names: a macro's own names → the names that this call of it has for them.
        loops: names that loops around the place give.
        macros: titles of the macros that are being laid out.
        files: titles of files that are being laid out.
    """

    leaf: Leaf
    blocks: Mapping[str, Sequence[tuple[Leaf, nodes.Block]]] | None = None
    block: tuple[str, int] = ("", 0)
    names: Mapping[str, str] | None = None
    loops: frozenset[str] = frozenset()
    macros: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class _Flattener:
    """Copies nodes to where they belong; counts them, for a few lines can stand for very many."""

    def __init__(self, leaves: Mapping[str, Leaf]) -> None:
        self._leaves = leaves
        self._copied = 0
        self._calls = 0

    def whole(self, leaf: Leaf, frame: _Frame) -> list[nodes.Node]:
        """One file, in the layout of what it extends."""
        if len(frame.files) > MAX_CHAIN:
            raise Unfit(leaf.place(1), f"Templates use each other more than {MAX_CHAIN} deep.", "too_complex")
        chain = self._chain(leaf)
        inner = replace(frame, blocks=blocks_of(chain), files=(*frame.files, leaf.title))
        laid: list[nodes.Node] = []
        for each in chain[:-1]:
            laid += self._statements(list(each.find(nodes.Assign)), replace(inner, leaf=each))
        return laid + self._statements(chain[-1].tree.body, replace(inner, leaf=chain[-1]))

    def _chain(self, leaf: Leaf) -> list[Leaf]:
        chain = [leaf]
        while (extends := next(chain[-1].find(nodes.Extends), None)) is not None:
            place = chain[-1].place(extends.lineno)
            chain.append(self._leaf(extends.template, place))
            if len(chain) > MAX_CHAIN or chain[-1].title in {each.title for each in chain[:-1]}:
                told = " → ".join(each.title for each in chain)
                raise Unfit(place, f"Templates extend each other without end: {told}.", "cycle")
        return chain

    def _leaf(self, named: nodes.Expr, place: int) -> Leaf:
        return _leaf_of(named, self._leaves, place)

    def try_macros(self, leaf: Leaf) -> None:
        """Lay out every macro of a file once, so that a wrong one is found before anybody calls it."""
        for macro in leaf.find(nodes.Macro):
            call = nodes.Call(
                None,
                [nodes.Const(None, lineno=macro.lineno) for _ in macro.args],
                [],
                None,
                None,
                lineno=macro.lineno,
            )
            self._call(_Macro(leaf, macro, is_imported=False), call, _Frame(leaf=leaf))

    # ── statements ───────────────────────────────────────────────────────────────────────────────

    def _statements(self, found: Sequence[nodes.Node], frame: _Frame) -> list[nodes.Node]:
        laid: list[nodes.Node] = []
        for node in found:
            match node:
                case nodes.Extends() | nodes.Import() | nodes.FromImport() | nodes.Macro():
                    continue
                case nodes.Block():
                    laid += self._block(node.name, 0, frame, node=node)
                case nodes.Include():
                    laid += self._include(node, frame)
                case nodes.Output():
                    laid += self._output(node, frame)
                case nodes.For():
                    laid.append(self._loop(node, frame))
                case nodes.If():
                    laid.append(self._choice(node, frame))
                case _:
                    laid.append(self._copy(node, frame))
        return laid

    def _loop(self, node: nodes.For, frame: _Frame) -> nodes.Node:
        given = {
            each.name
            for each in (node.target, *node.target.find_all(nodes.Name))
            if isinstance(each, nodes.Name)
        }
        inner = replace(frame, loops=frame.loops | given | {"loop"})
        return nodes.For(
            self._copy(node.target, frame),
            self._copy(node.iter, frame),
            self._statements(node.body, inner),
            self._statements(node.else_, frame),
            None if node.test is None else self._copy(node.test, frame),
            node.recursive,
            lineno=frame.leaf.place(node.lineno),
        )

    def _choice(self, node: nodes.If, frame: _Frame) -> nodes.Node:
        return nodes.If(
            self._copy(node.test, frame),
            self._statements(node.body, frame),
            [self._choice(each, frame) for each in node.elif_],
            self._statements(node.else_, frame),
            lineno=frame.leaf.place(node.lineno),
        )

    def _output(self, node: nodes.Output, frame: _Frame) -> list[nodes.Node]:
        """An output, cut where it calls a macro or `super()`."""
        laid: list[nodes.Node] = []
        for each in node.nodes:
            expanded = self._expanded(each, frame)
            if expanded is not None:
                laid += expanded
            elif laid and isinstance(laid[-1], nodes.Output):
                laid[-1].nodes.append(self._copy(each, frame))
            else:
                copied = self._copy(each, frame)
                laid.append(nodes.Output([copied], lineno=frame.leaf.place(node.lineno)))
        return laid

    def _expanded(self, node: nodes.Expr, frame: _Frame) -> list[nodes.Node] | None:
        """What a call stands for; `None` for any other expression."""
        if not isinstance(node, nodes.Call):
            return None
        callee = node.node
        if isinstance(callee, nodes.Name) and callee.name == "super":
            name, depth = frame.block
            place = frame.leaf.place(node.lineno)
            if node.args or node.kwargs or not name:
                raise Unfit(place, "`super()` stands inside a block and takes no values.")
            return self._block(name, depth + 1, frame, node=node)
        macro = self._macro(callee, frame)
        return None if macro is None else self._call(macro, node, frame)

    # ── blocks and includes ──────────────────────────────────────────────────────────────────────

    def _block(self, name: str, depth: int, frame: _Frame, *, node: nodes.Node) -> list[nodes.Node]:
        place = frame.leaf.place(node.lineno)
        self._count(place)
        filling = (frame.blocks or {})[name]
        if depth >= len(filling):
            raise Unfit(
                place, f"There is no block `{name}` above this one, so `super()` has nothing to write."
            )
        leaf, found = filling[depth]
        inner = replace(frame, leaf=leaf, block=(name, depth))
        return self._scoped(self._statements(found.body, inner), place)

    def _include(self, node: nodes.Include, frame: _Frame) -> list[nodes.Node]:
        place = frame.leaf.place(node.lineno)
        self._count(place)
        leaf = self._leaf(node.template, place)
        if leaf.title in frame.files:
            told = " → ".join((*frame.files[frame.files.index(leaf.title) :], leaf.title))
            raise Unfit(place, f"Templates include each other in a circle: {told}.", "cycle")
        laid = self.whole(leaf, replace(frame, leaf=leaf, block=("", 0)))
        lines = frame.leaf.lines
        if node.lineno < len(lines) and _ALONE.fullmatch(lines[node.lineno - 1]):
            # the end of a line with nothing but a statement is taken away; the text needs its own
            laid.append(nodes.Output([nodes.TemplateData("\n", lineno=place)], lineno=place))
        return self._scoped(laid, place)

    def _scoped(self, laid: list[nodes.Node], place: int) -> list[nodes.Node]:
        """Keep what is set inside from being seen outside."""
        sets = any(isinstance(each, nodes.Assign) or each.find(nodes.Assign) for each in laid)
        return [nodes.Scope(laid, lineno=place)] if sets else laid

    # ── macros ───────────────────────────────────────────────────────────────────────────────────

    def _macro(self, callee: nodes.Expr, frame: _Frame) -> _Macro | None:
        place = frame.leaf.place(callee.lineno)
        if isinstance(callee, nodes.Name):
            for macro in frame.leaf.find(nodes.Macro):
                if macro.name == callee.name:
                    return _Macro(frame.leaf, macro, is_imported=False)
            for imported in frame.leaf.find(nodes.FromImport):
                for each in imported.names:
                    name, alias = (each, each) if isinstance(each, str) else each
                    if alias == callee.name:
                        return self._imported(self._leaf(imported.template, place), name, place)
        if isinstance(callee, nodes.Getattr) and isinstance(callee.node, nodes.Name):
            for module in frame.leaf.find(nodes.Import):
                if module.target == callee.node.name:
                    return self._imported(self._leaf(module.template, place), callee.attr, place)
        return None

    def _imported(self, leaf: Leaf, name: str, place: int) -> _Macro:
        known = [macro.name for macro in leaf.find(nodes.Macro)]
        for macro in leaf.find(nodes.Macro):
            if macro.name == name:
                return _Macro(leaf, macro, is_imported=True)
        told = f"its macros are {', '.join(f'`{each}`' for each in known)}" if known else "it has none"
        raise Unfit(place, f"`{leaf.title}` has no macro `{name}`; {told}.", "unknown_macro")

    def _call(self, macro: _Macro, call: nodes.Call, frame: _Frame) -> list[nodes.Node]:
        place = frame.leaf.place(call.lineno)
        title = f"{macro.node.name} of {macro.leaf.title}"
        if title in frame.macros:
            told = " → ".join((*frame.macros[frame.macros.index(title) :], title))
            raise Unfit(place, f"A macro may not call itself: {told}.", "cycle")
        if len(frame.macros) >= MAX_CHAIN:
            raise Unfit(place, f"Macros call each other more than {MAX_CHAIN} deep.", "too_complex")
        self._count(place)
        self._calls += 1
        own = own_names(macro.node)
        self._check_free(macro, own, frame, place)
        names = {name: f"_{self._calls}_{name}" for name in own}  # no template can write such a name
        inner = _Frame(
            leaf=macro.leaf, names=names, loops=frame.loops, macros=(*frame.macros, title), files=frame.files
        )
        given = bound(macro.node, call, place)
        laid: list[nodes.Node] = []
        for parameter in macro.node.args:
            value, is_default = given[parameter.name]
            copied = self._copy(value, inner if is_default else frame)
            laid.append(
                nodes.Assign(nodes.Name(names[parameter.name], "store", lineno=place), copied, lineno=place)
            )
        return [nodes.Scope(laid + self._statements(macro.node.body, inner), lineno=place)]

    @staticmethod
    def _check_free(macro: _Macro, own: frozenset[str], frame: _Frame, place: int) -> None:
        """Refuse a macro that takes a value from around its call: what it needs is handed in."""
        loads = {name.name for name in macro.node.find_all(nodes.Name) if name.ctx == "load"}
        called = {
            call.node.name for call in macro.node.find_all(nodes.Call) if isinstance(call.node, nodes.Name)
        }
        modules = {each.target for each in macro.leaf.find(nodes.Import)}
        free = loads - own - called - modules - ({"loop"} if macro.node.find(nodes.For) else set())
        free = free if macro.is_imported else free & frame.loops
        if free:
            listed = ", ".join(f"`{name}`" for name in sorted(free))
            raise Unfit(
                place,
                f"The macro `{macro.node.name}` of `{macro.leaf.title}` uses {listed} without being given it; "
                "make it a parameter.",
                "undefined_name",
            )

    # ── copies ───────────────────────────────────────────────────────────────────────────────────

    def _copy(self, node: Any, frame: _Frame) -> Any:
        self._count(frame.leaf.place(node.lineno))
        made = object.__new__(type(node))
        for name in node.fields:
            setattr(made, name, self._copied_field(getattr(node, name), frame))
        if isinstance(node, nodes.Name):
            made.name = (frame.names or {}).get(node.name, node.name)
        made.lineno, made.environment = frame.leaf.place(node.lineno), node.environment
        return made

    def _count(self, place: int) -> None:
        self._copied += 1
        if self._copied > MAX_COPIED:
            raise Unfit(place, "All its parts together are too much for one template.", "too_complex")

    def _copied_field(self, value: Any, frame: _Frame) -> Any:
        if isinstance(value, nodes.Node):
            return self._copy(value, frame)
        return [self._copied_field(each, frame) for each in value] if isinstance(value, list) else value
