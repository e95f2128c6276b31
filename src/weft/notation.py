"""The one-line notation of a field: `tldr?: string(max_words=12) = what it is about`.

Knows where in the line a reading failed and what was expected there. Refuses to judge the field:
whether limits make sense is for `definitions.py`.

    line   name ["?"] [":" type] ["=" description]
    type   word ["[" options or entry type "]"] ["(" limits ")"] ["[]" …]
    limits least..most · key=value, …
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from weft.errors import BadSchema, UnknownName
from weft.schema import Field, Kind

EXAMPLE = "category: enum[bug,billing,praise] = what it is about"
HINT = f"write it like `{EXAMPLE}`, `tldr: string(max_words=12)`, `score: integer(0..10)` or `tags: list[string]`."
NAME = re.compile(r"[^\W\d][\w-]{0,63}")  # letters, digits, `_`, `-`; a dot would be a path
WORDS: Mapping[str, Kind] = {
    **{kind.value: kind for kind in Kind},
    "str": Kind.STRING,
    "int": Kind.INTEGER,
    "float": Kind.NUMBER,
    "bool": Kind.BOOLEAN,
    "choice": Kind.ENUM,
    "list": Kind.ARRAY,
}
"""What may be written for each kind; the values of `Kind` and a few everyday words."""

WHOLE_LIMITS = frozenset({"min_length", "max_length", "min_words", "max_words", "min_items", "max_items"})
NUMBER_LIMITS = frozenset({"minimum", "maximum"})
_LIMITS = (*sorted(WHOLE_LIMITS | NUMBER_LIMITS), "pattern", "separator")
_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"\w+")
_BARE = re.compile(r"[^,\[\]()\"']+")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'")
_DIGITS = r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?"  # as many as a float keeps
_NUMBER = re.compile(_DIGITS)
_RANGE = re.compile(rf"\s*({_DIGITS})?\s*\.\.\s*({_DIGITS})?\s*(?=[,)])")
MAX_LINE = 100  # characters of a definition in a message
MAX_NESTING = 8  # lists of lists; more is a mistake, and the reader is recursive


def read_line(text: str) -> Field:
    """Read a whole field; nothing is checked beyond the notation.

    Raises:
        BadSchema: with the place in the line.
    """
    line = _Line(text)
    name = line.take(NAME, "a name")
    optional = line.skip("?")
    read = _read_type(line, name) if line.skip(":") else Field(name=name)
    description = line.rest() if line.skip("=") else ""
    line.end(
        "`:` and a type, or `=` and a description" if read.kind is Kind.STRING else "`=` and a description"
    )
    return replace(read, required=not optional, description=description)


def read_type(text: str, name: str) -> Field:
    """Read a type alone, such as `list[enum[a,b]]`.

    Raises:
        BadSchema: with the place in the text.
    """
    line = _Line(text)
    read = _read_type(line, name)
    line.end("the end of the type")
    return read


class _Line:
    """A text and how far it was read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, expected: str) -> BadSchema:
        place = self.at + 1
        found = (
            f"found `{self.text[self.at : self.at + 12]}`" if self.at < len(self.text) else "it ends there"
        )
        return BadSchema(
            f"In the field `{self.shown}` {expected} was expected at character {place}, but {found}.",
            hint=HINT,
            text=self.text,
            place=place,
        )

    @property
    def shown(self) -> str:
        """The text for a message, not longer than a line."""
        return self.text if len(self.text) <= MAX_LINE else self.text[: MAX_LINE - 1] + "…"

    def space(self) -> None:
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]  # matches always

    def skip(self, mark: str) -> bool:
        self.space()
        if self.text.startswith(mark, self.at):
            self.at += len(mark)
            return True
        return False

    def take(self, pattern: re.Pattern[str], expected: str) -> str:
        self.space()
        match = pattern.match(self.text, self.at)
        if match is None:
            raise self.fail(expected)
        self.at = match.end()
        return match[0].strip()

    def need(self, mark: str) -> None:
        if not self.skip(mark):
            raise self.fail(f"`{mark}`")

    def rest(self) -> str:
        rest, self.at = self.text[self.at :].strip(), len(self.text)
        return rest

    def end(self, expected: str) -> None:
        self.space()
        if self.at < len(self.text):
            raise self.fail(expected)


def _read_type(line: _Line, name: str, depth: int = 1) -> Field:
    if depth > MAX_NESTING:
        raise line.fail(f"at most {MAX_NESTING} types inside one another")
    kind = _read_kind(line)
    field = Field(name=name, kind=kind)
    if kind is Kind.ENUM:
        line.need("[")
        field = replace(field, options=tuple(_read_options(line)))
    elif kind is Kind.ARRAY:
        entry = Field(name="", kind=Kind.STRING)
        if line.skip("["):
            entry = _read_type(line, "", depth + 1)
            line.need("]")
        field = replace(field, items=entry)
    if line.skip("("):
        field = replace(field, **_read_limits(line, kind))
    while line.skip("[]"):
        depth += 1
        if depth > MAX_NESTING:
            raise line.fail(f"at most {MAX_NESTING} types inside one another")
        field = Field(name=name, kind=Kind.ARRAY, items=replace(field, name=""))
        if line.skip("("):
            field = replace(field, **_read_limits(line, Kind.ARRAY))
    return field


def _read_kind(line: _Line) -> Kind:
    line.space()
    start = line.at
    word = line.take(_WORD, "a type such as `string`, `integer` or `enum[a,b]`")
    if word.lower() not in WORDS:
        line.at = start
        nearest = UnknownName.among("type", word, list(WORDS))
        raise BadSchema(
            f"There is no type `{word}`, at character {start + 1} of the field `{line.shown}`.",
            hint=nearest.hint,
            text=line.text,
            place=start + 1,
        )
    return WORDS[word.lower()]


def _read_options(line: _Line) -> list[str]:
    options = [_read_value(line, "an option")]
    while line.skip(","):
        options.append(_read_value(line, "an option"))
    line.need("]")
    return options


def _read_value(line: _Line, expected: str) -> str:
    line.space()
    quoted = _QUOTED.match(line.text, line.at)
    if quoted is None:
        return line.take(_BARE, expected)
    line.at = quoted.end()
    inside = quoted[1] if quoted[1] is not None else quoted[2]
    return re.sub(r"\\([\"'\\])", r"\1", inside)  # any other back-slash stays, for patterns


def _read_limits(line: _Line, kind: Kind) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    while True:
        span = _RANGE.match(line.text, line.at)
        if span is not None and (span[1] or span[2]):
            least, most = _RANGES.get(kind, ("min_length", "max_length"))
            limits |= {
                key: _read_number(line, key, text)
                for key, text in ((least, span[1]), (most, span[2]))
                if text is not None
            }
            line.at = span.end()
        else:
            limits |= _read_limit(line)
        if not line.skip(","):
            line.need(")")
            return limits


def _read_limit(line: _Line) -> dict[str, Any]:
    line.space()
    start = line.at
    key = line.take(_WORD, "a limit such as `max_words=12` or `0..10`")
    if key not in _LIMITS:
        line.at = start
        raise line.fail(f"one of the limits {', '.join(_LIMITS)}")
    line.need("=")
    if key in WHOLE_LIMITS | NUMBER_LIMITS:
        return {key: _read_number(line, key, line.take(_NUMBER, "a number"))}
    return {key: _read_value(line, "a text")}


def _read_number(line: _Line, key: str, text: str) -> float:
    if key in WHOLE_LIMITS and not text.isdigit():
        raise line.fail(f"a whole number for `{key}`")
    return float(text) if "." in text else int(text)


_RANGES = {
    Kind.INTEGER: ("minimum", "maximum"),
    Kind.NUMBER: ("minimum", "maximum"),
    Kind.ARRAY: ("min_items", "max_items"),
}
