"""Stop 2: is this row fit to ask about?

Takes a row as read and gives the line that the store keeps: waiting with its key, or rejected
with one sentence that names the place. Refuses to know the file, other rows and money.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from weft.ids import RowKey
from weft.kit import plain_json
from weft.protocols import NewRow, Prompter
from weft.row import BrokenRow, Row, RowState, Value
from weft.schema import Problem


def check_row(
    row: Row | BrokenRow,
    prompter: Prompter,
    *,
    columns: Sequence[str],
    key: Callable[[Mapping[str, Value]], RowKey],
) -> tuple[NewRow, Mapping[str, Value] | None]:
    """Decide whether a row may be asked about.

    Args:
        columns: order in which the cells are kept.
        key: computes the identity of the question from the mapped values.

    Returns:
        The line for the store, and the mapped, typed inputs; `None` if the row is rejected.
    """
    cells = row.cells
    kept = plain_json.dump([*map(cells.get, columns)])
    if isinstance(row, BrokenRow):
        return _rejected(row, kept, (row.problem,)), None
    checked = prompter.values(cells)
    if checked.problems:
        return _rejected(row, kept, checked.problems), None
    return NewRow(row.place, row.line, kept, key(checked.values)), checked.values


def _rejected(row: Row | BrokenRow, kept: bytes, problems: tuple[Problem, ...]) -> NewRow:
    return NewRow(
        row.place,
        row.line,
        kept,
        None,
        RowState.REJECTED,
        sentence(row.place, row.line, problems),
        problems[0].code,
    )


def sentence(place: int, line: int, problems: Sequence[Problem]) -> str:
    """Say what is wrong with a row: `Row 3: …`, and the physical line where it has one."""
    where = f"Row {place + 1}" + (f" (line {line})" if line else "")
    return f"{where}: " + " ".join(problem.message for problem in problems)
