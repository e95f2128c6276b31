"""What every table format promises, run over every drop-in of `tables/formats`."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from weft.errors import UnreadableTable
from weft.protocols import WriteOptions
from weft.row import Row, Value
from weft.tables.choosing import FORMATS
from weft.tables.reading import open_table
from weft.tables.writing import write_rows

HEADER = ("id", "text", "Zahl, “quoted”")
TRICKY = [
    ("0042", 'comma, "quotes" and; bars|tabs\t', "1.10"),
    ("1e5", "two\nlines\r\nthree\rfour\u2028five\u2029", "  both ends  "),
    ("-7", "naïve – Ελλάδα – 😀 e\u0301", "NULL"),
    ("true", "'single' `back` \\n \\", "[1,2]"),
    ("+49 170", "=1+1", "@home"),
    ("_x0041_", "\ufeffmark\u200b", "#N/A"),
]
TEXT_FORMATS = {"csv", "tsv"}


@pytest.fixture(params=FORMATS.names())
def name(request: pytest.FixtureRequest) -> str:
    """The name of one format."""
    return str(request.param)


@pytest.fixture
def path(name: str, tmp_path: Path) -> Path:
    """Where a file of this format may be written."""
    return tmp_path / f"table{FORMATS.get(name).suffixes[0]}"


def test_tricky_texts_come_back(path: Path) -> None:
    """I8: names, order, and every character of every text survive writing and reading."""
    written = write_rows(TRICKY, path, header=HEADER, options=WriteOptions(raw=True))

    table = open_table(path)

    assert table.columns == HEADER
    assert [tuple(row.cells.values()) for row in table.rows()] == TRICKY
    assert [row.place for row in table.rows()] == list(range(len(TRICKY)))
    assert (written.rows, written.altered) == (len(TRICKY), 0)


def test_values_come_back_typed_or_as_text(name: str, path: Path) -> None:
    """Typed formats keep numbers, booleans and nothing; text formats write them as JSON would."""
    values: list[Value] = [1, -2.5, True, None, "x"]
    write_rows([values], path, header=list("abcde"))

    (row,) = open_table(path).rows()

    expected = ["1", "-2.5", "true", "", "x"] if name in TEXT_FORMATS else values
    assert list(row.cells.values()) == expected


def test_table_knows_itself(name: str, path: Path) -> None:
    """A table says its path and its format, and its digest is that of the file."""
    write_rows(TRICKY, path, header=HEADER)

    table, again = open_table(path), open_table(str(path))

    assert (table.path, table.format) == (str(path), name)
    assert table.digest() == again.digest()
    assert len(table.digest()) == 64


def test_formulas_are_text(name: str, path: Path) -> None:
    """P36: unless `raw` is said, no format leaves a text that a spreadsheet would run."""
    write_rows([("=1+1", "-1")], path, header=("a", "b"))

    (row,) = open_table(path).rows()

    assert row.cells == {"a": "'=1+1" if name in TEXT_FORMATS else "=1+1", "b": "-1"}


def test_stream_stays_open(name: str) -> None:
    """An export to a stream is complete and leaves the stream to its owner."""
    stream = io.BytesIO()

    written = write_rows(TRICKY, stream, header=HEADER, form=name)

    assert not stream.closed
    assert len(stream.getvalue()) > 100
    assert (written.rows, written.path) == (len(TRICKY), None)


def test_writer_takes_records_in_parts(name: str, path: Path) -> None:
    """Records may be handed to a writer in several parts; they stand in one table."""
    with path.open("wb") as stream:
        writer = FORMATS.get(name).writer(stream, HEADER, options=WriteOptions(raw=True))
        assert [writer.write(TRICKY[:2]), writer.write([]), writer.write(TRICKY[2:])] == [2, 0, 4]
        writer.close()

    assert [tuple(row.cells.values()) for row in open_table(path).rows()] == TRICKY


def test_no_rows_are_no_trouble(name: str, path: Path) -> None:
    """P44: a table without rows is written and, where the format keeps a header, read."""
    assert write_rows([], path, header=HEADER).rows == 0

    if name == "jsonl":  # nothing at all stands in the file
        with pytest.raises(UnreadableTable, match="is empty"):
            open_table(path)
    else:
        assert (open_table(path).columns, list(open_table(path).rows())) == (HEADER, [])


def test_first_rows_cost_little(path: Path) -> None:
    """Reading is streamed: two readers of one table do not disturb each other and may stop early."""
    write_rows(([str(n), "x"] for n in range(5000)), path, header=("a", "b"))
    table = open_table(path)
    first, second = table.rows(), table.rows()

    assert [row.cells["a"] for row in islice(first, 3)] == ["0", "1", "2"]
    assert [row.cells["a"] for row in islice(second, 2)] == ["0", "1"]
    assert next(first).cells["a"] == "3"


def peak_of(reading: Iterator[object]) -> int:
    """The most memory in use while an iterator is walked."""
    tracemalloc.start()
    try:
        for _ in reading:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def records(count: int) -> Iterator[list[Value]]:
    """Rows of about 200 characters."""
    return ([str(n), f"text {n} " * 20] for n in range(count))


ROWS = {"xlsx": 300}  # a slow format; elsewhere the first part of a table fills buffers


def test_memory_does_not_grow_with_the_table(name: str, tmp_path: Path) -> None:
    """Reading six times the rows takes no more memory than reading them once."""
    few = ROWS.get(name, 4000)
    peaks = []
    for count in (few, 6 * few):
        path = tmp_path / f"{count}{FORMATS.get(name).suffixes[0]}"
        write_rows(records(count), path, header=("a", "b"))
        list(islice(open_table(path).rows(), 5))  # what is loaded once is not counted
        peaks.append(peak_of(open_table(path).rows()))

    assert peaks[1] < 1.5 * peaks[0] + 100_000


def test_rows_are_rows(path: Path) -> None:
    """What comes out of a well-formed table are rows with all its columns."""
    write_rows(TRICKY, path, header=HEADER)

    assert all(isinstance(row, Row) and tuple(row.cells) == HEADER for row in open_table(path).rows())
