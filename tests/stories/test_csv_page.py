"""The page `docs/how-to/csv-format.md` says what the code does: examples, tables and numbers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from weft.checks import input_coercer
from weft.errors import UnreadableTable
from weft.row import BrokenRow
from weft.schema import Field, Kind, Schema
from weft.tables.formats import _columns, _dialect, _quotes, _text
from weft.tables.formats._guard import guarded
from weft.tables.reading import describe, open_table
from weft.tables.writing import META

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "csv-format.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


def examples() -> list[tuple[str, dict[str, str]]]:
    """Every CSV example with the blocks that follow it."""
    found: list[tuple[str, dict[str, str]]] = []
    for kind, text in BLOCKS:
        if kind == "csv":
            found.append((text, {}))
        else:
            found[-1][1][kind] = text
    return found


def table_rows(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without the back-ticks."""
    part = PAGE.split(heading)[1].split("\n\n|")[1].split("\n\n")[0]
    return [
        [
            re.sub(r"^`(.*)`$", r"\1", cell, flags=re.DOTALL)
            for cell in re.split(r"(?<=[^ ]) \| ", line[2:].removesuffix(" |"))
        ]
        for line in f"|{part}".splitlines()[2:]
    ]


@pytest.mark.parametrize(("text", "expected"), examples(), ids=range(len(examples())))
def test_example_is_read_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: dict[str, str]
) -> None:
    """T79: an example gives exactly the rows, the problems or the error that stand below it."""
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text(text, encoding="utf-8")
    if "error" in expected:
        with pytest.raises(UnreadableTable) as caught:
            list(open_table("table.csv").rows())
        assert caught.value.message == expected["error"].strip()
        return

    rows = list(open_table("table.csv").rows())
    broken = [describe(row) for row in rows if isinstance(row, BrokenRow)]
    good = [row.cells for row in rows if not isinstance(row, BrokenRow)]

    assert good == [json.loads(line) for line in expected["json"].splitlines()]
    assert broken == expected.get("problems", "").splitlines()


@pytest.mark.parametrize(("kind", "cell", "value"), table_rows("## Types"))
def test_cell_becomes_the_value_shown(kind: str, cell: str, value: str) -> None:
    """T71, T79: a cell is coerced as the page's table of types says."""
    checked = input_coercer(Schema((Field(name="x", kind=Kind(kind)),)))({"x": cell})

    if value == "not a value":
        assert checked.problems
    else:
        assert (checked.problems, checked.values["x"]) == ((), json.loads(value))


@pytest.mark.parametrize(("cell", "written"), table_rows("A cell that a spreadsheet would run"))
def test_cell_is_written_as_shown(cell: str, written: str) -> None:
    """P36: the guard does what the page's table shows."""
    assert guarded(cell) == written


def test_numbers_are_those_of_the_code() -> None:
    """T79: the limits on the page are the limits in force."""
    limits = dict(table_rows("## Limits"))

    assert limits["columns"] == f"{_columns.COLUMN_LIMIT:,}"
    assert limits["characters of a column's name"] == f"{_columns.NAME_LIMIT:,}"
    assert limits["characters of one cell"].startswith(f"{_quotes.CELL_LIMIT:,} ")
    assert limits["characters of one record or line"].startswith(f"{_quotes.RECORD_LIMIT:,} ")
    assert _quotes.RECORD_LIMIT == _text.LINE_LIMIT
    assert f"the first {_dialect.SAMPLE >> 10} kB" in PAGE
    assert all(f"`{name}`" in PAGE for name in META)
