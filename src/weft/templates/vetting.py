"""Which part of Jinja a template may use, checked on its syntax tree before anything is compiled.

Knows an allow-list of nodes, filters, tests and methods, where templates may be composed of each
other, and bounds on size, depth, loops and on how often one value may be repeated inside another.
Each file is vetted by itself, and measured once everything that it is composed of is laid into it.
Refuses to know what names a template has and how it is rendered. The tree is walked by class name,
so that jinja2 stays behind its doors. Limits of time and memory are not its subject.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from weft.templates.flaws import Flaw
from weft.templates.versions import is_reference

MAX_CHARACTERS = 100_000  # longest body; security study, threat S3
MAX_NODES = 2_000
MAX_DEPTH = 40
MAX_LOOP_DEPTH = 2
MAX_WEIGHT = 64  # times one input may be repeated inside a single value
MAX_GLUE = 64  # characters between joined entries, and of a replacement for each one replaced


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STATEMENTS = frozenset({"Template", "Output", "TemplateData", "If", "For", "Assign"})
COMPOSING = frozenset({"Extends", "Block", "Include", "Import", "FromImport", "Macro"})
"""Statements that never come to run: `flattening.py` lays what they stand for into the tree."""
EXPRESSIONS = _words(
    "Name Const Tuple List Dict Pair Getattr Getitem Slice Filter Test Compare Operand And Or "
    "Not Neg Pos Add Sub Mul Div FloorDiv Mod Concat CondExpr Call Keyword"
)
FILTERS = _words(
    "abs capitalize count d default dictsort e escape first float int items join last length "
    "list lower map max min reject rejectattr replace reverse round safe select selectattr sort "
    "string striptags sum title tojson trim truncate unique upper urlencode wordcount"
)
TESTS = _words(
    "boolean defined divisibleby eq equalto even false float ge greaterthan gt in integer "
    "iterable le lessthan lower lt mapping ne none number odd sequence string true undefined "
    "upper == != > >= < <="
)
METHODS = _words(
    "capitalize endswith get items keys lower lstrip rstrip split splitlines startswith strip "
    "title upper values"
)
CONSTANT_ARGUMENTS = frozenset({"join", "replace", "round", "truncate", "tojson", "sort", "unique", "map"})
TEXT_ARGUMENTS = frozenset({"join", "replace", "truncate", "default", "d"})
RESERVED = frozenset({"self", "caller", "kwargs", "varargs", "super"})

WORDS = {
    "Pow": "the operator `**`",
    "CallBlock": "a call block",
    "FilterBlock": "a filter block",
    "AssignBlock": "a set block",
    "With": "a with block",
    "NSRef": "a namespace",
    "Continue": "`continue`",
    "Break": "`break`",
}


def vet(tree: Any, *, path: str, first_line: int) -> list[Flaw]:
    """Say everything in one file's syntax tree that a template may not use.

    Args:
        tree: a jinja2 node.
        path: where the text stands in the template file, such as `body` or `computed.total`.
        first_line: physical line of the text's first line.
    """
    flaws: dict[tuple[int, str], Flaw] = {}
    calls = _standing_calls(tree)
    for count, (node, depth, _) in enumerate(_walk(tree), start=1):
        line = first_line + (node.lineno or 1) - 1
        if count > MAX_NODES or depth > MAX_DEPTH:
            return [_too_complex(path, line, count)]
        for message in (*_complaints(node, calls), *_misplaced(node, tree)):
            flaws[line, message] = Flaw(path, line, message, "unsafe")
    return list(flaws.values())


def measure(tree: Any, *, path: str, first_line: int) -> list[Flaw]:
    """Say where a vetted tree, with everything that it is composed of in it, is too much.

    Args:
        tree: a jinja2 node without any of the statements that compose templates.
        path, first_line: as for `vet`.
    """
    flaws: dict[tuple[int, str], Flaw] = {}
    for count, (node, depth, loops) in enumerate(_walk(tree), start=1):
        line = first_line + (node.lineno or 1) - 1
        if count > MAX_NODES or depth > MAX_DEPTH:
            return [_too_complex(path, line, count)]
        if type(node).__name__ == "For" and loops > MAX_LOOP_DEPTH:
            flaws[line, "loops"] = Flaw(
                path, line, f"Loops nest deeper than {MAX_LOOP_DEPTH}.", "too_complex"
            )
    flaws.update(_heavy(tree, path=path, first_line=first_line))
    return list(flaws.values())


def _too_complex(path: str, line: int, count: int) -> Flaw:
    limit = f"{MAX_NODES} nodes" if count > MAX_NODES else f"{MAX_DEPTH} levels"
    return Flaw(path, line, f"The template is more complex than {limit}.", "too_complex")


@dataclass(frozen=True, slots=True)
class _Calls:
    """Calls of a file that stand alone between `{{` and `}}`, and the macros that it may call.

    Attributes:
        standing: identities of such calls. called: identities of the names that they call.
        macros: names of macros, defined or imported by name.
        modules: names of imported templates.
        filled: identities of everything that stands in a block.
    """

    standing: frozenset[int]
    called: frozenset[int]
    macros: frozenset[str]
    modules: frozenset[str]
    filled: frozenset[int]


def _standing_calls(tree: Any) -> _Calls:
    standing: set[int] = set()
    called: set[int] = set()
    macros: set[str] = set()
    modules: set[str] = set()
    filled: set[int] = set()
    for node, _, _ in _walk(tree):
        kind = type(node).__name__
        if kind == "Output":
            found = [each for each in node.nodes if type(each).__name__ == "Call"]
            standing.update(id(each) for each in found)
            called.update(id(each.node) for each in found)
        elif kind == "Block":
            filled.update(id(each) for each, _, _ in _walk(node))
        elif kind == "Macro":
            macros.add(node.name)
        elif kind == "FromImport":
            macros.update(each if isinstance(each, str) else each[1] for each in node.names)
        elif kind == "Import":
            modules.add(node.target)
    return _Calls(
        frozenset(standing), frozenset(called), frozenset(macros), frozenset(modules), frozenset(filled)
    )


def _walk(tree: Any) -> Iterator[tuple[Any, int, int]]:
    """Every node with its depth and the number of loops around and including it; no recursion."""
    waiting = [(tree, 0, 0)]
    while waiting:
        node, depth, loops = waiting.pop()
        loops += type(node).__name__ == "For"
        yield node, depth, loops
        waiting.extend((child, depth + 1, loops) for child in node.iter_child_nodes())


def _complaints(node: Any, calls: _Calls) -> Iterator[str]:
    kind = type(node).__name__
    if kind in COMPOSING:
        yield from _composing_complaints(node, kind)
    elif kind not in STATEMENTS and kind not in EXPRESSIONS:
        yield f"A template may not use {WORDS.get(kind, f'`{kind}`')}."
    elif kind == "Name" and id(node) not in calls.called:  # what is called is looked at as a call
        yield from _name_complaints(node.name)
    elif kind == "Getattr":
        yield from _name_complaints(node.attr)
    elif kind == "Getitem":
        if type(node.arg).__name__ == "Const" and isinstance(node.arg.value, str):
            yield from _name_complaints(node.arg.value)
    elif kind == "For" and node.recursive:
        yield "A loop may not be recursive."
    elif kind in {"Filter", "Test"}:
        yield from _filter_complaints(node, kind)
    elif kind == "Call":
        yield from _call_complaints(node, calls)


def _composing_complaints(node: Any, kind: str) -> Iterator[str]:
    if kind in {"Block", "Macro"}:
        yield from _name_complaints(node.name)
        if kind == "Block" and node.required:
            yield f"The block `{node.name}` may not be `required`; let it hold what stands there otherwise."
        return
    word = "import" if kind in {"Import", "FromImport"} else kind.lower()
    named = node.template.value if type(node.template).__name__ == "Const" else None
    if not isinstance(named, str) or not is_reference(named):
        yield f'`{word}` names another template by its key, such as "footer" or "footer@1.0.0".'
    if kind == "Include" and (node.ignore_missing or not node.with_context):
        yield "`include` takes neither `ignore missing` nor `without context`."
    if kind in {"Import", "FromImport"} and node.with_context:
        yield "An import is without context: hand macros what they need."


def _misplaced(node: Any, tree: Any) -> Iterator[str]:
    """Statements that compose templates, where they have no meaning."""
    kind = type(node).__name__
    if kind == "Macro" and any(type(each).__name__ == "Block" for each, _, _ in _walk(node)):
        yield f"The macro `{node.name}` may not hold a block."
    if node is not tree:
        inner = [each for each in node.iter_child_nodes() if type(each).__name__ in _AT_THE_TOP]
        for each in inner:
            yield f"{_AT_THE_TOP[type(each).__name__]} stands outside of blocks, loops and conditions."
        return
    if kind != "Template" or not any(type(each).__name__ == "Extends" for each in tree.body):
        return
    first = next(each for each in tree.body if not _is_blank(each))
    if type(first).__name__ != "Extends" or sum(type(each).__name__ == "Extends" for each in tree.body) > 1:
        yield "A template extends one other, and says so first."
    for each in tree.body:
        if type(each).__name__ not in _BESIDE_BLOCKS and not _is_blank(each):
            yield f"What stands outside of blocks is never seen in a template that extends another (line {each.lineno} of the body)."


_AT_THE_TOP = {
    "Extends": "`extends`",
    "Import": "An import",
    "FromImport": "An import",
    "Macro": "A macro",
}
_BESIDE_BLOCKS = frozenset({"Extends", "Block", "Import", "FromImport", "Macro", "Assign"})


def _is_blank(node: Any) -> bool:
    return type(node).__name__ == "Output" and all(
        type(each).__name__ == "TemplateData" and not each.data.strip() for each in node.nodes
    )


def _name_complaints(name: str) -> Iterator[str]:
    if name.startswith("_") or name in RESERVED:
        yield f"The name `{name}` is not for templates."


def _filter_complaints(node: Any, kind: str) -> Iterator[str]:
    known = FILTERS if kind == "Filter" else TESTS
    if node.name not in known:
        yield f"There is no {kind.lower()} `{node.name}` in templates."
        return
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        yield f"`{node.name}` takes no `*` or `**` arguments."
    arguments = [*node.args, *(pair.value for pair in node.kwargs)]
    constants = [a.value for a in arguments if type(a).__name__ == "Const"]
    hidden = any(isinstance(c, str) and any(part.startswith("_") for part in c.split(".")) for c in constants)
    if hidden and kind == "Filter" and node.name not in TEXT_ARGUMENTS:
        yield f"`{node.name}` may not name anything with a leading underscore."
    if node.name in {"join", "replace"} and any(_is_flood(node.name, constants)):
        yield f"`{node.name}` would make a text more than {MAX_GLUE} times as long."
    if kind == "Filter" and node.name in CONSTANT_ARGUMENTS and len(constants) < len(arguments):
        yield f"The arguments of `{node.name}` must be written out, not computed."
    if node.name == "round" and len(arguments) > 1:
        yield "`round` takes the number of digits only."
    if node.name == "tojson" and arguments:
        yield "`tojson` takes no arguments here."


def _is_flood(name: str, constants: list[Any]) -> Iterator[bool]:
    if name == "join":
        yield any(isinstance(glue, str) and len(glue) > MAX_GLUE for glue in constants)
    elif len(constants) > 1:
        old, new = str(constants[0]), str(constants[1])
        yield len(new) > MAX_GLUE * len(old) if old else len(new) > MAX_GLUE


def _call_complaints(node: Any, calls: _Calls) -> Iterator[str]:
    callee = node.node
    named, owner = getattr(callee, "name", ""), getattr(getattr(callee, "node", None), "name", "")
    if named == "super" or named in calls.macros or (owner and owner in calls.modules):
        called = "super()" if named == "super" else f"{owner}.{callee.attr}" if owner else named
        if named == "super" and id(node) not in calls.filled:
            yield "`super()` stands inside a block."
        if id(node) not in calls.standing:
            yield f"`{called}` stands alone between {{{{ and }}}}: nothing is done with what it writes."
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            yield f"`{called}` takes no `*` or `**` arguments."
    elif type(callee).__name__ != "Getattr" or callee.attr not in METHODS:
        name = getattr(callee, "attr", named or "this")
        yield f"A template may not call `{name}`."
    elif node.dyn_args is not None or node.dyn_kwargs is not None:
        yield f"`{callee.attr}` takes no `*` or `**` arguments."


def _heavy(tree: Any, *, path: str, first_line: int) -> dict[tuple[int, str], Flaw]:
    """Find values that repeat one input so often that a long cell would become a flood."""
    weights: dict[str, int] = {}
    flaws: dict[tuple[int, str], Flaw] = {}
    for node in _in_order(tree):
        kind = type(node).__name__
        if kind not in {"Assign", "For", "Output"}:
            continue
        sources = node.nodes if kind == "Output" else [node.iter if kind == "For" else node.node]
        heaviest = max((_weight(source, weights) for source in sources), default=0)
        line = first_line + (node.lineno or 1) - 1
        if heaviest > MAX_WEIGHT:
            message = f"One value repeats its inputs more than {MAX_WEIGHT} times."
            flaws[line, message] = Flaw(path, line, message, "too_complex")
        for target in _targets(node, kind):
            if kind == "Assign" and target in {n.name for n in _names(node.node)}:
                message = f"`set {target}` may not use `{target}` itself."
                flaws[line, message] = Flaw(path, line, message, "unsafe")
            weights[target] = max(heaviest, weights.get(target, 1), 1)
    return flaws


def _in_order(tree: Any) -> Iterator[Any]:
    """Every node in the order of the text; safe to recurse, for the depth is vetted by now."""
    yield tree
    for child in tree.iter_child_nodes():
        yield from _in_order(child)


def _names(tree: Any) -> Iterator[Any]:
    return (node for node in _in_order(tree) if type(node).__name__ == "Name")


def _targets(node: Any, kind: str) -> list[str]:
    return [] if kind == "Output" else [name.name for name in _names(node.target)]


def _weight(expression: Any, weights: dict[str, int]) -> int:
    """How many copies of an input an expression can hold, at most; filters are watched at work."""
    return sum(weights.get(name.name, 1) for name in _names(expression))
