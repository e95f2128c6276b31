from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pandas as pd
import polars as pl
import pytest

from weft.errors import UnreadableTable
from weft.tables.memory import memory_table


def test_mappings_have_the_union_of_keys() -> None:
    """Columns stand in the order in which they are first seen; an absent key is `None`."""
    table = memory_table([{"b": 1}, {"a": "x", "b": [1, {"k": None}]}])

    assert table.columns == ("b", "a")
    assert [(row.place, row.line, row.cells) for row in table.rows()] == [
        (0, 0, {"b": 1, "a": None}),
        (1, 0, {"b": [1, {"k": None}], "a": "x"}),
    ]


def test_iterator_can_be_read_again() -> None:
    """What can be walked only once is kept, so that its rows can be read twice."""
    table = memory_table({"n": number} for number in range(3))

    assert [row.cells["n"] for row in table.rows()] == [row.cells["n"] for row in table.rows()] == [0, 1, 2]


def test_frames_give_equal_tables() -> None:
    """A pandas and a polars frame of the same content give the same rows and the same digest."""
    columns = {"n": [1, 2], "t": ["ä", "b"], "d": [dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 3, 4)]}  # noqa: DTZ001 - a frame without zones

    tables = [memory_table(pd.DataFrame(columns)), memory_table(pl.DataFrame(columns))]

    assert [[dict(row.cells) for row in table.rows()] for table in tables] == [
        [{"n": 1, "t": "ä", "d": "2024-01-02T00:00:00"}, {"n": 2, "t": "b", "d": "2024-01-03T04:00:00"}]
    ] * 2
    assert tables[0].digest() == tables[1].digest()
    assert type(next(tables[0].rows()).cells["n"]) is int


def test_missing_values_are_none() -> None:
    """NaN, NA and NaT are all nothing."""
    frame = pd.DataFrame({"x": [float("nan")], "y": [pd.NA], "z": [pd.NaT]})

    assert next(memory_table(frame).rows()).cells == {"x": None, "y": None, "z": None}


def test_columns_of_a_frame_are_distinct() -> None:
    """P06: two columns of one name and a number as a name are both usable."""
    frame = pd.DataFrame([[1, 2, 3]], columns=["a", "a", 7])

    assert next(memory_table(frame).rows()).cells == {"a": 1, "a__2": 2, "7": 3}


def test_digest_follows_content() -> None:
    """Equal content has an equal digest; values, order and names all count."""
    one = memory_table([{"a": Decimal("1.10"), "b": None}]).digest()

    assert one == memory_table(iter([{"a": "1.10", "b": None}])).digest()
    assert (
        len(
            {
                one,
                memory_table([{"a": "1.1", "b": None}]).digest(),
                memory_table([{"b": None, "a": "1.10"}]).digest(),
            }
        )
        == 3
    )


def test_strange_value_is_told_with_its_place() -> None:
    """A value that no table can hold is named with its row and column."""
    table = memory_table([{"a": 1}, {"a": object()}])

    with pytest.raises(UnreadableTable, match="Row 2 holds no plain value in `a`: a value of type `object`"):
        list(table.rows())


@pytest.mark.parametrize("source", ["t.csv", 7, {"a": 1}, [1], [{}], pl.DataFrame({"a": [1]}).lazy()])
def test_strange_source_is_refused(source: object) -> None:
    """What is no table is refused with what may be given instead."""
    with pytest.raises(UnreadableTable) as caught:
        memory_table(source)

    assert caught.value.hint
