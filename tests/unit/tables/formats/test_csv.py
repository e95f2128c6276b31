from __future__ import annotations

import codecs
import io
from pathlib import Path

import pytest

from weft.errors import BadSetting, UnreadableTable
from weft.protocols import ReadOptions, Table, WriteOptions
from weft.row import BrokenRow, Row
from weft.tables.formats._text import BLOCK
from weft.tables.reading import describe, open_table
from weft.tables.writing import write_rows

MIB = 1 << 20


def opened(folder: Path, data: bytes, **options: str) -> Table:
    """A table of these bytes."""
    path = folder / "t.csv"
    path.write_bytes(data)
    return open_table(path, ReadOptions(**options))


def cells(table: Table) -> list[list[str]]:
    """The cells of every good row."""
    return [list(row.cells.values()) for row in table.rows() if isinstance(row, Row)]


BYTES: dict[str, tuple[bytes, dict[str, str], tuple[str, ...], list[list[str]]]] = {
    "plain": (b"a,b\n1,2\n", {}, ("a", "b"), [["1", "2"]]),
    "no last newline": (b"a,b\n1,2", {}, ("a", "b"), [["1", "2"]]),
    "utf-8 mark": (codecs.BOM_UTF8 + "ä,b\n1,ß\n".encode(), {}, ("ä", "b"), [["1", "ß"]]),
    "utf-8 mark before a quote": (codecs.BOM_UTF8 + b'"a",b\n1,2\n', {}, ("a", "b"), [["1", "2"]]),
    "utf-16 little end": (
        codecs.BOM_UTF16_LE + "a,b\n1,é\n".encode("utf-16-le"),
        {},
        ("a", "b"),
        [["1", "é"]],
    ),
    "utf-16 big end": (
        codecs.BOM_UTF16_BE + "a,b\n1,😀\n".encode("utf-16-be"),
        {},
        ("a", "b"),
        [["1", "😀"]],
    ),
    "utf-32 little end": (
        codecs.BOM_UTF32_LE + "a,b\n1,é\n".encode("utf-32-le"),
        {},
        ("a", "b"),
        [["1", "é"]],
    ),
    "utf-32 big end": (codecs.BOM_UTF32_BE + "a,b\n1,é\n".encode("utf-32-be"), {}, ("a", "b"), [["1", "é"]]),
    "utf-16 without mark": (
        "a,b\n1,é\n".encode("utf-16-le"),
        {"encoding": "utf-16-le"},
        ("a", "b"),
        [["1", "é"]],
    ),
    "latin-1": (b"a,b\n1,caf\xe9\n", {"encoding": "latin-1"}, ("a", "b"), [["1", "café"]]),
    "cp1252": (b"a,b\n1,\x80\n", {"encoding": "cp1252"}, ("a", "b"), [["1", "€"]]),
    "cr lf": (b"a,b\r\n1,2\r\n", {}, ("a", "b"), [["1", "2"]]),
    "cr only": (b"a,b\r1,2\r3,4\r", {}, ("a", "b"), [["1", "2"], ["3", "4"]]),
    "mixed newlines": (b"a,b\n1,2\r\n3,4\r5,6", {}, ("a", "b"), [["1", "2"], ["3", "4"], ["5", "6"]]),
    "newlines in cells": (b'a,b\n"1\r\n2\r3\n4",x\n', {}, ("a", "b"), [["1\r\n2\r3\n4", "x"]]),
    "line and paragraph separators": (
        "a,b\n1\u2028,2\u2029\x85\x0b\x0c\x1c\n".encode(),
        {},
        ("a", "b"),
        [["1\u2028", "2\u2029\x85\x0b\x0c\x1c"]],
    ),
    "doubled quotes": (b'a,b\n"5"" disk",""\n', {}, ("a", "b"), [['5" disk', ""]]),
    "quote inside a bare cell": (b'a,b\n5" disk,x\n', {}, ("a", "b"), [['5" disk', "x"]]),
    "semicolons and decimal commas": (b"a;b\n1,5;2,5\n", {}, ("a", "b"), [["1,5", "2,5"]]),
    "tabs": (b"a\tb\n1,2\t3\n", {}, ("a", "b"), [["1,2", "3"]]),
    "bars": (b"a|b|c\n1|2|3\n", {}, ("a", "b", "c"), [["1", "2", "3"]]),
    "declared delimiter": (b"sep=;\r\na;b,c\r\n1;2\r\n", {}, ("a", "b,c"), [["1", "2"]]),
    "single quotes": (b"a,b\n'x, y',2\n'v, w',3\n", {}, ("a", "b"), [["x, y", "2"], ["v, w", "3"]]),
    "one column": (b"a\n1\n\n2\n", {}, ("a",), [["1"], ["2"]]),
    "blank lines": (b"\n\na,b\n\n1,2\n\n", {}, ("a", "b"), [["1", "2"]]),
    "spaces and zeros kept": (b"a, b\n 007 ,1e5\n", {}, ("a", " b"), [[" 007 ", "1e5"]]),
    "combining and replacement characters": (
        "a,b\ne\u0301,\ufffd\n".encode(),
        {},
        ("a", "b"),
        [["e\u0301", "\ufffd"]],
    ),
    "header only": (b"a,b\n", {}, ("a", "b"), []),
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_give_exact_cells(tmp_path: Path, name: str) -> None:
    """S17: what stands in the file, and nothing else, stands in the cells."""
    data, options, columns, expected = BYTES[name]

    table = opened(tmp_path, data, **options)

    assert (table.columns, cells(table)) == (columns, expected)


FAULTS: dict[str, tuple[bytes, dict[str, str], int | None, str]] = {
    "latin-1 unasked": (b"a,b\n1,2\n3,caf\xe9\n", {}, 3, "0xE9"),
    "cut utf-8": (b"a,b\n1,\xe2\x82", {}, 2, "utf-8"),
    "cut utf-16": (codecs.BOM_UTF16_LE + "a,b\n1,2\n".encode("utf-16-le") + b"x", {}, 3, "utf-16"),
    "nul": (b"a,b\n1,2\n3,\x004\n", {}, 3, "NUL"),
    "utf-16 without mark unasked": ("a,b\n1,2\n".encode("utf-16-le"), {}, 1, "NUL"),
    "open quote": (b'a,b\n1,2\n3,"oops\n4,5\n', {}, 3, "never closed"),
    "open quote in a later line of a record": (b'a,b,c\n"x\ny","oops\n4,5\n', {}, 3, "never closed"),
    "text after a quote": (b'a,b\n1,"x"y\n', {}, 2, "closing quote"),
    "huge cell": (b"a,b\n1," + b"x" * (MIB + 1) + b"\n", {}, 2, "1 MiB"),
    "huge quoted cell": (b'a,b\n1,"' + b"x\n" * MIB + b'"\n', {}, 2, "1 MiB"),
    "endless line": (b"a,b\n1" + b",2" * (5 * MIB), {}, 2, "8 MiB"),
    "endless record": (b"a,b\n1" + b',"\n"' * (3 * MIB), {}, 2, "8 MiB"),
    "zip": (b"PK\x03\x04 and so on", {}, None, "ZIP"),
    "gzip": (b"\x1f\x8b\x08\x00", {}, None, "gzip"),
    "only blank lines": (b"\n\r\n\n", {}, None, "no header"),
    "empty": (b"", {}, None, "empty"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_told_with_its_line(tmp_path: Path, name: str) -> None:
    """S15, S17: what cannot be read is an error with the physical line and a way out."""
    data, options, line, words = FAULTS[name]

    with pytest.raises(UnreadableTable) as caught:
        list(opened(tmp_path, data, **options).rows())

    assert words in caught.value.message
    assert caught.value.facts.get("line") == line
    assert caught.value.hint


def test_undecodable_byte_offers_an_encoding(tmp_path: Path) -> None:
    """S17: the error shows the byte and names the flag; nothing is guessed."""
    with pytest.raises(UnreadableTable, match=r"Line 2 of .* holds byte 0xE9, which is no utf-8") as caught:
        opened(tmp_path, b"a,b\n1,caf\xe9\n")

    assert "--encoding latin-1" in caught.value.hint


def test_lines_are_physical_lines(tmp_path: Path) -> None:
    """P05: a record's line is where it starts in the file, also after cells with newlines."""
    table = opened(tmp_path, b'\na,b\n1,"x\ny\r\nz"\n\n2,y\r3,z\n')

    assert [(row.place, row.line) for row in table.rows()] == [(0, 3), (1, 7), (2, 8)]


def test_ragged_record_is_broken(tmp_path: Path) -> None:
    """P05, P06, S18: extra and lacking cells are reported with line and record, not hidden."""
    table = opened(tmp_path, b'a,b\n"1\n1",2\n1,2,3\n1\n4,5\n')

    broken = [row for row in table.rows() if isinstance(row, BrokenRow)]

    assert [describe(row) for row in broken] == [
        (
            "Line 4 (record 2): The record has 3 cells, the header has 2; quote cells that contain the delimiter. "
            "Beyond the last column: `3`."
        ),
        "Line 5 (record 3): The record has 1 cell, the header has 2; pad short records with --ragged pad.",
    ]
    assert [dict(row.cells) for row in broken] == [{"a": "1", "b": "2"}, {"a": "1"}]
    assert cells(table) == [["1\n1", "2"], ["4", "5"]]


def test_cells_beyond_the_last_column_are_quoted(tmp_path: Path) -> None:
    """S18: what fits into no column stands in the problem as it is in the file, shortened to 200 characters."""
    table = opened(tmp_path, b"a;b\n1;2;x;y\n1;2;" + b"z" * 900 + b"\n3;4\n5;6\n7;8\n")

    short, long = [row.problem.message for row in table.rows() if isinstance(row, BrokenRow)]

    assert short.endswith(" Beyond the last column: `x;y`.")
    assert long.endswith(" Beyond the last column: `" + "z" * 199 + "…`.")


def test_padding_loses_no_cell(tmp_path: Path) -> None:
    """S18: on request short records are filled and empty extra cells dropped; others stay broken."""
    table = opened(tmp_path, b"a,b\n1\n1,2,,\n1,2,3\n", ragged="pad")

    assert [type(row) for row in table.rows()] == [Row, Row, BrokenRow]
    assert cells(table) == [["1", ""], ["1", "2"]]


def test_columns_are_distinct_and_named(tmp_path: Path) -> None:
    """P06, S18: both values of `a,a` are kept under names that the notes explain."""
    table = opened(tmp_path, b"a,a,,a__2,a\n1,2,3,4,5\n")

    assert table.columns == ("a", "a__3", "column_3", "a__2", "a__4")
    assert cells(table) == [["1", "2", "3", "4", "5"]]
    assert len(table.notes) == 3


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (",".join(f"c{n}" for n in range(2001)), "2,001 columns"),
        ("a," + "x" * 10_000, "10,000 characters"),
        ("a,_weft_place", "reserved"),
    ],
)
def test_unusable_header_is_refused(tmp_path: Path, header: str, words: str) -> None:
    """S16, S18: too many columns, huge names and reserved ones are refused before any row."""
    with pytest.raises(UnreadableTable, match=words):
        opened(tmp_path, f"{header}\n1\n".encode())


def test_found_dialect_is_told(tmp_path: Path) -> None:
    """P06: the mark that was removed and a delimiter other than the comma are in the notes."""
    table = opened(tmp_path, codecs.BOM_UTF8 + b"a;b\n1;2\n")

    assert table.notes == (
        "The file starts with a byte-order mark; it is read as utf-8.",
        "Cells are separated by ';'.",
    )


@pytest.mark.parametrize("asked", ["\t", "tab", "\\t"])
def test_asked_delimiter_wins(tmp_path: Path, asked: str) -> None:
    """A delimiter that was asked for is used whatever the vote would say."""
    assert opened(tmp_path, b"a,b\tc,d\n", delimiter=asked).columns == ("a,b", "c,d")


@pytest.mark.parametrize(
    "options",
    [
        {"delimiter": "::"},
        {"delimiter": '"'},
        {"encoding": "nonsense"},
        {"encoding": "zip"},
        {"encoding": "undefined"},
        {"encoding": "Unicode_Escape"},
        {"encoding": "idna"},
        {"ragged": "cut"},
    ],
)
def test_unusable_option_is_refused(tmp_path: Path, options: dict[str, str]) -> None:
    """S17: an option without a usable value is named before the file is read; so are codecs that are no charset."""
    with pytest.raises(BadSetting):
        opened(tmp_path, b"a,b\n", **options)


def test_rows_start_anew_each_time(tmp_path: Path) -> None:
    """A table can be read as often as one likes, also by two readers at once."""
    table = opened(tmp_path, b"a\n1\n2\n")
    first, second = table.rows(), table.rows()

    assert [next(first).cells, next(second).cells] == [{"a": "1"}, {"a": "1"}]
    assert cells(table) == [["1"], ["2"]]


def test_pieces_may_cut_anywhere(tmp_path: Path) -> None:
    """Characters, CR LF pairs and quoted cells survive the borders between blocks of bytes."""
    rows = [[f"{n}" * (n % 7), 'ü"\r\n😀,' * (n % 5), "x" * (n % 11)] for n in range(9000)]
    path = tmp_path / "t.csv"
    write_rows(rows, path, header=["a", "b", "c"])
    data = path.read_bytes()
    for shift in range(3):
        shifted = path.with_name(f"{shift}.csv")
        shifted.write_bytes(b"\n" * shift + data)

        assert cells(open_table(shifted)) == rows


def test_cr_lf_on_a_border_is_one_line_end(tmp_path: Path) -> None:
    """A CR at the end of a block and its LF in the next one do not make two lines."""
    start = b"a,b\r\n1,"
    data = start + b"x" * (BLOCK - 1 - len(start)) + b"\r\n3,4\r\n"

    table = opened(tmp_path, data)

    assert data[BLOCK - 1 : BLOCK + 1] == b"\r\n"
    assert [row.line for row in table.rows()] == [2, 3]


def test_written_cells_read_back(tmp_path: Path) -> None:
    """Quotes, newlines of every kind, delimiters, emptiness and blanks come back as they were."""
    rows = [["a\rb", 'c"d', ""], ["\n", "\r\n", " , "], ["", "", ""], ["\u2028", "'", "0042"]]
    path = tmp_path / "t.csv"

    write_rows(rows, path, header=["x", "y", "z"], options=WriteOptions(raw=True))

    assert cells(open_table(path)) == rows


def test_lone_empty_cell_is_no_blank_line(tmp_path: Path) -> None:
    """I8: a table with one column keeps its rows, the empty ones too."""
    path = tmp_path / "t.csv"

    write_rows([["1"], [""], ["2"]], path, header=["x"])

    assert path.read_bytes() == b'x\n1\n""\n2\n'
    assert cells(open_table(path)) == [["1"], [""], ["2"]]


def test_values_become_text() -> None:
    """Nothing is empty, booleans are lower case, lists and mappings are JSON."""
    stream = io.BytesIO()

    write_rows([[None, True, 1.5, -2, ["ä", 1], {"k": None}]], stream, header=list("abcdef"))

    assert stream.getvalue().decode() == 'a,b,c,d,e,f\n,true,1.5,-2,"[""ä"",1]","{""k"":null}"\n'


def test_lone_surrogate_is_counted() -> None:
    """A character without an encoding becomes `?`, the cell counts as altered, the rest survives."""
    stream = io.BytesIO()

    written = write_rows([["ok"], ["bad\ud800"]], stream, header=["x"])

    assert (stream.getvalue(), written.altered) == (b"x\nok\nbad?\n", 1)


def test_asked_delimiter_is_written() -> None:
    """A CSV file can be written with another delimiter."""
    stream = io.BytesIO()

    write_rows([["1,5", "a;b"]], stream, header=["x", "y"], options=WriteOptions(delimiter=";"))

    assert stream.getvalue() == b'x;y\n1,5;"a;b"\n'
