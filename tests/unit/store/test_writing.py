"""The writer: groups, refusals, poison and the end."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from dataclasses import replace

import pytest

from weft import errors
from weft.store.book import REMEMBER
from weft.store.engines._sqlite import file_database, memory_database
from weft.store.writing import GROUP_OPERATIONS, TIDY_ROWS, Writer


@pytest.fixture
def database(tmp_path):
    """An open database of its own."""
    database = file_database(tmp_path / "weft.db")
    yield database
    database.reader.close()
    database.writer.close()


class Pen:
    """A writer whose commits are counted."""

    def __init__(self, database, *, threads=True):
        self.commits = 0
        self.database = database
        database.writer.set_trace_callback(self._hear)
        self.writer = Writer(database, threads=threads)

    def _hear(self, statement):
        self.commits += statement.startswith("COMMIT")

    async def write_together(self, operations):
        """Queue operations in one turn of the event loop, so that they meet in one group."""
        return await asyncio.gather(*(self.writer.do(each) for each in operations), return_exceptions=True)


def count(name):
    """An operation that raises a counter."""
    return lambda book: book.count(name, 1)


def read(database):
    """All counters."""
    return dict(database.reader.execute("SELECT name, amount FROM counts").fetchall())


async def test_queued_operations_commit_together(database):
    """Whatever is queued becomes durable with one commit."""
    pen = Pen(database)
    await pen.write_together([count("a")] * 50)
    pen.writer.close()

    assert read(database) == {"a": 50}
    assert pen.commits <= 3


async def test_group_is_bounded(database):
    """A long queue is cut into groups, so that the first need not wait for the last."""
    pen = Pen(database)
    await pen.write_together([count("a")] * (2 * GROUP_OPERATIONS + 1))
    pen.writer.close()

    assert read(database) == {"a": 2 * GROUP_OPERATIONS + 1}
    assert 3 <= pen.commits <= 5


async def test_refused_operation_fails_alone(database):
    """A refusal goes to who asked, and the rest of the group is written once."""
    pen = Pen(database)

    def refuse(book):
        raise errors.RunBusy("Held.")

    found = await pen.write_together([count("a"), refuse, count("a")])
    pen.writer.close()

    assert [type(each) for each in found] == [type(None), errors.RunBusy, type(None)]
    assert read(database) == {"a": 2}


async def test_poison_fails_alone(database):
    """An operation that the database cannot take is left out, and the others are written once."""
    pen = Pen(database)

    def poison(book):
        book.later[REMEMBER].append((b"short", "\ud800", 1, 1))

    found = await pen.write_together([count("a"), poison, count("a")])
    pen.writer.close()

    assert isinstance(found[1], UnicodeEncodeError)
    assert read(database) == {"a": 2}


async def test_operation_without_a_thread_is_durable_at_once(database):
    """Inline, every operation is committed when the call returns."""
    pen = Pen(database, threads=False)

    await pen.writer.do(count("a"))

    assert read(database) == {"a": 1}


async def test_interrupted_operation_leaves_nothing(database):
    """Ctrl-C in the middle of an inline write rolls it back."""
    pen = Pen(database, threads=False)

    def interrupted(book):
        book.count("a", 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await pen.writer.do(interrupted)
    await pen.writer.do(count("b"))

    assert read(database) == {"b": 1}


async def test_closing_writes_what_is_queued(database):
    """Whatever was asked for before the end is written."""
    pen = Pen(database)
    asked = [asyncio.ensure_future(pen.writer.do(count("a"))) for _ in range(20)]
    await asyncio.sleep(0)

    pen.writer.close()
    await asyncio.gather(*asked)

    assert read(database) == {"a": 20}
    with pytest.raises(RuntimeError, match="closed"):
        await pen.writer.do(count("a"))


def test_writer_serves_several_loops(database):
    """One store may be used from several event loops; a loop that is gone is not missed."""
    writer = Writer(database, threads=True)

    async def leave():
        asyncio.ensure_future(writer.do(count("a")))  # noqa: RUF006 - nobody waits for it, on purpose
        await asyncio.sleep(0)

    for ask in (writer.do(count("a")), leave(), writer.do(count("a"))):
        asyncio.run(ask)
    writer.close()

    assert read(database) == {"a": 3}


async def test_book_sees_what_others_wrote(tmp_path):
    """Lines are kept between transactions only while no other connection writes."""
    one, two = (file_database(tmp_path / "weft.db") for _ in range(2))
    pens = [Writer(each, threads=False) for each in (one, two)]
    for pen in pens * 3:
        await pen.do(count("a"))

    assert read(one) == {"a": 6}
    for each in (one, two):
        each.reader.close()
        each.writer.close()


def test_memory_needs_no_thread():
    """A store in memory has one connection for everything."""
    database = memory_database()

    assert database.reader is database.writer
    assert database.free_mb() is None
    assert database.check() == []
    database.writer.close()


# ── tidying up ──


async def test_log_is_copied_after_many_rows(database):
    """What many rows have left in the log goes into the file by itself, between two transactions."""
    pen = Pen(database)
    heard = []
    database.writer.set_trace_callback(heard.append)

    for _ in range(3):
        await pen.writer.do(count("a"), rows=TIDY_ROWS // 2)
    await pen.writer.do(count("b"))
    pen.writer.close()

    assert heard.count("PRAGMA wal_checkpoint(PASSIVE)") == 1
    assert read(database) == {"a": 3, "b": 1}


async def test_what_is_queued_while_it_tidies_up_is_written(database):
    """Whoever asks during a checkpoint is served after it, in one commit."""
    begun, may_end = threading.Event(), threading.Event()

    def tidy():
        begun.set()
        may_end.wait(10)

    writer = Writer(replace(database, tidy=tidy), threads=True)
    await writer.do(count("a"), rows=TIDY_ROWS)
    await asyncio.to_thread(begun.wait, 10)
    asked = [asyncio.ensure_future(writer.do(count("a"))) for _ in range(3)]
    await asyncio.sleep(0)
    before = read(database)
    may_end.set()
    await asyncio.gather(*asked)
    writer.close()

    assert (before, read(database)) == ({"a": 1}, {"a": 4})


async def test_failed_checkpoint_harms_nobody(database):
    """L1: a full disk during a checkpoint is found again by the next commit, if it lasts."""

    def tidy():
        raise sqlite3.OperationalError("database or disk is full")

    writer = Writer(replace(database, tidy=tidy), threads=True)
    await writer.do(count("a"), rows=TIDY_ROWS)
    await writer.do(count("a"), rows=TIDY_ROWS)
    await writer.do(count("a"))
    writer.close()

    assert read(database) == {"a": 3}


async def test_closing_waits_for_a_checkpoint(database):
    """A store that is closed while it tidies up has lost nothing."""
    done = []
    writer = Writer(replace(database, tidy=lambda: done.append(1)), threads=True)

    await writer.do(count("a"), rows=TIDY_ROWS)
    writer.close()

    assert (done, read(database)) == ([1], {"a": 1})


async def test_failed_checkpoint_undoes_nothing(database):
    """What waits while a checkpoint fails is written as if it had gone well."""
    begun, may_end = threading.Event(), threading.Event()

    def tidy():
        begun.set()
        may_end.wait(10)
        raise sqlite3.OperationalError("disk I/O error")

    pen = Pen(replace(database, tidy=tidy))
    await pen.writer.do(count("a"), rows=TIDY_ROWS)
    await asyncio.to_thread(begun.wait, 10)
    waiting = asyncio.ensure_future(pen.writer.do(count("a")))
    await asyncio.sleep(0)
    may_end.set()
    await waiting
    pen.writer.close()

    assert read(database) == {"a": 2}


async def test_writer_closed_from_another_thread_tells_everybody(database):
    """Whoever closes a store while a group is being told leaves nobody waiting for ever."""
    writer = Writer(database, threads=True)
    asked = [asyncio.ensure_future(writer.do(count("a"), rows=TIDY_ROWS)) for _ in range(3)]
    await asyncio.sleep(0)

    await asyncio.to_thread(writer.close)
    await asyncio.wait_for(asyncio.gather(*asked), 10)

    assert read(database) == {"a": 3}
