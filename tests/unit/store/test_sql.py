"""Statements: every one compiles, with its parameters in the declared order."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import bindparam, select
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from weft.store import answers, auditing, book, booking, ledger, lines, outcomes, rows, runs, tallying
from weft.store.distant.dialect import Numbered
from weft.store.sql import Sql, number
from weft.store.tables import counts

FILES = (answers, auditing, book, booking, ledger, lines, outcomes, rows, runs, tallying)


def statements():
    """Every statement of the room with its name."""
    for file in FILES:
        for name, value in vars(file).items():
            for found in value.values() if isinstance(value, dict) else (value,):
                if isinstance(found, Sql):
                    yield pytest.param(found, id=f"{file.__name__.rpartition('.')[2]}.{name}")


@pytest.mark.parametrize("sql", list(statements()))
def test_statement_compiles_as_declared(sql):
    """A parameter that is declared in another order than it stands would be bound to the wrong column."""
    text = sql.text(SQLiteDialect_pysqlite())

    assert text.count("?") == len(sql.names)


@pytest.mark.parametrize("sql", list(statements()))
def test_statement_compiles_for_a_server(sql):
    """The same statements have numbered parameters there, in the same order."""
    found = re.findall(r"\$(\d+)", sql.text(Numbered()))

    assert found == [str(number + 1) for number in range(len(sql.names))]


def test_wrong_order_is_refused():
    """The compiler finds a declaration that does not fit, at the first use."""
    statement = select(counts.c.amount).where(
        counts.c.name == bindparam("b"), counts.c.amount > bindparam("a")
    )

    with pytest.raises(ValueError, match="declared"):
        Sql(statement, "a", "b").text(SQLiteDialect_pysqlite())


def test_what_is_no_statement_is_refused():
    """Only SQL expressions have a text."""
    with pytest.raises(TypeError):
        Sql("SELECT 1").text(SQLiteDialect_pysqlite())


def test_number_stands_in_the_text():
    """A number of our own is no parameter."""
    assert str(select(number(7))) == "SELECT 7"
