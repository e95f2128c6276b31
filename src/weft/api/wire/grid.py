"""Looking on, on the wire: the grid of a run, its changes, and rows as a table shows them.

Knows that letters, counts and places are all that is told again and again. Refuses long texts: whoever
wants all of a row asks for its story.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from weft.api.wire.runs import State
from weft.api.wire.shapes import Told

Letter = Literal["q", "r", "s", "f", "i", "k", "x"]
LETTERS = "`q` queued, `r` running, `s` succeeded, `f` failed, `i` rejected for its inputs, `k` skipped, `x` cancelled"
CURSOR = r"^[0-9]{1,18}$"


class GridShape(Told):
    """How every row stands."""

    cursor: str = Field(description="Ask for `changes` since it.")
    codes: str = Field(
        description=f"One letter for each place, in order: {LETTERS}; `-` = no row was added there yet."
    )


class CountsShape(Told):
    """Rows by their letters."""

    q: int = 0
    r: int = 0
    s: int = 0
    f: int = 0
    i: int = 0
    k: int = 0
    x: int = 0


class ProgressShape(Told):
    """How a run stands."""

    state: State
    reason: str
    message: str
    wish: Literal["", "pause", "cancel"]
    total: int
    counts: CountsShape
    calls: int
    spent_usd: str | None = Field(description="Exact dollars; null = the price is not known.")
    unsure_usd: str | None
    reserved_usd: str | None = Field(description="Set aside for calls on their way.")
    budget_usd: str | None
    elapsed_s: float
    rows_per_s: float | None = Field(description="Of the last half minute; null = not known, or not at work.")
    left_s: float | None = Field(description="Seconds until no row waits, at this pace; null likewise.")
    first_start: float | None
    last_completion: float | None


class ChangesShape(Told):
    """What has changed since a cursor; under 100 bytes if nothing has."""

    cursor: str = Field(description="Where to go on.")
    reset: bool = Field(description="The cursor is too old: take the whole grid again.")
    more: bool = Field(description="More has changed already: ask again at once.")
    summary: ProgressShape | None = Field(description="null = nothing has changed.")
    rows: list[tuple[int, Letter]] = Field(
        description="Place and letter of rows that stand differently, at most 2,000; a row that has "
        "merely come in another way may be among them."
    )


class LightRowShape(Told):
    """A row as a table shows it: texts longer than 200 characters are cut and end with `…`."""

    place: int
    line: int
    code: Letter
    started_at: float | None = Field(description="When it was asked about, seconds since the epoch.")
    ended_at: float | None = Field(description="When it came to its end; null = not yet, or without a call.")
    summary: str = Field(description="The first two fields of its answer, or its problem.")
    cells: dict[str, Any]
    answer: dict[str, Any] | None
    problem: str
    problem_code: str
    cost_usd: str | None
    attempts: int
    recalled: bool
    cut: bool = Field(description="Something in it was cut; `get_row` tells all.")


class LightRowsShape(Told):
    """Some rows, in the order of the table; places without a row are left out."""

    rows: list[LightRowShape]
