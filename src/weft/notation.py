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
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_RANGE = re.compile(r"\s*(-?[0-9]+(?:\.[0-9]+)?)?\s*\.\.\s*(-?[0-9]+(?:\.[0-9]+)?)?\s*(?=[,)])")
MAX_NESTING = 8  # lists of lists; more is a mistake, and the reader is recursive


def read_line(text: str) -> Field:
    """Read a whole field; nothing is checked beyond the notation.

    Raises:
        BadSchema: with the place in the line.
    """
    line = _Line(text)
    name = line.take(NAME, "a name")
    optional = line.skip("?")
    read = line.type(name) if line.skip(":") else Field(name=name)
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
    read = line.type(name)
    line.end("the end of the type")
    return read


class _Line:
    """A text and how far it was read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def fail(self, expected: str) -> BadSchema:
        place = self.at + 1
        found = (
            f"found `{self.text[self.at : self.at + 12]}`" if self.at < len(self.text) else "it ends there"
        )
        return BadSchema(
            f"In the field `{self.text}` {expected} was expected at character {place}, but {found}.",
            hint=HINT,
            text=self.text,
            place=place,
        )

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

    def type(self, name: str) -> Field:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.fail(f"at most {MAX_NESTING} types inside one another")
        kind = self.kind()
        field = Field(name=name, kind=kind)
        if kind is Kind.ENUM:
            self.need("[")
            field = replace(field, options=tuple(self.options()))
        elif kind is Kind.ARRAY:
            entry = Field(name="", kind=Kind.STRING)
            if self.skip("["):
                entry = self.type("")
                self.need("]")
            field = replace(field, items=entry)
        if self.skip("("):
            field = replace(field, **self.limits(kind))
        while self.skip("[]"):
            field = Field(name=name, kind=Kind.ARRAY, items=replace(field, name=""))
            if self.skip("("):
                field = replace(field, **self.limits(Kind.ARRAY))
        self.depth -= 1
        return field

    def kind(self) -> Kind:
        self.space()
        start = self.at
        word = self.take(_WORD, "a type such as `string`, `integer` or `enum[a,b]`")
        if word.lower() not in WORDS:
            self.at = start
            nearest = UnknownName.among("type", word, list(WORDS))
            raise BadSchema(
                f"There is no type `{word}`, at character {start + 1} of the field `{self.text}`.",
                hint=nearest.hint,
                text=self.text,
                place=start + 1,
            )
        return WORDS[word.lower()]

    def options(self) -> list[str]:
        options = [self.value("an option")]
        while self.skip(","):
            options.append(self.value("an option"))
        self.need("]")
        return options

    def value(self, expected: str) -> str:
        self.space()
        quoted = _QUOTED.match(self.text, self.at)
        if quoted is None:
            return self.take(_BARE, expected)
        self.at = quoted.end()
        inside = quoted[1] if quoted[1] is not None else quoted[2]
        return re.sub(r"\\([\"'\\])", r"\1", inside)  # any other back-slash stays, for patterns

    def limits(self, kind: Kind) -> dict[str, Any]:
        limits: dict[str, Any] = {}
        while True:
            span = _RANGE.match(self.text, self.at)
            if span is not None and (span[1] or span[2]):
                least, most = _RANGES.get(kind, ("min_length", "max_length"))
                limits |= {
                    key: self.number(key, text)
                    for key, text in ((least, span[1]), (most, span[2]))
                    if text is not None
                }
                self.at = span.end()
            else:
                limits |= self.limit()
            if not self.skip(","):
                self.need(")")
                return limits

    def limit(self) -> dict[str, Any]:
        self.space()
        start = self.at
        key = self.take(_WORD, "a limit such as `max_words=12` or `0..10`")
        if key not in _LIMITS:
            self.at = start
            raise self.fail(f"one of the limits {', '.join(_LIMITS)}")
        self.need("=")
        if key in WHOLE_LIMITS | NUMBER_LIMITS:
            return {key: self.number(key, self.take(_NUMBER, "a number"))}
        return {key: self.value("a text")}

    def number(self, key: str, text: str) -> float:
        if key in WHOLE_LIMITS and not text.isdigit():
            raise self.fail(f"a whole number for `{key}`")
        return float(text) if "." in text else int(text)


_RANGES = {
    Kind.INTEGER: ("minimum", "maximum"),
    Kind.NUMBER: ("minimum", "maximum"),
    Kind.ARRAY: ("min_items", "max_items"),
}
