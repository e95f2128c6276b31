from __future__ import annotations

from pathlib import Path

import pytest

from weft.errors import UnreadableTable
from weft.protocols import ReadOptions
from weft.row import BrokenRow
from weft.tables.formats.jsonl import JsonlTable
from weft.tables.reading import describe, open_table


def opened(folder: Path, text: str) -> JsonlTable:
    """A table of this text."""
    path = folder / "t.jsonl"
    path.write_text(text, encoding="utf-8")
    table = open_table(path, ReadOptions())
    assert isinstance(table, JsonlTable)
    return table


def test_broken_line_is_quoted(tmp_path: Path) -> None:
    """A line that is no object stands in its problem, shortened to 200 characters: nothing is lost silently."""
    table = opened(tmp_path, '{"a": 1}\n{"a": 2,\n[' + "7, " * 300 + "7]\n")

    short, long = [row.problem.message for row in table.rows() if isinstance(row, BrokenRow)]

    assert short.endswith('It reads `{"a": 2,`.')
    assert long.endswith("…`.")
    assert len(long.partition("It reads `")[2]) == 200 + len("`.")


def test_nested_values_are_kept(tmp_path: Path) -> None:
    """W52: lists, objects, numbers and nothing come as they are; absent keys are `None`."""
    table = opened(tmp_path, '{"a": {"b": [1, null]}, "c": 1.5}\n\n{"c": true, "d": "é\u2028"}')

    assert table.columns == ("a", "c", "d")
    assert [(row.place, row.line, row.cells) for row in table.rows()] == [
        (0, 1, {"a": {"b": [1, None]}, "c": 1.5, "d": None}),
        (1, 3, {"a": None, "c": True, "d": "é\u2028"}),
    ]


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    """Whole numbers beyond 64 bits and lone surrogates come through unchanged."""
    table = opened(tmp_path, '{"a": 123456789012345678901234567890, "b": "\\ud800"}')

    assert [row.cells for row in table.rows()] == [{"a": 123456789012345678901234567890, "b": "\ud800"}]


BROKEN = {
    '{"a": NaN}': "NaN is no JSON value",
    '{"a": Infinity}': "Infinity is no JSON value",
    '{"a": 1e999}': "1e999 is too large",
    '{"a": 1, "a": 2}': "the key 'a' stands twice",
    '{"x": {"a": 1, "a": 2}}': "the key 'a' stands twice",
    "[1]": "it holds a list",
    "null": "it holds null",
    '{"a": 1': "delimiter at character 9",
    "{'a': 1}": "double quotes at character 2",
    '{"a": ' + "[" * 100_000: "nested too deeply",
    '{"a": ' + "[" * 100 + "]" * 100 + "}": "nested too deeply",
    '{"a": ' + "9" * 5000 + "}": "no JSON object",
}


@pytest.mark.parametrize("text", BROKEN, ids=[text[:20] for text in BROKEN])
def test_broken_line_is_a_broken_row(tmp_path: Path, text: str) -> None:
    """T26: a line that is no strict JSON object is reported with its line; the others survive."""
    table = opened(tmp_path, f'{{"a": 1}}\n{text}\n{{"a": 3}}\n')

    rows = list(table.rows())
    broken = rows[1]

    assert [row.cells.get("a") for row in rows] == [1, None, 3]
    assert isinstance(broken, BrokenRow)
    assert describe(broken).startswith("Line 2 (record 2): The line is no JSON object")
    assert BROKEN[text] in describe(broken)


@pytest.mark.parametrize("text", ['[{"a": 1}]', "{\n", "a,b\n1,2\n"])
def test_other_file_is_refused(tmp_path: Path, text: str) -> None:
    """A file whose first line is no object is no JSON Lines file."""
    with pytest.raises(UnreadableTable, match="Line 1 of .* is no JSON object"):  # noqa: RUF043 - a pattern
        opened(tmp_path, text)


def test_endless_line_is_refused(tmp_path: Path) -> None:
    """A line is bounded, so that memory is."""
    with pytest.raises(UnreadableTable, match="longer than 8 MiB"):
        opened(tmp_path, '{"a": "' + "x" * (9 << 20) + '"}')


def test_too_many_keys_are_refused(tmp_path: Path) -> None:
    """S16: the union of keys is bounded like a header."""
    with pytest.raises(UnreadableTable, match="2,001 columns"):
        opened(tmp_path, "".join(f'{{"k{n}": 1}}\n' for n in range(2100)))
