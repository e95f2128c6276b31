from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from weft.errors import UnknownName, UnreadableTable, WeftError
from weft.tables.choosing import FORMATS, choose_format
from weft.tables.reading import open_table, preview


@pytest.mark.parametrize("name", ["csv", "tsv", "jsonl", "parquet", "xlsx"])
def test_missing_file_is_a_sentence(tmp_path: Path, name: str) -> None:
    """T27: a missing, empty or closed file is one clear sentence with a hint, in every format."""
    path = tmp_path / f"t.{name}"
    with pytest.raises(UnreadableTable, match="There is no file") as missing:
        open_table(path)
    path.touch()
    with pytest.raises(UnreadableTable, match="is empty") as empty:
        open_table(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(UnreadableTable, match="is a folder") as folder:
        open_table(path)

    assert all(caught.value.hint for caught in (missing, empty, folder))


def test_pipe_is_refused(tmp_path: Path) -> None:
    """A pipe, which can be read only once, is refused instead of waited for."""
    path = tmp_path / "t.csv"
    os.mkfifo(path)

    with pytest.raises(UnreadableTable, match="no regular file"):
        open_table(path)


def test_header_alone_is_a_table(tmp_path: Path) -> None:
    """P44: a table without rows is no error; it has columns and no rows."""
    path = tmp_path / "t.csv"
    path.write_text("a,b\n")

    table = open_table(path)

    assert (table.columns, list(table.rows())) == (("a", "b"), [])


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("t.xls", "save it as .xlsx or .csv."),
        ("t.json", "one JSON object per line"),
        ("t.csv.gz", "unpack it first."),
        ("t", "known formats: csv, jsonl, parquet, tsv, xlsx."),
    ],
)
def test_unknown_ending_has_a_way_out(name: str, hint: str) -> None:
    """W01: a file of another kind is refused with what to do about it."""
    with pytest.raises(UnknownName) as caught:
        open_table(name)

    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("name", "form"),
    [("T.CSV", "csv"), ("t.txt", "csv"), ("t.ndjson", "jsonl"), ("t.tab", "tsv"), ("t.pq", "parquet")],
)
def test_ending_chooses_the_format(name: str, form: str) -> None:
    """Endings count in any case, the less common ones too."""
    assert choose_format(Path(name)) is FORMATS.get(form)


def test_unknown_format_has_the_nearest() -> None:
    """A misspelt format is told with the nearest known one."""
    with pytest.raises(UnknownName, match="no table format `jsonlines`") as caught:
        choose_format(Path("t.csv"), "jsonlines")

    assert "jsonl" in caught.value.hint


def test_preview_shows_rows_and_problems(tmp_path: Path) -> None:
    """W02: the first rows with their columns, broken ones told, and whether there is more."""
    path = tmp_path / "t.csv"
    path.write_text("a;a\n1;2\n3\n4;5\n")

    seen = preview(open_table(path), 2)

    assert seen.columns == ("a", "a__2")
    assert [row.place for row in seen.rows] == [0, 1]
    assert seen.problems == (
        "Line 3 (record 2): The record has 1 cell, the header has 2; pad short records with --ragged pad.",
    )
    assert len(seen.notes) == 2
    assert seen.more
    assert not preview(open_table(path), 3).more


def test_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    """A run can tell that its file has changed."""
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n1,2\n")

    assert open_table(path).digest() == hashlib.sha256(b"a,b\n1,2\n").hexdigest()


def test_errors_are_those_of_the_asker(tmp_path: Path) -> None:
    """Whatever is wrong with a file, the exit code is 2."""
    with pytest.raises(WeftError) as caught:
        open_table(tmp_path / "t.csv")

    assert caught.value.exit_code == 2
