"""How a value becomes Python source: each function returns code that can be nothing but that value.

Knows names, literals, types, expressions, docstrings and comments of Python, and refuses whatever
does not fit with an `Unwritable` that says why. The text of a value never becomes code by itself.
Refuses to know templates: `source_environment.py` offers these functions as filters.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import math
import re
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from weft.limits import shown


class Unwritable(ValueError):
    """A value cannot be written as what was asked for; the message says why."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WIDTH = 96  # characters of a line of documentation; the generated code's limit is 100
_CAPITALS = re.compile(r"[_\-\s]+")
_DIRECTIVE = re.compile(r"(?i)\b(noqa|type:|ruff:|mypy:|fmt:|isort:|pragma|pylint:|coding[:=])")
_TYPES: Mapping[str, str] = {
    "string": "str",
    "text": "str",
    "email": "str",
    "url": "str",
    "enum": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "object": "dict[str, object]",
}
_TYPE_NAMES = _words("int str float bool bytes None object list tuple dict set frozenset Literal dt")
_TIMES = frozenset({"dt.date", "dt.datetime", "dt.timedelta"})
_BUILTINS = _words("abs all any bool float int len list max min round set sorted str sum tuple")
_KNOWN = ", ".join(f"`{each}`" for each in sorted(_BUILTINS)) + ", and methods of text and mappings"
_METHODS = _words(
    "casefold count endswith get items join keys lower lstrip removeprefix removesuffix replace rstrip split "
    "splitlines startswith strip title upper values"
)
_NODES = (
    ast.Expression,
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.BinOp,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.FloorDiv,
    ast.Mod,
    ast.UnaryOp,
    ast.Not,
    ast.USub,
    ast.UAdd,
    ast.IfExp,
    ast.Compare,
    ast.cmpop,
    ast.Constant,
    ast.Name,
    ast.Load,
    ast.Store,
    ast.Subscript,
    ast.Slice,
    ast.Tuple,
    ast.List,
    ast.Dict,
    ast.Call,
    ast.keyword,
    ast.Attribute,
    ast.GeneratorExp,
    ast.ListComp,
    ast.comprehension,
    ast.Starred,
)
MAX_EXPRESSION = 500  # characters; more belongs into a function of its own


def as_name(value: Any) -> str:
    """Write a name: a legal identifier, no keyword, the same after Python's own normalisation."""
    text = _text(value)
    if not text.isidentifier() or unicodedata.normalize("NFKC", text) != text:
        raise Unwritable(f"{shown(text)} is no Python name")
    if keyword.iskeyword(text):
        raise Unwritable(f"`{text}` is a keyword of Python")
    if text.startswith("__"):
        raise Unwritable(f"`{text}` begins with two underscores, which Python keeps for itself")
    return text


def as_class_name(value: Any) -> str:
    """Write the name of a class: `order_store` becomes `OrderStore`, `OrderStore` stays."""
    text = _text(value)
    if not re.fullmatch(r"[\w\- ]*", text):
        raise Unwritable(f"{shown(text)} is no name of a class")
    return as_name("".join(part[:1].upper() + part[1:] for part in _CAPITALS.split(text)))


def as_string(value: Any) -> str:
    """Write a text as a literal on one line; quotes, line ends and odd characters are escaped."""
    return repr(_text(value))


def as_number(value: Any) -> str:
    """Write a finite number as a literal."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Unwritable(f"{shown(value)} is no number")
    return repr(float(value)) if isinstance(value, float) else repr(int(value))


def as_bool(value: Any) -> str:
    """Write `True` or `False`."""
    if not isinstance(value, bool):
        raise Unwritable(f"{shown(value)} is neither true nor false")
    return repr(value)


def as_literal(value: Any) -> str:
    """Write any plain value as a literal: text, numbers, true, false, nothing, lists, mappings."""
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, str):
        return as_string(value)
    if isinstance(value, int | float):
        return as_number(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{as_literal(k)}: {as_literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(as_literal(each) for each in value) + "]"
    raise Unwritable(f"a `{type(value).__name__}` is no plain value")


def as_tuple(value: Any) -> str:
    """Write a list of plain values as a tuple."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise Unwritable(f"{shown(value)} is no list")
    return "(" + "".join(f"{as_literal(each)}, " for each in value).rstrip(" ") + ")"


def as_type(value: Any) -> str:
    """Write a type of weft (`integer`) or of Python (`list[int] | None`) from the known ones."""
    text = _text(value)
    tree = _parse(_TYPES.get(text, text), "a type")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in _TYPE_NAMES:
            raise Unwritable(f"`{node.id}` is no known type")
        if isinstance(node, ast.Attribute) and ast.unparse(node) not in _TIMES:
            raise Unwritable(f"{shown(text)} is no type")
        if isinstance(node, ast.Constant) and not isinstance(node.value, str | None):
            raise Unwritable(f"{shown(text)} is no type")
        if not isinstance(
            node,
            ast.Expression
            | ast.Name
            | ast.Constant
            | ast.Subscript
            | ast.Attribute
            | ast.Tuple
            | ast.Load
            | ast.BinOp
            | ast.BitOr,
        ):
            raise Unwritable(f"{shown(text)} is no type")
    return ast.unparse(tree)


def as_documentation(value: Any, indent: int = 0) -> str:
    """Write text for the inside of a triple-quoted docstring, wrapped, without any way out of it.

    Args:
        indent: spaces before every line but the first.
    """
    text = "".join(mark if mark.isprintable() or mark == "\n" else " " for mark in _text(value))
    paragraphs = [" ".join(each.split()) for each in re.split(r"\n\s*\n", text.strip())]
    lines: list[str] = []
    for place, paragraph in enumerate(paragraphs):
        lines += [""] if place else []
        lines += textwrap.wrap(paragraph, WIDTH - int(indent), break_on_hyphens=False) or [""]
    safe = "\n".join(lines).replace("\\", "\\\\")
    safe = re.sub(r'"(?="|$)', r"\"", safe)  # neither three in a row nor one before the closing three
    return safe.replace("\n", "\n" + " " * int(indent))


def as_comment(value: Any) -> str:
    """Write text for one comment line; what tools would obey in a comment is taken apart."""
    text = " ".join("".join(mark if mark.isprintable() else " " for mark in _text(value)).split())
    return _DIRECTIVE.sub(lambda match: f"'{match[0].rstrip(':=')}'", text.replace("#", "")).strip()


def as_expression(value: Any, names: Any = ()) -> str:
    """Write an expression over given names, such as `price * quantity`.

    Operators, comparisons, `a if b else c`, comprehensions, a few harmless functions (`len`, `min`,
    `round` …) and methods of text and mappings are allowed, and nothing that could reach further.

    Args:
        names: allowed names; a mapping or pairs also say what each is replaced by
            (`total` → `state.total`).
    """
    text = _text(value)
    if len(text) > MAX_EXPRESSION:
        raise Unwritable(f"an expression has at most {MAX_EXPRESSION} characters")
    tree = _parse(text, "an expression")
    pairs = names.items() if isinstance(names, Mapping) else [_pair(each) for each in names]
    given = dict(pairs)
    own = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    for node in ast.walk(tree):
        _judge(node, frozenset({*given, *own}))
    return ast.unparse(ast.fix_missing_locations(_Replacing(given, own).visit(tree)))


def _pair(each: Any) -> tuple[str, str]:
    return (each, each) if isinstance(each, str) else (each[0], each[1])


def as_sample(value: Any) -> str:
    """Write a sample value of a field, given as a mapping with `type` and `sample`."""
    if not isinstance(value, Mapping) or "sample" not in value:
        raise Unwritable("a sample is made of a field, such as `each|pysample`")
    sample = value["sample"]
    if value.get("type") == "date" and sample is not None:
        return f"dt.date.fromisoformat({as_string(sample)})"
    if value.get("type") == "datetime" and sample is not None:
        return f"dt.datetime.fromisoformat({as_string(sample)})"
    entry = value.get("items")
    if isinstance(entry, Mapping) and isinstance(sample, list):
        return "[" + ", ".join(as_sample({**entry, "sample": each}) for each in sample) + "]"
    return as_literal(sample)


def names_in(expression: str) -> frozenset[str]:
    """Which names an expression reads, known functions aside; empty where it is no expression."""
    try:
        tree = _parse(expression, "an expression")
    except ValueError:
        return frozenset()
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    return frozenset(node.id for node in names) - own - _BUILTINS


def _judge(node: ast.AST, known: frozenset[str]) -> None:
    if not isinstance(node, _NODES):
        raise Unwritable(f"`{type(node).__name__}` is not allowed in an expression")
    if isinstance(node, ast.Name) and node.id not in known and node.id not in _BUILTINS:
        known_names = ", ".join(f"`{each}`" for each in sorted(known)) or "none"
        raise Unwritable(f"there is no `{node.id}` here; known: {known_names}")
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        as_name(node.id)
        if hasattr(builtins, node.id):
            raise Unwritable(f"`{node.id}` would hide Python's own")
    if isinstance(node, ast.Attribute) and node.attr not in _METHODS:
        raise Unwritable(f"`.{node.attr}` is not allowed in an expression")
    if isinstance(node, ast.Call) and not (
        isinstance(node.func, ast.Attribute)
        or (isinstance(node.func, ast.Name) and node.func.id in _BUILTINS)
    ):
        raise Unwritable(f"{shown(ast.unparse(node.func))} is not called in an expression; known: {_KNOWN}")
    if isinstance(node, ast.Constant) and not isinstance(node.value, str | int | float | bool | None):
        raise Unwritable(f"{shown(repr(node.value))} is not allowed in an expression")


class _Replacing(ast.NodeTransformer):
    """Puts what a name stands for in its place."""

    def __init__(self, given: Mapping[str, str], own: set[str]) -> None:
        self._given = {
            name: ".".join(as_name(part) for part in str(code).split(".")) for name, code in given.items()
        }
        self._own = own

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Replace a name that is given from outside."""
        if node.id in self._own or node.id not in self._given:
            return node
        return ast.parse(self._given[node.id], mode="eval").body


def _parse(text: str, what: str) -> ast.Expression:
    try:
        return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unwritable(f"{shown(text)} is not {what} of Python") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unwritable(f"{shown(value)} is no text")
    return value
