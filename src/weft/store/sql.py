"""Statements: built once with SQLAlchemy Core, spoken to the driver as plain text.

Knows how a Core statement becomes SQL text with positional parameters for one dialect.
Refuses to know what any statement is for. The hot path pays for no expression language:
a statement is compiled at its first use and then costs what the driver costs.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.elements import ClauseElement, ColumnElement, literal_column


def number(value: int) -> ColumnElement[int]:
    """A whole number that stands in the text of a statement instead of among its parameters."""
    return literal_column(str(value))


def word(value: str) -> ColumnElement[str]:
    """A text of our own that stands in the text of a statement; never a user's."""
    return literal_column(f"'{value}'")


EMPTY = word("")


def blob(value: bytes | bytearray) -> bytearray:
    """Make bytes a parameter that is bound at once.

    SQLite's driver looks for an adapter for every `bytes`.
    """
    return value if type(value) is bytearray else bytearray(value)


_VALUES = re.compile(r"^INSERT .* VALUES (\([^()]*\))", re.DOTALL)


class Sql:
    """One statement and the names of its parameters in the order in which they are handed over."""

    __slots__ = ("_repeated", "_statement", "_texts", "names")

    def __init__(self, statement: Executable, *names: str) -> None:
        """Keep a Core statement and the order of its parameters, every use named."""
        self._statement = statement
        self._texts: dict[str, str] = {}
        self._repeated: dict[tuple[str, int], str | None] = {}
        self.names = names

    def text(self, dialect: Dialect) -> str:
        """Give the SQL text for a dialect; compiled once.

        Raises:
            ValueError: if the compiled order of parameters is not the declared one.
        """
        known = self._texts.get(dialect.name)
        return known if known is not None else self._compile(dialect)

    def repeated(self, dialect: Dialect, times: int) -> str | None:
        """Give the text that inserts so many rows at once; `None` where it is no plain insert."""
        mark = (dialect.name, times)
        if mark not in self._repeated:
            text = self.text(dialect)
            found = _VALUES.match(text)
            self._repeated[mark] = found and (
                text[: found.start(1)] + ", ".join([found[1]] * times) + text[found.end(1) :]
            )
        return self._repeated[mark]

    def _compile(self, dialect: Dialect) -> str:
        statement: Any = self._statement
        if not isinstance(statement, ClauseElement):
            raise TypeError(f"{statement!r} is no SQL expression")
        compiled: Any = statement.compile(dialect=dialect)
        found = tuple(compiled.positiontup or ())
        if found != self.names:
            raise ValueError(f"parameters are {found}, declared as {self.names}, in\n{compiled}")
        text: str = str(compiled)
        self._texts[dialect.name] = text
        return text
