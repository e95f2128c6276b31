"""Statements over arrays do what the statements for one row do."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from tests.contracts.servers import emptied_store, the_server

from weft.store import answers, book, booking, lines, rows, runs
from weft.store.distant.arrays import encoded, many, texts, waves
from weft.store.distant.dialect import Numbered
from weft.store.distant.link import Link
from weft.store.sql import Sql
from weft.store.tables import counts

DIALECT = Numbered()
WRITES = [
    value
    for file in (answers, book, booking, lines, rows, runs)
    for name, value in vars(file).items()
    if isinstance(value, Sql)
    if name in ("END_ROW", "SHARE_ROW", "REMEMBER", "KEEP_REPLY", "COUNT", "NUMBERED_CALL", "WRITE_CALL",
                "WRITE_RUN", "ADD_CELLS", "ADD_ROW", "ADD_WAITING", "ANSWER_ROW", "RECALL_ROW")
]  # fmt: skip


@pytest.fixture
def link():
    """A line to an empty store."""
    link = Link(psycopg.conninfo.conninfo_to_dict(emptied_store()))
    yield link
    link.close()


@pytest.mark.parametrize("sql", WRITES, ids=lambda sql: sql.text(DIALECT)[:40])
def test_every_write_takes_arrays(link, sql):
    """Whatever a transaction writes at its end goes in one statement, and the server accepts its types."""
    statement = many(sql, DIALECT)

    assert statement is not None
    link.execute(f"EXPLAIN {statement.text}", statement.pack([[None] * len(sql.names)]))


def test_reading_takes_no_arrays():
    """A query is no write."""
    assert many(Sql(select(counts.c.name)), DIALECT) is None


@pytest.fixture(scope="module")
def line():
    """A line for all examples."""
    line = Link(psycopg.conninfo.conninfo_to_dict(the_server().dsn()))
    yield line
    line.close()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
            st.one_of(st.none(), st.binary(max_size=20)),
            st.one_of(
                st.none(), st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
            ),
            st.one_of(st.none(), st.floats(allow_nan=False)),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_arrays_arrive_as_packed(line, found):
    """Numbers, bytes, texts and NULLs of any kind come back from the server as they went."""
    text = "SELECT * FROM unnest($1::int8[], $2::bytea[], $3::text[], $4::float8[])"
    numbers, blobs, words, floats = zip(*found, strict=True)
    kinds = [many(sql, DIALECT)._packers for sql in (book.COUNT, book.KEEP_REPLY)]
    pack_blobs, pack_floats, pack_numbers = kinds[1][-1], kinds[1][3], kinds[0][1]

    came = line.execute(text, [pack_numbers(numbers), pack_blobs(blobs), texts(words), pack_floats(floats)])

    assert came.rows == found


def test_odd_texts_are_escaped():
    """NUL and lone surrogates, which PostgreSQL refuses, are written as escapes."""
    assert encoded("naïve") == "naïve".encode()
    assert encoded("a\x00b\ud800") == b"a\\x00b\\ud800"


@given(st.lists(st.tuples(st.integers(), st.integers(0, 3)), max_size=20))
def test_waves_meet_no_row_twice(changes):
    """Every change is in one wave, no wave has a row twice, and changes of a row keep their order."""
    found = [list(wave) for wave in waves(changes, 1)]

    assert sorted(each for wave in found for each in wave) == sorted(changes)
    assert all(len({at for _, at in wave}) == len(wave) for wave in found)
    for row in range(4):
        assert [c for wave in found for c in wave if c[1] == row] == [c for c in changes if c[1] == row]
