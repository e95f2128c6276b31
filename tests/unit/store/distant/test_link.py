"""The line to the server: round trips, cuts and settings."""

from __future__ import annotations

import sys
import threading

import psycopg
import pytest

from weft import errors
from weft.store.distant.link import Link, Patience, load_driver


@pytest.fixture
def link(url):
    """A line."""
    link = Link(psycopg.conninfo.conninfo_to_dict(url))
    yield link
    link.close()


def test_statements_go_together(link):
    """Several statements give their rows and counts in order."""
    found = link.run(
        [("SELECT $1::int8", (7,)), ("SELECT 'a' WHERE false", ()), ("SELECT $1::bytea", (b"\x00",))]
    )

    assert [each.rows for each in found] == [[(7,)], [], [(b"\x00",)]]
    assert found[1].fetchone() is None
    assert [*found[0]] == [(7,)]


def test_first_fault_stops_the_rest(link):
    """What stands behind a statement that fails is not done, not even a commit."""
    link.execute("CREATE TEMP TABLE t (a int8 PRIMARY KEY)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        link.run(
            [
                ("BEGIN", ()),
                ("INSERT INTO t VALUES (1)", ()),
                ("INSERT INTO t VALUES (1)", ()),
                ("COMMIT", ()),
            ]
        )
    link.roll_back()

    assert link.execute("SELECT count(*) FROM t").rows == [(0,)]


def test_cut_line_is_made_anew(link):
    """After a cut the next statement has a new connection, with the same settings."""
    (pid,) = link.execute("SELECT pg_backend_pid()").rows[0]
    with pytest.raises(psycopg.OperationalError):
        link.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    link.roll_back()

    assert link.is_cut
    assert link.execute("SELECT pg_backend_pid()").rows[0] != (pid,)
    assert link.execute("SHOW search_path").rows == [('"weft"',)]


def test_frozen_process_loses_its_locks(link):
    """L13: a process that stops in a transaction is ended by the server, and never waits for ever itself."""
    found = [
        link.execute(f"SHOW {name}").rows[0][0]
        for name in ("idle_in_transaction_session_timeout", "lock_timeout")
    ]

    assert found == ["15s", "10s"]


def test_commits_are_durable_whatever_the_server_says(link):
    """A commit that returned survives: the test server's own setting is off."""
    assert link.execute("SHOW synchronous_commit").rows == [("on",)]


def test_reading_line_does_not_write(url):
    """What is there for reading refuses to write."""
    link = Link(psycopg.conninfo.conninfo_to_dict(url), reads_only=True)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        link.execute("DELETE FROM runs")
    link.close()


def test_numbers_and_nulls_share_a_plan(link):
    """A statement is planned once, whatever kinds of values it meets."""
    for value in (1, 2**40, None, -5):
        assert link.execute("SELECT $1::BIGINT", (value,)).rows == [(value,)]

    assert link.execute(
        "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%BIGINT'"
    ).rows == [(1,)]


def test_missing_driver_is_named(monkeypatch):
    """Without psycopg the extra to install is told."""
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(errors.MissingExtra) as caught:
        load_driver()

    assert "weft[postgres]" in caught.value.hint


def test_patience_ends():
    """Waits grow and end; a host that says nothing uses it up sooner, a closing store at once."""
    closing = threading.Event()
    patience = Patience(closing, for_s=0.3)

    tries = 0
    while patience.wait():
        tries += 1

    assert 2 <= tries <= 4
    assert not Patience(closing, for_s=5.0).wait(took_s=10.0)
    closing.set()
    assert not Patience(closing).wait()
