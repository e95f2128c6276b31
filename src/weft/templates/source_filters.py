"""The filters of templates for Python source: which values pass, and what becomes of them.

Knows what code is (text that a filter has marked), that code and plain values never mix, and that
every printed thing carries a note of where it was printed until the notes are taken out.
What each filter writes is in `source_marks.py`. Refuses to know templates and their files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError, pass_context
from jinja2.exceptions import SecurityError
from markupsafe import Markup

from weft.limits import shown
from weft.templates import source_marks as marks

OPEN, CLOSE = "\ue000", "\ue001"  # around a note of origin; private characters, refused in templates
NOTE = re.compile(f"{OPEN}([0-9]+)\\|([^{CLOSE}]*){CLOSE}")
"""A note: the number of a place, and the path of the value that was printed there or nothing."""

_JOINTS = re.compile(r"[\s,|.:;+=*&-]*|\s(?:and|or)\s")
MARKS: Mapping[str, Callable[..., str]] = {
    "ident": marks.as_name,
    "class_name": marks.as_class_name,
    "pystr": marks.as_string,
    "pynum": marks.as_number,
    "pybool": marks.as_bool,
    "pyvalue": marks.as_literal,
    "pytuple": marks.as_tuple,
    "pytype": marks.as_type,
    "pydoc": marks.as_documentation,
    "pycomment": marks.as_comment,
    "pyexpr": marks.as_expression,
    "pysample": marks.as_sample,
}
"""The filters that mark a value as code, by name."""


class Unfit(TemplateError):
    """A value cannot be printed; `path` says where it came from, empty where that is not known."""

    def __init__(self, reason: str, path: str) -> None:
        """Keep why, and the path of the value such as `operations.0.name`."""
        super().__init__(reason)
        self.path = path


class _Marked(Markup):
    """Code: what a filter has made of a value."""

    path = ""


def fail(message: str, value: Any = None) -> str:
    """Refuse a value from within a template, by calling this function with the reason.

    Args:
        value: what is to blame; its path is told.
    """
    raise Unfit(str(message), getattr(value, "path", ""))


def is_code(value: Any) -> bool:
    """Whether a value is marked as code."""
    return isinstance(value, Markup)


def only_code(value: Any) -> Any:
    """Jinja's own last look at a printed value; `printed` has refused it before, with more words."""
    if not is_code(value):
        raise SecurityError("a value without a mark")
    return value


@pass_context
def printed(context: Any, value: Any, place: int) -> _Marked:
    """Let marked values through, with a note where they were printed."""
    if isinstance(value, StrictUndefined):
        raise Unfit(_why_undefined(value), "")
    path = getattr(value, "path", "")
    if not is_code(value):
        raise Unfit(f"{shown(value)} is printed without a mark", path)
    del context  # asked for so that nothing is printed at compile time
    return _Marked(f"{OPEN}{place}|{path}{CLOSE}{value}")


def _why_undefined(value: StrictUndefined) -> str:
    return value._undefined_message  # noqa: SLF001 - jinja offers it to those who build on it


def marking(name: str, function: Callable[..., str]) -> Callable[..., Any]:
    """Make a filter of a function that writes a value as code."""

    def filtered(value: Any, *arguments: Any, **named: Any) -> Any:
        path = getattr(value, "path", "")
        if isinstance(value, StrictUndefined):
            raise Unfit(_why_undefined(value), path)
        if is_code(value):
            raise Unfit(f"`{name}` got code that is marked already", path)
        try:
            marked = _Marked(function(value, *arguments, **named))
        except (ValueError, TypeError) as exc:
            raise Unfit(f"{exc}", path) from exc
        marked.path = path
        return marked

    return filtered


def plain_only(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Let one of Jinja's filters see plain values only; text that it makes is plain again."""

    def filtered(*arguments: Any, **named: Any) -> Any:
        arguments = tuple("" if is_code(each) and not each else each for each in arguments)
        if name not in {"default", "d"} and any(map(is_code, (*arguments, *named.values()))):
            raise SecurityError(f"`{name}` got code that is marked already")
        return function(*arguments, **named)

    if hasattr(function, "jinja_pass_arg"):
        filtered.jinja_pass_arg = function.jinja_pass_arg  # type: ignore[attr-defined]  # how jinja marks filters
    return filtered


def join(values: Any, joint: str = "") -> Any:
    """Join marked values by punctuation into code, or plain texts into text."""
    values = list(values)
    if values and all(is_code(each) for each in values):
        if not _JOINTS.fullmatch(joint):
            raise SecurityError("marked values are joined by punctuation, `and` or `or`")
        return _Marked(joint.join(values))
    if any(is_code(each) for each in values):
        raise SecurityError("`join` got marked and plain values")
    text = str(joint).join(str(each) for each in values)
    return text if values else _Marked("")


def glued(values: Any) -> Any:
    """The operator `~`: plain texts make a text; code is printed piece by piece instead."""
    if any(is_code(each) for each in values):
        raise SecurityError("`~` joins plain texts; print code piece by piece")
    return "".join(str(each) for each in values)


def indented(value: Any, width: int = 4, first: bool = False) -> Any:  # noqa: FBT001, FBT002 - jinja's own signature
    """Indent every line of code but the first; empty lines stay empty."""
    if not is_code(value) or not isinstance(width, int):
        raise SecurityError("`indent` works on code, by a number of spaces")
    pad = " " * width
    lines = str(value).split("\n")
    shifted = [pad + line if NOTE.sub("", line).strip() else line for line in lines]
    return Markup("\n".join([shifted[0] if first else lines[0], *shifted[1:]]))  # noqa: S704 - code before, code after
