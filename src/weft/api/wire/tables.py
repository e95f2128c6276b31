"""Tables that are handed over, on the wire: facts, a preview, changes.

Knows which facts of a table are told. Refuses paths: a table is asked for by its id.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from weft.api.wire.shapes import Asked, Told

TABLE = r"^t[a-z0-9]{12}$"
TableName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class ReadingShape(Told):
    """How a table is read; empty = found out."""

    encoding: str
    delimiter: str
    sheet: str
    ragged: str


class ColumnShape(Told):
    """What is known about a column."""

    name: str
    empty: int = Field(description="Rows without anything in it.")
    distinct: int | None = Field(description="Different values; null = more than were counted.")
    longest: int = Field(description="Characters of the longest cell.")
    kind: str = Field(
        description="Guessed: string, integer, number, boolean, date, list, object, mixed, empty."
    )


class TableShape(Told):
    """A table that was handed over."""

    id: str
    name: str
    bytes: int
    sha256: str
    kept_at: float = Field(description="Seconds since the epoch, UTC.")
    columns: list[str]
    rows: int | None = Field(description="All of them, broken ones too; null = not counted yet.")
    broken: int | None = Field(description="Records that are no rows, such as ones with too many cells.")
    facts: list[ColumnShape] = Field(description="What is known about each column.")
    reading: ReadingShape
    notes: list[str] = Field(description="What was found or repaired when it was opened.")


class TablesPage(Told):
    """A page of the list of tables, the newest first."""

    tables: list[TableShape]
    next: str | None


class TableRowShape(Told):
    """A row as it stands in the table."""

    place: int
    line: int = Field(description="Where it starts in the file, counted from 1; 0 = it has no lines.")
    cells: dict[str, Any]
    problem: str = Field(description="What is wrong with a broken row; empty = it is sound.")


class TableRowsPage(Told):
    """Some rows of a table."""

    rows: list[TableRowShape]
    offset: int = Field(description="Place of the first of them, counted from 0.")
    total: int = Field(description="Rows of the whole table.")
    next: int | None = Field(description="Offset to go on at; null = there are no further rows.")


class TablePreviewShape(Told):
    """The first rows of a table."""

    columns: list[str]
    rows: list[TableRowShape]
    problems: list[str] = Field(description="A sentence for each broken row among them.")
    notes: list[str]
    more: bool = Field(description="Whether there are further rows.")


class ReadingAsked(Asked):
    """How a table is to be read; what is left out is found out."""

    encoding: Annotated[str, StringConstraints(max_length=40)] = ""
    delimiter: Annotated[str, StringConstraints(max_length=9)] = ""
    sheet: Annotated[str, StringConstraints(max_length=200)] = ""
    ragged: Literal["reject", "pad"] = "reject"


class TableAsked(Asked):
    """What is to change; what is left out stays."""

    name: TableName | None = None
    reading: ReadingAsked | None = None
