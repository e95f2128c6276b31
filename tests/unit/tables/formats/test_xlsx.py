from __future__ import annotations

import datetime as dt
import struct
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest

from weft.errors import UnknownName, UnreadableTable, UnwritableFile
from weft.protocols import ReadOptions
from weft.row import BrokenRow
from weft.tables.reading import open_table
from weft.tables.writing import write_rows


def workbook(path: Path, *sheets: list[list[object]]) -> Path:
    """A workbook with these sheets."""
    book = openpyxl.Workbook(write_only=True)
    for number, rows in enumerate(sheets, start=1):
        sheet = book.create_sheet(f"Sheet {number}")
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def replaced(path: Path, part: str, old: str, new: str) -> Path:
    """The workbook with a text in one of its parts replaced."""
    with ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old in parts[part].decode()
    parts[part] = parts[part].decode().replace(old, new).encode()
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


SHEET = "xl/worksheets/sheet1.xml"


def test_cells_keep_their_types(tmp_path: Path) -> None:
    """Numbers, booleans and texts are typed; dates are ISO text; lines are row numbers."""
    moment = dt.datetime(2024, 1, 2, 3, 4, 5)  # noqa: DTZ001 - a workbook knows no zones
    rows = [["a", "b", None, 4], ["x", 1.5, True, None], [], [dt.date(2024, 2, 29), moment, None, 7]]
    table = open_table(workbook(tmp_path / "t.xlsx", rows))

    assert table.columns == ("a", "b", "column_3", "4")
    assert [(row.place, row.line, list(row.cells.values())) for row in table.rows()] == [
        (0, 2, ["x", 1.5, True, None]),
        (1, 4, ["2024-02-29", "2024-01-02T03:04:05", None, 7]),
    ]


def test_extra_cell_is_reported(tmp_path: Path) -> None:
    """P06: a cell beyond the header makes a broken record; the others survive."""
    table = open_table(workbook(tmp_path / "t.xlsx", [["a"], [1], [2, 3], [4]]))

    rows = list(table.rows())

    assert [isinstance(row, BrokenRow) for row in rows] == [False, True, False]
    assert rows[1].line == 3
    assert rows[1].problem.message.endswith("Beyond the last column: `3`.")


def test_sheet_can_be_chosen(tmp_path: Path) -> None:
    """The first sheet is read unless another is asked for; an unknown one is refused."""
    path = workbook(tmp_path / "t.xlsx", [["a"], [1]], [["b"], [2]])

    assert open_table(path).columns == ("a",)
    assert open_table(path).notes == ("The workbook has 2 sheets; `Sheet 1` is read.",)
    assert open_table(path, ReadOptions(sheet="Sheet 2")).columns == ("b",)
    with pytest.raises(UnknownName, match="sheet `Sheet 3`"):
        open_table(path, ReadOptions(sheet="Sheet 3"))


def test_empty_sheet_is_refused(tmp_path: Path) -> None:
    """T27: a sheet without cells is a clear error."""
    with pytest.raises(UnreadableTable, match="is empty"):
        open_table(workbook(tmp_path / "t.xlsx", [[]]))


def test_far_cell_costs_nothing(tmp_path: Path) -> None:
    """S20: neither a declared size nor one far cell makes anybody walk over empty cells."""
    path = workbook(tmp_path / "t.xlsx", [["a"], [1], [2]])
    replaced(path, SHEET, '<row r="3">', '<row r="1048576">')
    replaced(path, SHEET, "<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>')

    assert [(row.line, row.cells) for row in open_table(path).rows()] == [(2, {"a": 1}), (1048576, {"a": 2})]


def test_impossible_row_is_refused(tmp_path: Path) -> None:
    """S20: a row number beyond the format's limit ends the reading instead of hanging it."""
    path = replaced(
        workbook(tmp_path / "t.xlsx", [["a"], [1]]), SHEET, '<row r="2">', '<row r="99999999999">'
    )

    with pytest.raises(UnreadableTable, match="below row 1,048,576"):
        list(open_table(path).rows())


def test_bomb_is_refused(tmp_path: Path) -> None:
    """S20: a part that unpacks to far more than its size is not unpacked."""
    path = workbook(tmp_path / "t.xlsx", [["a"], [1]])
    with ZipFile(path, "a", ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/x.bin", b"\0" * (100 << 20))

    with pytest.raises(UnreadableTable, match="more than 200 times its size"):
        open_table(path)


def test_lying_bomb_is_refused(tmp_path: Path) -> None:
    """S20: a part that declares less than it holds is found out while it is unpacked."""
    path = workbook(tmp_path / "t.xlsx", [["a"], *([["x" * 50]] * 2000)])
    with ZipFile(path) as archive:
        honest = archive.getinfo(SHEET).file_size
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<L", honest), struct.pack("<L", 900)))

    with pytest.raises(UnreadableTable, match="cannot be read as an Excel workbook"):
        list(open_table(path).rows())


def test_crowded_archive_is_refused(tmp_path: Path) -> None:
    """S20: an archive has at most 1,000 parts; names that climb out of it do no harm."""
    path = workbook(tmp_path / "t.xlsx", [["a"], [1]])
    with ZipFile(path, "a") as archive:
        archive.writestr("../../outside.txt", "x")

    assert open_table(path).columns == ("a",)
    with ZipFile(path, "a") as archive:
        for number in range(1000):
            archive.writestr(f"x/{number}", "x")
    with pytest.raises(UnreadableTable, match="parts, more than 1,000"):
        open_table(path)
    assert not (tmp_path.parent / "outside.txt").exists()


def test_entity_bomb_is_refused(tmp_path: Path) -> None:
    """S20: a document that declares entities is not expanded."""
    path = workbook(tmp_path / "t.xlsx", [["a"], ["x"]])
    declared = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><worksheet'
    replaced(path, SHEET, "<worksheet", declared)

    with pytest.raises(UnreadableTable, match="Entit"):
        list(open_table(path).rows())


@pytest.mark.parametrize("data", [b"a,b\n1,2\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0 old"])
def test_other_file_is_refused(tmp_path: Path, data: bytes) -> None:
    """T27: what is no workbook is a clear error that names old and protected files."""
    path = tmp_path / "t.xlsx"
    path.write_bytes(data)

    with pytest.raises(UnreadableTable, match="is no Excel workbook") as caught:
        open_table(path)

    assert ".xls" in caught.value.hint


def test_text_never_runs(tmp_path: Path) -> None:
    """P36: formulas, errors and codes in texts are written as text and come back unchanged."""
    texts = ["=1+1", "#N/A", "-5", "@x", "_x0041_", "a\r\nb\x0bc", " both ends ", "'quoted", "x" * 32_767]
    path = tmp_path / "t.xlsx"

    written = write_rows([[text] for text in texts], path, header=["=h"])

    table = open_table(path)
    assert (table.columns, written.altered) == (("=h",), 0)
    assert [row.cells["=h"] for row in table.rows()] == texts
    assert {cell.data_type for row in openpyxl.load_workbook(path).active for cell in row} == {"s"}


def test_large_numbers_keep_their_digits(tmp_path: Path) -> None:
    """Whole numbers that a float cannot hold are written as text."""
    path = tmp_path / "t.xlsx"

    write_rows([[2**53, 2**53 + 1, None, ["ä"], False]], path, header=list("abcde"))

    assert [list(row.cells.values()) for row in open_table(path).rows()] == [
        [2**53, str(2**53 + 1), None, '["ä"]', False]
    ]


def test_too_long_text_is_refused(tmp_path: Path) -> None:
    """A text that a cell cannot hold stops the export instead of being cut, and leaves no file."""
    with pytest.raises(UnwritableFile, match="Row 2 has 32,768 characters in `x`"):
        write_rows([["ok"], ["x" * 32_768]], tmp_path / "t.xlsx", header=["x"])

    assert list(tmp_path.iterdir()) == []


def test_formula_without_a_value_is_told(tmp_path: Path) -> None:
    """A workbook that a program wrote holds formulas and no values: the cells are empty, and a note says so."""
    rows = [["name", "total"], ["a", 1], ["b", "=1+1"]]
    table = open_table(workbook(tmp_path / "t.xlsx", rows))

    assert [list(row.cells.values()) for row in table.rows()] == [["a", 1], ["b", None]]
    assert [note.partition(" has no")[0] for note in table.notes] == ["The formula in `B3`"]


def test_formula_with_a_value_is_its_value(tmp_path: Path) -> None:
    """What a spreadsheet program has computed is read, and nothing is said."""
    path = workbook(tmp_path / "t.xlsx", [["total"], ["=1+1"]])
    table = open_table(replaced(path, SHEET, "<v />", "<v>2</v>"))

    assert [list(row.cells.values()) for row in table.rows()] == [[2]]
    assert table.notes == ()
