"""The one sandboxed Jinja environment, in which every template is parsed, compiled and run.

Knows how a body is parsed and compiled and how its errors read: with the line in the template file
and the name, never with the text of a row.
There is no loader, there are no globals, undefined names are errors, values are never changed;
pieces that a body is composed of are handed in, and laid into one tree before anything else.
Refuses to know front matter and schemas. What a template may use is judged in `vetting.py`, what it
says about itself is read in `bodies.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import cache, wraps
from types import CodeType
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes, pass_context
from jinja2 import Template as JinjaTemplate
from jinja2.exceptions import SecurityError
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from weft.errors import Mistake
from weft.templates.failing import RUNTIME, TooMuch, failure, line_of
from weft.templates.flattening import flatten, is_composed
from weft.templates.flaws import over_limit
from weft.templates.leaves import Leaf
from weft.templates.pieces import Piece
from weft.templates.syntax import where
from weft.templates.vetting import FILTERS, TESTS

VERSION = "1"  # raise it when the same body may render differently: it is part of the compile key
MAX_OUTPUT = 1_000_000  # characters one row may render to; security study, threat S2
MAX_TURNS = 10_000  # of all loops together, for one row
MAX_BITS = 4_096  # of a product of whole numbers


class Escaping(StrEnum):
    """What the rendered text becomes part of; decides how values are escaped."""

    TEXT = "text"
    """Values stand as they are."""
    HTML = "html"
    """`<`, `>`, `&` and quotes in values are escaped."""
    JSON = "json"
    """Every value stands as JSON text."""


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja without doors: few filters, no globals, plain values, `None` stands for nothing."""

    intercepted_binops = frozenset({"*", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Allow `*` and `%` between numbers only, and products of a bounded size."""
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            raise SecurityError(f"`{operator}` works on numbers only")
        whole = isinstance(left, int) and isinstance(right, int)
        if operator == "*" and whole and left.bit_length() + right.bit_length() > MAX_BITS:  # type: ignore[union-attr]  # both are int here
            raise TooMuch("the product is too large")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Read a key of a mapping before its methods; nothing has nothing."""
        if obj is None:
            return None
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


@cache
def _environment(escaping: Escaping) -> _Environment:
    """Build the environment of one way of escaping; shared by all threads, never changed afterwards."""
    made = _Environment(
        undefined=StrictUndefined,
        autoescape=escaping is Escaping.HTML,
        finalize=_as_json if escaping is Escaping.JSON else _as_text,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=0,
    )
    made.globals.clear()
    made.tests = {name: made.tests[name] for name in TESTS}
    filters = {name: _nothing_is_empty(made.filters[name]) for name in FILTERS}
    filters |= {"default": _default, "d": _default, "tojson": _as_json}
    made.filters = {name: _watched(function) for name, function in filters.items()} | {_EACH: _each}
    return made


_EACH = "_each"  # a filter put around what a loop walks; no template can name it itself


@pass_context
def _each(context: Any, value: Any) -> Any:
    """What a loop walks: nothing where there is nothing, and not without end."""
    if value is None:
        return ()
    entries = value if hasattr(value, "__len__") else list(value)
    turns = getattr(context, "turns", 0) + len(entries)
    if turns > MAX_TURNS:
        raise TooMuch(f"its loops take more than {MAX_TURNS:,} turns")
    context.turns = turns
    return entries


def _as_text(value: Any) -> Any:
    return "" if value is None else value


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:  # noqa: FBT001, FBT002 - jinja's own signature
    """Jinja's `default`, for which a missing optional input (`None`) is undefined too."""
    absent = value is None or isinstance(value, StrictUndefined)
    return default_value if absent or (boolean and not value) else value


def _nothing_is_empty(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a filter see `""` where a missing optional input would give `None`."""
    place = 1 if hasattr(function, "jinja_pass_arg") else 0

    @wraps(function)
    def filtered(*arguments: Any, **named: Any) -> Any:
        if arguments[place] is None:
            arguments = (*arguments[:place], "", *arguments[place + 1 :])
        return function(*arguments, **named)

    return filtered


def _watched(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a filter make nothing endless: values may grow from filter to filter."""

    @wraps(function)
    def filtered(*arguments: Any, **named: Any) -> Any:
        made = function(*arguments, **named)
        if hasattr(made, "__next__"):
            made = list(made)  # put out, an iterator would only tell what it is
        if isinstance(made, str | list) and len(made) > MAX_OUTPUT:
            raise TooMuch("a value is too long")
        return made

    return filtered


# ── parsing ──────────────────────────────────────────────────────────────────────────────────────


def parse(text: str) -> nodes.Template:
    """Parse a body; nothing is compiled or run."""
    return _environment(Escaping.TEXT).parse(text)


def parse_expression(text: str) -> nodes.Template:
    """Parse one expression into a tree that puts it out."""
    parser = Parser(_environment(Escaping.TEXT), text, state="variable")
    expression = parser.parse_expression()
    if not parser.stream.eos:
        raise TemplateSyntaxError(
            "there is something after the end of the expression", parser.stream.current.lineno
        )
    tree = nodes.Template([nodes.Output([expression], lineno=1)], lineno=1)
    tree.set_environment(_environment(Escaping.TEXT))
    return tree


def compose(
    tree: nodes.Template,
    text: str,
    *,
    first_line: int,
    parsed: Sequence[tuple[Piece, nodes.Template | None]],
) -> nodes.Template:
    """Lay the parsed pieces into the tree of the text that names them.

    Raises:
        Unfit: if they do not fit together.
    """
    leaves = {
        piece.ref: Leaf(
            number=number,
            title=piece.title,
            tree=found,
            lines=piece.body.split("\n"),
            first_line=piece.body_line,
        )
        for number, (piece, found) in enumerate(parsed, start=1)
        if found is not None
    }
    own = Leaf(number=0, title="this template", tree=tree, lines=text.split("\n"), first_line=first_line)
    flat = flatten(own, leaves)
    flat.set_environment(_environment(Escaping.TEXT))  # the same syntax for every way of escaping
    return flat


# ── compiling and running ────────────────────────────────────────────────────────────────────────


class CompiledBody:
    """A body that can be rendered, again and again, by any thread.

    Attributes:
        name: the template's key, for messages.
        first_line: physical line of the body's first line.
    """

    __slots__ = ("_counted", "_names", "_template", "first_line", "name")

    def __init__(
        self,
        text: str,
        *,
        name: str,
        escaping: Escaping = Escaping.TEXT,
        first_line: int = 1,
        counted: bool = False,
        pieces: Sequence[Piece] = (),
    ) -> None:
        """Compile a body that `read_body` found without flaws.

        Args:
            pieces: what `read_body` was given.
            counted: count the text while it grows even where no loop makes it grow.
        """
        environment = _environment(escaping)
        tree = environment.parse(text)
        self.name = name
        self.first_line = first_line
        self._names = (name, *(piece.title for piece in pieces))
        if is_composed(tree):
            parsed = [(each, environment.parse(each.body)) for each in pieces]
            tree = compose(tree, text, first_line=first_line, parsed=parsed)
            self.first_line = 1  # a composed tree tells physical lines
        self._counted = _walk_nothing_safely(tree) or counted
        self._template = _load(environment, tree)

    def render(self, values: Mapping[str, Any]) -> str:
        """Render one row's text.

        Raises:
            MissingInput: a name or key has no value.
            BadTemplate: anything else went wrong; the fact `line` says where.
        """
        template = self._template
        try:
            chunks = template.root_render_func(template.new_context(_as_dict(values), shared=True))
            text = "".join(_bounded(chunks) if self._counted else chunks)
        except RUNTIME as exc:
            line = self.first_line + line_of(exc, template) - 1
            raise failure(exc, names=self._names, line=line) from exc
        if len(text) > MAX_OUTPUT:
            raise over_limit(self.name, f"it renders to more than {MAX_OUTPUT:,} characters")
        return text

    @property
    def lines(self) -> list[tuple[int, int]]:
        """Lines of the template, for `where`, and where the code of each begins, in order."""
        return [(self.first_line + line - 1, code) for line, code in self._template.debug_info]

    def stopped(self, exc: BaseException, reason: str) -> Mistake:
        """Refuse a row whose rendering was stopped from outside by an exception."""
        name, line = where(self.first_line + line_of(exc, self._template) - 1, self._names)
        return over_limit(name, reason, line=line)


class CompiledExpressions:
    """Named expressions that are computed together, each seeing those before it."""

    __slots__ = ("_entries", "_template", "name")

    def __init__(self, entries: Sequence[tuple[str, str]], *, name: str) -> None:
        """Compile expressions that `read_expression` found without flaws.

        Args:
            entries: result name and text; the names are inputs of later entries.
            name: the template's key, for messages.
        """
        environment = _environment(Escaping.TEXT)
        tree = nodes.Template([], lineno=1)
        for line, (result, text) in enumerate(entries, start=1):
            expression = parse_expression(text).body[0].nodes[0]  # type: ignore[attr-defined]  # an Output, made above
            for node in (expression, *expression.find_all(nodes.Node)):
                node.lineno = line
            tree.body.append(nodes.Assign(nodes.Name(result, "store", lineno=line), expression, lineno=line))
        tree.set_environment(environment)
        self.name = name
        self._entries = tuple(entries)
        self._template = _load(environment, tree)

    def compute(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Compute every expression for one row; result name → value.

        Raises:
            MissingInput, BadTemplate: as `CompiledBody.render`; the fact `expression` names it.
        """
        template = self._template
        context = template.new_context(_as_dict(values), shared=True)
        try:
            for _ in template.root_render_func(context):
                pass
        except RUNTIME as exc:
            result = self.entry(line_of(exc, template))
            text = dict(self._entries)[result]
            raise failure(exc, names=(self.name,), expression=result, text=text) from exc
        return {result: _plain_value(context.vars[result]) for result, _ in self._entries}

    @property
    def lines(self) -> list[tuple[int, int]]:
        """Number of each entry, from 1, and where its code begins, in order."""
        return list(self._template.debug_info)

    def stopped(self, exc: BaseException, reason: str) -> Mistake:
        """Refuse a row whose computing was stopped from outside by an exception."""
        return over_limit(self.name, reason, expression=self.entry(line_of(exc, self._template)))

    def entry(self, number: int) -> str:
        """Name of an entry, counted from 1; the nearest where there is none."""
        return self._entries[min(max(number, 1), len(self._entries)) - 1][0] if self._entries else ""


def _as_dict(values: Mapping[str, Any]) -> dict[str, Any]:
    return values if type(values) is dict else dict(values)  # a template never writes into it


def _load(environment: _Environment, tree: nodes.Template) -> JinjaTemplate:
    code: CodeType = environment.compile(tree)
    return JinjaTemplate.from_code(environment, code, {})


def _walk_nothing_safely(tree: nodes.Template) -> bool:
    """Let a loop over a missing optional list walk nothing; say whether there is any loop."""
    loops = list(tree.find_all(nodes.For))
    for loop in loops:
        loop.iter = nodes.Filter(
            loop.iter, _EACH, [], [], None, None, lineno=loop.lineno, environment=loop.environment
        )
    return bool(loops)


def _bounded(chunks: Any) -> Any:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > MAX_OUTPUT:
            raise TooMuch("the text is too long")
        yield chunk


def _plain_value(value: Any) -> Any:
    """Turn what an expression gave into a value that JSON can carry."""
    if value is None or type(value) in {str, int, float, bool, list, dict}:
        return value
    if isinstance(value, StrictUndefined):
        return None
    if isinstance(value, str):
        return str(value)
    return list(value)
