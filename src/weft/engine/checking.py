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

Key = Callable[[Mapping[str, Value]], RowKey]
"""Computes the identity of a question from its mapped values."""
Looked = tuple[NewRow, Mapping[str, Value] | None]
"""The line for the store, and the mapped, typed inputs; `None` if the row is rejected."""


def check_rows(
    rows: Sequence[Row | BrokenRow], prompter: Prompter, *, columns: Sequence[str], key: Key
) -> list[Looked]:
    """Decide which of these rows may be asked about, in order.

    Args:
        columns: order in which the cells are kept.
    """
    checked = iter(prompter.values_of([row.cells for row in rows if not isinstance(row, BrokenRow)]))
    written = plain_json.kept_all([[*map(row.cells.get, columns)] for row in rows])
    looked: list[Looked] = []
    for row, cells in zip(rows, written, strict=True):
        if isinstance(row, BrokenRow):
            looked.append(_rejected(row, cells, (row.problem,)))
            continue
        each = next(checked)
        if each.problems:
            looked.append(_rejected(row, cells, each.problems))
        else:
            values = each.values
            looked.append((NewRow(row.place, row.line, cells, key(values)), values))
    return looked


def _rejected(row: Row | BrokenRow, cells: bytearray, problems: tuple[Problem, ...]) -> Looked:
    said = sentence(row.place, row.line, problems)
    return NewRow(row.place, row.line, cells, None, RowState.REJECTED, said, problems[0].code), None


def sentence(place: int, line: int, problems: Sequence[Problem]) -> str:
    """Say what is wrong with a row: `Row 3: …`, and the physical line where it has one."""
    where = f"Row {place + 1}" + (f" (line {line})" if line else "")
    return f"{where}: " + " ".join(problem.message for problem in problems)
