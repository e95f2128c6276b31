"""Rows in bulk are copied as they would be inserted."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contracts.servers import emptied_store

from weft.store.book import COUNT, KEEP_REPLY, REMEMBER
from weft.store.distant.arrays import encoded
from weft.store.distant.copying import copy_of
from weft.store.distant.dialect import Numbered
from weft.store.distant.link import Link
from weft.store.rows import ADD_CELLS, ADD_ROW, ADD_WAITING

DIALECT = Numbered()
texts = st.text(max_size=9)


@pytest.fixture(scope="module")
def line():
    """A line to an empty store, for all examples."""
    line = Link(psycopg.conninfo.conninfo_to_dict(emptied_store()))
    yield line
    line.close()


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1),
            st.none() | st.binary(max_size=40),
            st.integers(0, 5),
            texts,
            texts,
        ),
        max_size=6,
        unique_by=lambda row: row[0],
    )
)
def test_copied_rows_are_what_was_given(line, found):
    """Numbers at their limits, NULLs, odd texts and bytes arrive, and the fixed columns are zero."""
    copy = copy_of(ADD_ROW, DIALECT)
    line.execute("DELETE FROM rows")

    line.copy(copy.text, copy.pack(found))
    came = line.execute(
        "SELECT spot, key, state, problem, problem_code, cost, attempts, recalled FROM rows ORDER BY spot"
    )

    def plain(text):
        return encoded(text).decode()

    assert came.rows == [
        (spot, key, state, plain(problem), plain(code), 0, 0, 0)
        for spot, key, state, problem, code in sorted(found, key=lambda row: row[0])
    ]


def test_fixed_texts_are_copied_too(line):
    """A waiting row is two values; the rest of it is zero or empty."""
    copy = copy_of(ADD_WAITING, DIALECT)
    line.execute("DELETE FROM rows")

    line.copy(copy.text, copy.pack([(7, b"key")]))

    found = line.execute("SELECT spot, key, state, problem, problem_code, cost, recalled FROM rows")
    assert found.rows == [(7, b"key", 0, "", "", 0, 0)]


def test_rows_that_are_there_are_seen(line):
    """Whether any of the rows is there already is asked by their keys."""
    copy = copy_of(ADD_CELLS, DIALECT)
    line.execute("DELETE FROM cells")
    line.copy(copy.text, copy.pack([(7, 1, b"[]")]))

    assert line.execute(copy.is_there, (7, 9)).rows == [(True,)]
    assert line.execute(copy.is_there, (8, 9)).rows == [(False,)]


@pytest.mark.parametrize("sql", [COUNT, REMEMBER, KEEP_REPLY])
def test_other_inserts_are_not_copied(sql):
    """What replaces or must fail where it meets another is left to the insert."""
    assert copy_of(sql, DIALECT) is None
