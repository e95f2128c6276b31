"""Reading from a server."""

from __future__ import annotations

import threading
from dataclasses import replace

import psycopg
import pytest

from weft import errors
from weft.ids import RunId
from weft.store.answers import COUNTS
from weft.store.distant.link import Link
from weft.store.distant.reading import DistantReader
from weft.store.lines import READ_RUN


async def test_reading_waits_on_a_thread(database):
    """Whoever reads for an event loop does it on another thread; inline it is the same one."""
    for threads in (True, False):
        reader = DistantReader(database, threads=threads)
        found = await reader.apart(lambda _: threading.current_thread() is threading.main_thread())

        assert found is not threads
        reader.close()


def test_query_is_asked_again_on_a_new_line(database):
    """L8: a reader whose connection the server has ended asks again."""
    reader = DistantReader(database, threads=False)
    reader.fetch(COUNTS)
    with pytest.raises(psycopg.OperationalError):
        database.reader.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    assert reader.fetch(COUNTS) == []


def test_absent_server_is_named(database):
    """When patience ends, the sentence says which database does not answer."""
    nowhere = replace(database, reader=Link({"host": "/nowhere", "dbname": "weft", "user": "me"}))
    reader = DistantReader(nowhere, threads=False, patience_s=0.1)

    with pytest.raises(errors.StoreBusy):
        reader.fetch(COUNTS)


def test_odd_name_finds_nothing(database):
    """A name that no PostgreSQL text can hold names no run."""
    reader = DistantReader(database, threads=False)

    with pytest.raises(errors.UnknownName):
        reader.run(RunId("r\x00\ud800"))
    assert reader.fetch(READ_RUN, ("r\x00",)) == []


def test_closed_reader_says_so(database):
    """After closing nothing is read."""
    reader = DistantReader(database, threads=True)
    reader.close()

    with pytest.raises(RuntimeError, match="closed"):
        reader.fetch(COUNTS)
