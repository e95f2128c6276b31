"""The Jinja environment for Python source: a value is printed only after a filter has marked it.

Knows the named files of one set of templates, which part of Jinja they may use (inheritance,
blocks, macros, includes, imports, `namespace`), and where each line of the output came from.
A raw `{{ value }}` is an error with its template file, line and expression; so is a value that
cannot be what its filter writes. The filters themselves are in `source_marks.py`.
Refuses to open files, to know specs and variants, and to check what was made (`variants/proving.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from jinja2 import (
    DictLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
    meta,
    nodes,
)
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from weft.errors import BadTemplate
from weft.templates import source_filters as filters
from weft.templates.source_filters import CLOSE, NOTE, OPEN, is_code
from weft.templates.source_tree import FILTERS, GLUED, METHODS, PRINTED, TESTS, Place, note, vet

MAX_LINES = 20_000  # of one rendered module
_RUNTIME = (
    TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
)
_ODD = re.compile(r"[^\w.-]")
_HINT = "print values through ident, class_name, pystr, pynum, pybool, pytype, pydoc, pycomment or pyvalue."


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a line of generated code came from.

    Attributes:
        file: name of the template file.
        line: physical line in it.
        inputs: paths of the values printed on the line, such as `operations.0.name`; may be empty.
    """

    file: str
    line: int
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Rendered code.

    Attributes:
        text: the code as the templates wrote it, not formatted yet.
        origins: one for each line of the text, in order.
        read: names of settings whose values the templates themselves looked at.
    """

    text: str
    origins: tuple[Origin, ...]
    read: frozenset[str] = frozenset()


class SourceTemplates:
    """A set of template files that extend, include and import one another by name."""

    def __init__(self, files: Mapping[str, str]) -> None:
        """Take the files; each is compiled when it is first needed.

        Args:
            files: name (`base.py.j2`, `shared/retry.py.j2`) → text. There are no others.
        """
        self._files = dict(files)
        self._environment = _Environment(self._files)
        self._references: dict[str, list[str]] = {}

    @property
    def names(self) -> frozenset[str]:
        """Names of all files."""
        return frozenset(self._files)

    def text(self, name: str) -> str:
        """The text of one file."""
        return self._files[name]

    def closure(self, names: Sequence[str]) -> list[str]:
        """Files that take part when these are rendered, themselves included, sorted.

        Names that a template computes are not followed: hand these in.

        Raises:
            BadTemplate: a template is wrong or not there.
        """
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            if name not in self._files:
                raise self._missing(name)
            found.add(name)
            waiting += self._referenced(name)
        return sorted(found)

    def _referenced(self, name: str) -> list[str]:
        if name not in self._references:
            try:
                tree = self._environment.parse(self._files[name], name, name)
            except TemplateSyntaxError as exc:
                raise _bad(exc.name or name, exc.lineno, exc.message or "wrong syntax") from exc
            named = meta.find_referenced_templates(tree)
            self._references[name] = [each for each in named if each is not None]
        return self._references[name]

    def render(self, name: str, values: Mapping[str, Any]) -> Source:
        """Render one file.

        Args:
            values: plain values only: text, numbers, true, false, nothing, lists, mappings.

        Raises:
            BadTemplate: a template or a value is wrong; facts `file`, `line`, `expression`, `reason`,
                and `inputs`, the path of the value that did not fit.
        """
        environment = self._environment
        try:
            template = environment.get_template(name)
            given = {key: _given(value, key) for key, value in values.items()}
            settings = given["settings"] = _Settings(given.get("settings", {}))
            noted = template.render(given)
        except TemplateNotFound as exc:
            raise self._missing(str(exc.name or name), *self._place(exc, "")) from exc
        except TemplateSyntaxError as exc:
            raise _bad(exc.name or name, exc.lineno, exc.message or "wrong syntax") from exc
        except _RUNTIME as exc:
            file, line = self._place(exc, name)
            reason = str(exc) or type(exc).__name__
            raise _bad(file, line, reason, self._expression(file, line), getattr(exc, "path", "")) from exc
        return replace(_source(noted, environment.places), read=frozenset(settings.read))

    def _missing(self, name: str, asking: str = "", line: int = 0) -> BadTemplate:
        near = get_close_matches(name, sorted(self._files), n=3, cutoff=0.5)
        listed = ", ".join(f"`{each}`" for each in near)
        place = f", which line {line} of `{asking}` asks for" if asking else ""
        return BadTemplate(
            f"There is no template file `{name}` in the pack{place}.",
            hint=f"did you mean {listed}?"
            if near
            else "names are paths below the pack, such as `base.py.j2`.",
            file=asking or name,
            line=line,
        )

    def _place(self, exc: BaseException, name: str) -> tuple[str, int]:
        """The innermost template line that an exception passed through."""
        place = (name, 0)
        trace = exc.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if file in self._files:  # jinja has rewritten the trace to template lines
                place = (file, trace.tb_lineno)
            trace = trace.tb_next
        return place

    def _expression(self, file: str, line: int) -> str:
        lines = self._files.get(file, "").splitlines()
        return lines[line - 1].strip() if 0 < line <= len(lines) else ""


# ── values ───────────────────────────────────────────────────────────────────────────────────────


class _Text(str):
    """A text from outside that remembers where it came from."""

    __slots__ = ("path",)
    path: str


class _Settings(dict[str, Any]):
    """Settings that remember which of them were looked at."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)


def _given(value: Any, path: str) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        text = _Text(str.__str__(value))
        text.path = path
        return text
    if isinstance(value, Mapping):
        return {str(key): _given(each, f"{path}.{_ODD.sub('?', str(key))}") for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_given(each, f"{path}.{place}") for place, each in enumerate(value)]
    raise BadTemplate(
        f"`{path}` is a `{type(value).__name__}`, no plain value.", hint="hand in plain values."
    )


# ── the environment ──────────────────────────────────────────────────────────────────────────────


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja for code: marked values only, few filters, no doors."""

    intercepted_binops = frozenset({"+", "*", "//", "-"})

    def __init__(self, files: Mapping[str, str]) -> None:
        super().__init__(
            loader=DictLoader(dict(files)),
            undefined=StrictUndefined,
            autoescape=True,
            finalize=filters.only_code,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            cache_size=-1,
        )
        self.places: list[Place] = []
        self.globals = {"namespace": Namespace, "fail": filters.fail}
        self.tests = {name: self.tests[name] for name in TESTS}
        offered = {name: filters.plain_only(name, self.filters[name]) for name in FILTERS}
        offered |= {name: filters.marking(name, function) for name, function in filters.MARKS.items()}
        offered |= {"join": filters.join, "indent": filters.indented}
        self._offered = frozenset(offered)
        self.filters = {**offered, PRINTED: filters.printed, GLUED: filters.glued}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Parse, refuse what is not allowed, and note on every printed thing where it stands."""
        if OPEN in source or CLOSE in source:
            raise TemplateSyntaxError("a private character (U+E000 or U+E001)", 1, name, filename)
        tree = super()._parse(source, name, filename)
        vet(tree, name=name or "?", filters=self._offered)
        note(tree, name=name or "?", places=self.places)
        tree.set_environment(self)
        return tree

    def compile(self, source: Any, name: Any = None, filename: Any = None, *args: Any, **named: Any) -> Any:
        """Compile under the template's own name, so that traces show it."""
        return super().compile(source, name, filename or name, *args, **named)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Add and multiply numbers, join lists; text and code are never computed with."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        lists = operator == "+" and isinstance(left, list) and isinstance(right, list)
        if not numbers and not lists:
            raise SecurityError(f"`{operator}` works on numbers, and `+` on lists; use `~` for text")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Read a key of a mapping before its methods; code has no parts."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        self._refuse(obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Read an entry; code has no parts."""
        self._refuse(obj, "")
        return super().getitem(obj, argument)

    def _refuse(self, obj: Any, attribute: str) -> None:
        if is_code(obj):
            raise SecurityError("what a filter has marked is printed, not taken apart")
        if isinstance(obj, str | dict | list) and attribute and attribute not in METHODS:
            raise SecurityError(f"there is no `{attribute}`")


def _source(noted: str, places: Sequence[Place]) -> Source:
    """Take the notes out of the text and keep them by line."""
    lines, origins = [], []
    last = Origin("", 0)
    for line in noted.split("\n"):
        notes = NOTE.findall(line)
        if notes:
            found = [places[int(number)] for number, _ in notes]
            place = next((each for each in found if each.is_text), found[0])
            last = Origin(place.file, place.line, tuple(dict.fromkeys(path for _, path in notes if path)))
        lines.append(NOTE.sub("", line))
        origins.append(last)
    if len(lines) > MAX_LINES:
        raise BadTemplate(f"The module has more than {MAX_LINES:,} lines.", hint="split the spec.")
    return Source("\n".join(lines), tuple(origins))


def _bad(file: str, line: int, reason: str, expression: str = "", path: str = "") -> BadTemplate:
    where = f", `{expression}`" if expression else ""
    given = f" (from `{path}`)" if path else ""
    return BadTemplate(
        f"Line {line} of template `{file}`{where} cannot be printed: {reason.rstrip('.')}{given}."
        if expression
        else f"Line {line} of template `{file}` is wrong: {reason.rstrip('.')}{given}.",
        hint=_HINT if "without a mark" in reason else "correct the template, or the value that it prints.",
        file=file,
        line=line,
        expression=expression,
        reason=reason,
        inputs=[path] if path else [],
    )
