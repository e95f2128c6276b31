"""One line of the table and how it ends: Row, Problem-bearing Outcome, RowState and its moves.

Knows which moves of a row are allowed. Refuses to know files, prompts, money rules and the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from weft.errors import ImpossibleMove
from weft.ids import CallId
from weft.money import Usd
from weft.schema import Problem


class RowState(StrEnum):
    """Where a row is on its way."""

    WAITING = "waiting"
    """Read and fit to ask about; nothing is known yet."""
    ASKED = "asked"
    """In a call that was sent and not settled."""
    ANSWERED = "answered"
    """Has a checked answer."""
    FAILED = "failed"
    """Asked in vain; the problem says why."""
    REJECTED = "rejected"
    """Its inputs do not fit; it was never asked."""
    SKIPPED = "skipped"
    """Not asked because the budget ended or the run was cancelled; a resumed run may ask it."""


MOVES: Mapping[RowState, frozenset[RowState]] = {
    RowState.WAITING: frozenset({RowState.ASKED, RowState.ANSWERED, RowState.REJECTED, RowState.SKIPPED}),
    RowState.ASKED: frozenset({RowState.ANSWERED, RowState.FAILED, RowState.WAITING}),
    RowState.ANSWERED: frozenset(),
    RowState.FAILED: frozenset({RowState.WAITING}),
    RowState.REJECTED: frozenset(),
    RowState.SKIPPED: frozenset({RowState.WAITING}),
}
"""Allowed moves. `failed → waiting` and `skipped → waiting` happen only when a person asks again."""

TERMINAL = frozenset({RowState.ANSWERED, RowState.FAILED, RowState.REJECTED, RowState.SKIPPED})


def move(state: RowState, to: RowState) -> RowState:
    """Return `to` if a row may go there from `state`.

    Raises:
        ImpossibleMove: if the table of moves does not allow it.
    """
    if to not in MOVES[state]:
        raise ImpossibleMove(f"A row cannot go from `{state}` to `{to}`.", found=state, asked=to)
    return to


LETTERS: Mapping[RowState, str] = {
    RowState.WAITING: "q",
    RowState.ASKED: "r",
    RowState.ANSWERED: "s",
    RowState.FAILED: "f",
    RowState.REJECTED: "i",
    RowState.SKIPPED: "k",
}
"""How a row stands in one letter: queued, running, succeeded, failed, inputs that do not fit, skipped."""
CANCELLED_LETTER = "x"
"""A row that was skipped because a person has cancelled the run."""
NO_ROW_LETTER = "-"
"""A place at which no row was added yet."""

Value = Any
"""A cell or an input: text, whole number, number, boolean, None, a list or a mapping of these."""


@dataclass(slots=True)  # not frozen: a frozen one takes 0.4 µs longer to make, and there are millions
class Row:
    """One record of the table; nobody changes it after it was read.

    Attributes:
        place: 0-based order among the data records.
        line: physical line in the file where the record starts, counted from 1 with the header;
            0 where the source has no lines.
        cells: column → value as read: text for CSV, typed for JSONL, Parquet and XLSX.
    """

    place: int
    line: int
    cells: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A record that cannot be a row, such as one with too many cells; it is booked as `rejected`.

    Attributes:
        place, line: as in `Row`; broken records count.
        cells: column → what is there; columns that got nothing are missing, cells beyond the last
            column stand, shortened, in the problem.
        problem: what is wrong, without the row's number.
    """

    place: int
    line: int
    cells: Mapping[str, Value]
    problem: Problem


@dataclass(slots=True)
class Checked:
    """What became of values that were checked: either clean values or the complaints.

    Not frozen, because one is made twice for every row and freezing costs three times as much;
    nobody changes it.

    Attributes:
        values: the coerced values; meaningless where there are problems.
        problems: what is wrong; empty means fit.
        notes: what was repaired or is only soft, for the record (for example `3` read from `"3"`).
    """

    values: Mapping[str, Value]
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a row stands: its cells, its state, its answer or its problem, and what it cost.

    Attributes:
        answer: field → value in schema order; `None` unless answered.
        problem: why it failed, was rejected or skipped, as one sentence; empty otherwise.
        problem_code: the stable code of the problem, such as `wrong_shape`; empty otherwise.
        cost: this row's share of every call that carried it, failed ones included;
            `None` where the price is unknown.
        input_tokens, output_tokens: likewise its share.
        attempts: calls that carried it; 0 for recalled, rejected and skipped rows.
        call: the call that brought the answer, or the last that failed; `None` if there was none.
        recalled: answered from memory or by an identical row; it cost nothing.
        notes: repairs and soft complaints about the answer.
    """

    place: int
    line: int
    cells: Mapping[str, Value]
    state: RowState
    answer: Mapping[str, Value] | None = None
    problem: str = ""
    problem_code: str = ""
    cost: Usd | None = Usd(0)
    input_tokens: int = 0
    output_tokens: int = 0
    attempts: int = 0
    call: CallId | None = None
    recalled: bool = False
    notes: tuple[str, ...] = field(default=())
