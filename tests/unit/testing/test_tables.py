from __future__ import annotations

import csv
from pathlib import Path

from weft.testing.tables import COLUMNS, TOPICS, TRICKY, make_rows, write_csv


def test_made_rows_are_as_long_as_asked() -> None:
    """Each description has exactly the wanted characters, and no two rows are equal."""
    rows = list(make_rows(200, chars=150, seed=4))

    assert {len(row["description"]) for row in rows} == {150}
    assert len({tuple(row.values()) for row in rows}) == 200
    assert tuple(rows[0]) == COLUMNS


def test_seed_makes_the_rows() -> None:
    """The same arguments make the same rows, another seed others; zero characters are empty."""
    assert list(make_rows(5, seed=1)) == list(make_rows(5, seed=1))
    assert list(make_rows(5, seed=1)) != list(make_rows(5, seed=2))
    assert next(make_rows(1, chars=0))["description"] == ""


def test_rows_repeat_after_the_distinct_ones() -> None:
    """P41: tables with identical rows are made to measure."""
    rows = list(make_rows(10, distinct=3))

    assert rows[3:6] == rows[:3]
    assert len({row["topic"] for row in rows}) == 3


def test_written_table_reads_back(tmp_path: Path) -> None:
    """The CSV holds the header and every row, as any reader sees it."""
    path = write_csv(tmp_path / "table.csv", 20, chars=60, seed=2, distinct=15)

    with path.open(encoding="utf-8", newline="") as stream:
        assert list(csv.DictReader(stream)) == list(make_rows(20, chars=60, seed=2, distinct=15))


def test_tiny_tables_have_one_header_each() -> None:
    """All rows of a tiny table have the same columns."""
    assert {tuple(row) for row in TOPICS} == {COLUMNS}
    assert {tuple(row) for row in TRICKY} == {("name", "text")}
