from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from weft.errors import UnreadableTable
from weft.tables.formats.parquet import WRITE_ROWS
from weft.tables.reading import open_table
from weft.tables.writing import write_rows


def test_typed_cells_become_plain(tmp_path: Path) -> None:
    """Dates, decimals, bytes and nested values become what JSON can hold, exactly."""
    zone = dt.timezone(dt.timedelta(hours=1))
    columns = {
        "text": ["ä", None],
        "whole": pa.array([2**63 - 1, None], pa.int64()),
        "number": [1.5, float("nan")],
        "yes": [True, None],
        "day": [dt.date(2024, 2, 29), None],
        "moment": pa.array([dt.datetime(2024, 1, 2, 3, 4, 5, 6, zone), None], pa.timestamp("us", "+01:00")),
        "nanos": pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns")),
        "price": [Decimal("1.10"), None],
        "bytes": [b"\xff\x00", None],
        "tree": [{"a": [1, dt.date(2024, 1, 1)]}, None] if False else [{"a": [1, 2]}, None],
        "choice": pa.array(["x", None]).dictionary_encode(),
    }
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table(columns), path)

    first, second = open_table(path).rows()

    assert list(first.cells.values()) == [
        "ä",
        2**63 - 1,
        1.5,
        True,
        "2024-02-29",
        "2024-01-02T03:04:05.000006+01:00",
        "2023-11-14T22:13:20.123456",
        "1.10",
        "/wA=",
        {"a": [1, 2]},
        "x",
    ]
    assert set(second.cells.values()) == {None}
    assert (first.place, first.line, second.place) == (0, 0, 1)


def test_columns_of_one_name_are_kept(tmp_path: Path) -> None:
    """P06: two columns of one name are both read."""
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)

    assert [row.cells for row in open_table(path).rows()] == [{"a": 1, "a__2": 2}]


COLUMNS = {
    "whole numbers": ([1, None], [2], pa.int64(), [1, None, 2]),
    "then a number": ([1, None], [2.5], pa.float64(), [1.0, None, 2.5]),
    "then a text": ([1.5], ["x"], pa.string(), ["1.5", "x"]),
    "booleans": ([True], [None], pa.bool_(), [True, None]),
    "booleans, then numbers": ([True], [1], pa.string(), ["true", "1"]),
    "nothing, then text": ([None], ["x"], pa.string(), [None, "x"]),
    "nothing at all": ([None], [None], pa.null(), [None, None]),
    "nested": ([[1, "ä"]], [{"k": None}], pa.string(), ['[1,"ä"]', '{"k":null}']),
    "beyond 64 bits": ([1], [2**64], pa.string(), ["1", str(2**64)]),
    "exact only as text": ([2**60 + 1], [0.5], pa.string(), [str(2**60 + 1), "0.5"]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_type_follows_all_values(tmp_path: Path, name: str) -> None:
    """A column is as narrow as all its values allow, also those of later row groups."""
    early, late, kind, expected = COLUMNS[name]
    values = early * WRITE_ROWS + late
    path = tmp_path / "t.parquet"

    write_rows(([value] for value in values), path, header=["x"])

    found = parquet.read_table(path)
    assert found.schema.field("x").type == kind
    assert found["x"].to_pylist() == expected[: len(early)] * WRITE_ROWS + expected[len(early) :]


def test_lone_surrogate_is_counted(tmp_path: Path) -> None:
    """A character without an encoding becomes `?`, and the cell counts as altered."""
    written = write_rows([["ok"], ["\ud800"]], tmp_path / "t.parquet", header=["x"])

    assert written.altered == 1
    assert [row.cells["x"] for row in open_table(tmp_path / "t.parquet").rows()] == ["ok", "?"]


@pytest.mark.parametrize("data", [b"a,b\n1,2\n", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_damaged_file_is_refused(tmp_path: Path, data: bytes) -> None:
    """T27: what is no Parquet file is a clear error."""
    path = tmp_path / "t.parquet"
    path.write_bytes(data)

    with pytest.raises(UnreadableTable, match="cannot be read as Parquet"):
        list(open_table(path).rows())
