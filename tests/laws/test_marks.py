"""What must hold for every table that is read on from a mark: the rows are those of reading from the start."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.kit import plain_json
from weft.protocols import MarkedTable, ReadOptions
from weft.row import BrokenRow, Row
from weft.tables.copying import copy_rows, reopen_copy
from weft.tables.formats import _text
from weft.tables.marking import MarksFile, find_mark, is_marked, read_page
from weft.tables.reading import open_table
from weft.tables.surveying import Ceilings, Survey, survey

LARGE = Ceilings(rows=10**6, cell=10**6)
CELL = st.text(alphabet="ab,;\t\"' é漢😀", max_size=9) | st.text(alphabet="x\r\n", max_size=6)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
ENCODINGS = st.sampled_from([
    ("utf-8", b"", ""),
    ("utf-8", b"\xef\xbb\xbf", ""),
    ("utf-16-le", b"\xff\xfe", ""),
    ("utf-16-be", b"\xfe\xff", ""),
    ("utf-32-le", b"\xff\xfe\x00\x00", ""),
    ("gb18030", b"", "gb18030"),
    ("utf-7", b"", "utf-7"),
])  # fmt: skip


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read some bytes at a time, so that a small table has many marks."""
    monkeypatch.setattr(_text, "BLOCK", 7)


def quoted(cell: str) -> str:
    """A cell as CSV writes it where it needs quotes."""
    return '"' + cell.replace('"', '""') + '"'


@st.composite
def csv_texts(draw: st.DrawFn) -> str:
    """A table with quoted newlines, ragged records and blank lines."""
    records = draw(st.lists(st.lists(CELL, min_size=1, max_size=4), max_size=12))
    end = draw(ENDS)
    lines = ["a,b,c", *(",".join(map(quoted, record)) for record in records)]
    blank = draw(st.integers(0, 3))
    return "".join(line + end * (1 + (number == blank)) for number, line in enumerate(lines))


def marked(table: MarkedTable, folder: Path) -> tuple[Path, Survey]:
    """A table's marks, and what the walk has found."""
    path = folder / "t.marks"
    with path.open("wb") as stream:
        found = survey(table, LARGE, keep=MarksFile(stream, "this").keep)
    return path, found


def check_pages(table: MarkedTable, folder: Path) -> Survey:
    """Hold a page from every place against reading from the start."""
    whole = list(table.rows())
    path, found = marked(table, folder)

    for place in range(len(whole) + 2):
        page = read_page(table, find_mark(path, "this", place=place), place=place, rows=3)
        assert list(page) == whole[place : place + 3]
    assert found.rows == len(whole)
    assert found.broken == sum(isinstance(row, BrokenRow) for row in whole)
    return found


@given(text=csv_texts(), encoding=ENCODINGS, ragged=st.sampled_from(["reject", "pad"]))
@settings(max_examples=150, deadline=None)
def test_pages_of_delimited_text_agree(text: str, encoding: tuple[str, bytes, str], ragged: str) -> None:
    """W55: quoted newlines, ragged records, marks of byte order and every encoding lead to the same rows."""
    codec, mark, asked = encoding
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(mark + text.encode(codec))
        table = open_table(path, ReadOptions(encoding=asked, delimiter=",", ragged=ragged))

        check_pages(table, Path(folder))  # type: ignore[arg-type]  # text tables have marks


@given(
    lines=st.lists(
        st.dictionaries(st.sampled_from("abc"), CELL | st.integers() | st.none(), min_size=1).map(
            plain_json.dump
        )
        | st.sampled_from([b"  ", b"[1]", b'{"a":']),
        max_size=12,
    ),
    end=st.sampled_from([b"\n", b"\r\n"]),
)
@settings(max_examples=100, deadline=None)
def test_pages_of_json_lines_agree(lines: list[bytes], end: bytes) -> None:
    """W52: blank and broken lines lead to the same rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.jsonl"
        path.write_bytes(end.join([b'{"a": 1}', *lines]))
        table = open_table(path)

        check_pages(table, Path(folder))  # type: ignore[arg-type]  # these have marks


@given(rows=st.integers(0, 60), group=st.integers(1, 25), part=st.integers(1, 20))
@settings(max_examples=25, deadline=None)
def test_pages_of_row_groups_agree(rows: int, group: int, part: int) -> None:
    """Parquet is read on within a row group."""
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    from weft.tables.formats import parquet as ours  # noqa: PLC0415 - behind the libraries that it needs

    before, ours.READ_ROWS = ours.READ_ROWS, part
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "t.parquet"
            columns = {"n": list(range(rows)), "t": [f"t{n}" for n in range(rows)]}
            parquet.write_table(arrow.table(columns), path, row_group_size=group)

            check_pages(open_table(path), Path(folder))  # type: ignore[arg-type]  # these have marks
    finally:
        ours.READ_ROWS = before


@given(text=csv_texts())
@settings(max_examples=50, deadline=None)
def test_copy_gives_the_same_rows(text: str) -> None:
    """A copy has every row, line and complaint of its table, and marks of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "t.csv"
        path.write_bytes(text.encode())
        table = open_table(path, ReadOptions(delimiter=","))
        with (folder / "t.rows").open("wb") as stream:
            copy_rows(table, stream)
        recipe = {"format": "csv", "columns": list(table.columns), "notes": []}
        copy = reopen_copy(folder / "t.rows", path, recipe)

        check_pages(copy, folder)

        assert list(copy.rows()) == list(table.rows())


def test_marks_of_another_reading_are_none(tmp_path: Path) -> None:
    """Marks under another name, cut off or missing are no marks."""
    path = tmp_path / "t.csv"
    path.write_bytes(b"a\n1\n2\n")
    marks, _ = marked(open_table(path), tmp_path)  # type: ignore[arg-type]  # text tables have marks

    assert is_marked(marks, "this")
    assert not is_marked(marks, "that")
    assert find_mark(marks, "that", place=1) is None
    assert find_mark(tmp_path / "none", "this", place=1) is None


def test_facts_of_columns(tmp_path: Path) -> None:
    """Empty cells, different values, the longest cell and the kind of each column are told."""
    path = tmp_path / "t.csv"
    path.write_bytes(
        "id,mood,when,left,none\n1,ångry,2024-01-02,1.5,\n2,calm,2024-01-03,2,\n3,,,,\n".encode()
    )

    found = check_pages(open_table(path), tmp_path)  # type: ignore[arg-type]  # text tables have marks

    told = [(each.name, each.empty, each.distinct, each.longest, each.kind) for each in found.columns]
    assert told == [
        ("id", 0, 3, 1, "integer"),
        ("mood", 1, 2, 5, "string"),
        ("when", 1, 2, 10, "date"),
        ("left", 1, 2, 3, "number"),
        ("none", 3, 0, 0, "empty"),
    ]


def test_row_of_a_page_is_a_row(tmp_path: Path) -> None:
    """A page holds rows with their places and physical lines."""
    path = tmp_path / "t.csv"
    path.write_bytes(b'a,b\n"x\ny",1\n\nz,2\n')
    table = open_table(path)
    marks, _ = marked(table, tmp_path)  # type: ignore[arg-type]  # text tables have marks

    page = list(read_page(table, find_mark(marks, "this", place=1), place=1, rows=5))  # type: ignore[arg-type]  # likewise

    assert page == [Row(1, 5, {"a": "z", "b": "2"})]
