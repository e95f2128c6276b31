"""The shape of inputs and answers: Field, Schema, Problem.

Knows kinds and limits of values. Refuses to know where values come from.
Reading definitions is in `definitions.py`, checking values in `checks.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_LINKS = re.compile(r"[\s_\-]+")


class Kind(StrEnum):
    """What a value is. The first ten may stand in a cell of a table; the last two hold others."""

    STRING = "string"
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ENUM = "enum"
    DATE = "date"
    DATETIME = "datetime"
    EMAIL = "email"
    URL = "url"
    ARRAY = "array"
    OBJECT = "object"


TEXT_KINDS = frozenset({Kind.STRING, Kind.TEXT, Kind.EMAIL, Kind.URL})
"""Kinds whose values may be limited in characters, words and by a pattern."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One complaint about one field.

    Attributes:
        field: dotted path such as `tldr` or `tags.2`; empty for the whole row.
        message: one sentence that a person understands, without the row number.
        code: stable, such as `missing`, `not_a_number`, `too_many_words`.
    """

    field: str
    message: str
    code: str = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One named, typed, described value.

    Attributes:
        label: what people call it; empty = the name.
        default: used where an input is missing and not required; `None` = no default.
        options: allowed values of an enum.
        min_length, max_length: characters of a text.
        min_words, max_words: words separated by white space.
        minimum, maximum: range of a number, both included.
        pattern: regular expression (RE2 syntax) that must match the whole text.
        items: what an array holds. min_items, max_items: how many.
        fields: what an object holds.
        separator: splits a cell into a list where the cell is no JSON list.
        examples: sample values; the first is used for previews.
    """

    name: str
    kind: Kind = Kind.STRING
    description: str = ""
    label: str = ""
    required: bool = True
    default: Any = None
    options: tuple[str, ...] = ()
    min_length: int | None = None
    max_length: int | None = None
    min_words: int | None = None
    max_words: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""
    items: Field | None = None
    min_items: int | None = None
    max_items: int | None = None
    fields: tuple[Field, ...] = ()
    separator: str = ";"
    examples: tuple[Any, ...] = field(default=())

    @property
    def title(self) -> str:
        """What people call it."""
        return self.label or self.name


def folded(name: str) -> str:
    """What is left of a name without case, spaces, `_` and `-`: so columns find their inputs."""
    return _LINKS.sub("", name).casefold()


@dataclass(frozen=True, slots=True)
class Schema:
    """An ordered set of fields with distinct names."""

    fields: tuple[Field, ...]

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    @property
    def names(self) -> tuple[str, ...]:
        """The fields' names in order."""
        return tuple(f.name for f in self.fields)

    def get(self, name: str) -> Field | None:
        """The field of this name, or `None`."""
        return next((f for f in self.fields if f.name == name), None)
