"""SQLite as a home of stores: opened, recognised, migrated, full, locked, damaged, shared."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from random import Random

import pytest
from tests.contracts.errands import Errand, draft_row, reply

from weft import errors
from weft.kit.clocks import VirtualClock
from weft.money import Budget, Usd
from weft.store.engines._sqlite import file_database
from weft.store.engines.sqlite import path_of, store
from weft.store.tables import APPLICATION_ID, REVISION


@pytest.fixture
def path(tmp_path):
    """Where a store will be."""
    return tmp_path / "deep" / "weft.db"


@pytest.fixture(params=[True, False], ids=["threads", "inline"])
def threads(request):
    """Both ways of writing."""
    return request.param


def open_store(path, *, threads=False, auto=True, **facts):
    """Open the store at a path on a virtual clock, which stands still without `auto`."""
    return store.open(f"sqlite:///{path}", clock=VirtualClock(auto=auto), threads=threads, **facts)


def make_store(path):
    """Make an empty store."""
    asyncio.run(open_store(path).close())


# ── opening ──


def test_url_names_a_file():
    """Three slashes and a relative path, four and an absolute one; escapes are read."""
    assert path_of("sqlite:///.weft/weft.db").as_posix() == ".weft/weft.db"
    assert path_of("sqlite:////var/a%20b.db").as_posix() == "/var/a b.db"


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite://host/weft.db", "weft.db"])
def test_url_without_a_file_is_refused(url):
    """A URL that names no file, or a host, is a mistake with an example of the right one."""
    with pytest.raises(errors.BadSetting, match="sqlite:///path"):
        store.open(url, clock=VirtualClock())


def test_new_store_is_durable_and_private(path):
    """A new file is ours, in WAL mode, synced at every commit, checkpointed by the writer, for its owner only."""
    database = file_database(path)
    asked = ("application_id", "user_version", "journal_mode", "synchronous", "mmap_size")
    found = [database.writer.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]

    assert found == [APPLICATION_ID, REVISION, "wal", 2, 0]
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(sqlite3.OperationalError):
        database.reader.execute("DELETE FROM runs")
    database.reader.close()
    database.writer.close()


def test_many_may_open_a_new_store_at_once(path):
    """Two processes that both find no store make one."""
    start = threading.Barrier(4)
    opened, failed = [], []

    def open_one():
        start.wait()
        try:
            opened.append(file_database(path))
        except errors.WeftError as exc:
            failed.append(exc)

    together = [threading.Thread(target=open_one) for _ in range(4)]
    for each in together:
        each.start()
    for each in together:
        each.join()

    assert (len(opened), failed) == (4, [])
    for database in opened:
        database.reader.close()
        database.writer.close()


def test_up_to_date_store_opens_without_alembic(path):
    """Only a store that lacks a step pays for loading Alembic."""
    make_store(path)
    code = f"""
import sys
from weft.kit.clocks import SystemClock
from weft.store.engines.sqlite import store
store.open("sqlite:///{path}", clock=SystemClock())
print("alembic" in sys.modules)
"""

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "False"


def test_older_store_is_copied_and_migrated(path):
    """P43, T56: an old database opens, is brought up to date, and a copy of it is kept."""
    make_store(path)
    with sqlite3.connect(path) as old:
        old.execute("PRAGMA user_version = 0")
    old.close()

    make_store(path)

    kept = path.with_name("weft.db.revision-0.bak")
    assert kept.stat().st_mode & 0o077 == 0
    copy = sqlite3.connect(kept)
    found = sqlite3.connect(path)
    assert copy.execute("PRAGMA user_version").fetchone() == (0,)
    assert copy.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert found.execute("PRAGMA user_version").fetchone() == (REVISION,)
    copy.close()
    found.close()


def test_newer_store_is_refused_untouched(path):
    """A store of a newer weft is refused with the reason, and not one byte of it changes."""
    make_store(path)
    with sqlite3.connect(path) as newer:
        newer.execute(f"PRAGMA user_version = {REVISION + 1}")
    newer.close()
    before = path.read_bytes()

    with pytest.raises(errors.IncompatibleStore, match="newer weft"):
        open_store(path)

    assert path.read_bytes() == before


def test_strange_database_is_refused_untouched(path):
    """Somebody else's database is refused and not one byte of it changes."""
    path.parent.mkdir()
    with sqlite3.connect(path) as strange:
        strange.execute("CREATE TABLE things (id INTEGER)")
    strange.close()
    before = path.read_bytes()

    with pytest.raises(errors.IncompatibleStore, match="no weft store"):
        open_store(path)

    assert path.read_bytes() == before


def test_other_file_is_refused_untouched(path):
    """A file that is no database is refused and not one byte of it changes."""
    path.parent.mkdir()
    path.write_text("topic,text\n" * 500)
    before = path.read_bytes()

    with pytest.raises(errors.IncompatibleStore, match="no weft store"):
        open_store(path)

    assert path.read_bytes() == before


def test_damaged_store_is_refused(path):
    """L16: a file with overwritten pages is refused with a way out."""
    make_store(path)
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 8] = bytes(range(256)) * 96
    path.write_bytes(content)

    with pytest.raises(errors.IncompatibleStore, match="damaged") as caught:
        open_store(path)

    assert "recover" in caught.value.hint


def test_truncated_store_is_refused(path):
    """L16: a file that was cut off is refused."""
    make_store(path)
    path.write_bytes(path.read_bytes()[: 4096 * 3])

    with pytest.raises(errors.IncompatibleStore, match="damaged"):
        open_store(path)


def test_unwritable_place_is_named(tmp_path):
    """L6: where no file can be made, the message names the place and the way out."""
    (tmp_path / "file").write_text("")

    with pytest.raises(errors.UnwritableFile, match="--store"):
        open_store(tmp_path / "file" / "weft.db")


# ── living ──


async def test_locked_store_is_waited_for(path):
    """L7: a write waits for another process's transaction and then goes through."""
    mine = open_store(path, threads=True)
    errand = await Errand.begin(mine)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(mine.beat(errand.id, epoch=errand.epoch, elapsed_s=7.0))
    await asyncio.sleep(0)
    other.execute("COMMIT")
    other.close()

    await waiting

    assert (await mine.run(errand.id)).elapsed_s == 7.0
    await mine.close()


async def test_store_locked_for_too_long_says_so(path, threads):
    """L7: after the busy time-out the writers hear it, and later writes go through."""
    mine = open_store(path, threads=threads)
    errand = await Errand.begin(mine)
    mine._database.writer.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(errors.StoreBusy, match="locked"):
        await mine.beat(errand.id, epoch=errand.epoch, elapsed_s=7.0)
    other.execute("ROLLBACK")
    other.close()
    await mine.beat(errand.id, epoch=errand.epoch, elapsed_s=7.0)

    assert (await mine.run(errand.id)).elapsed_s == 7.0
    await mine.close()


async def test_paid_answer_outlasts_a_lock(path, threads):
    """L7: an answer in hand is kept and tried again, however long another process locks the file."""
    mine = open_store(path, threads=threads, auto=False)
    errand = await Errand.begin(mine)
    call = await errand.sent(0)
    mine._database.writer.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    paid = asyncio.ensure_future(mine.answered(call, reply()))
    while not mine._clock._sleepers:  # noqa: ASYNC110 - only the clock knows that the answer is held
        await asyncio.sleep(0)
    other.execute("ROLLBACK")
    other.close()

    mine._clock.advance(1.0)
    await paid

    assert (await mine.open_calls(errand.id))[0].raw == reply()
    await mine.close()


def fill(mine):
    """Let the store's file grow no further."""
    writer = mine._database.writer
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")


def make_room(mine):
    """Let the store's file grow again."""
    mine._database.writer.execute("PRAGMA max_page_count = 1000000")


BIG = Random(1).randbytes(100_000)  # nothing that zlib could make small


async def test_full_disk_keeps_paid_answers(path, threads):
    """L5: while the disk is full nothing is reserved, and a paid answer waits in memory until it is written."""
    mine = open_store(path, threads=threads, auto=False)
    errand = await Errand.begin(mine)
    call = await errand.sent(0, 1)
    fill(mine)
    paid = asyncio.ensure_future(mine.answered(call, reply(BIG)))
    while not mine._held:  # noqa: ASYNC110 - only the store's own count says that it holds something
        await asyncio.sleep(0)

    with pytest.raises(errors.DiskFull, match="wait in memory"):
        await mine.reserve(errand.call(2), epoch=errand.epoch)
    with pytest.raises(errors.DiskFull, match="cannot be written"):
        await mine.add_rows(errand.id, [draft_row(place) for place in range(100, 2000)])
    assert not paid.done()
    make_room(mine)
    mine._clock.advance(1.0)
    await paid
    await mine.settle(errand.settlement(call))
    await mine.reserve(errand.call(2), epoch=errand.epoch)

    assert (await errand.tally()).answered == 2
    assert await errand.money_adds_up()
    await mine.close()


async def test_full_disk_is_not_waited_for_for_ever(path, threads):
    """L5: a paid answer is given up after ten minutes; its call stays open, its money reserved."""
    mine = open_store(path, threads=threads)
    errand = await Errand.begin(mine)
    call = await errand.sent(0)
    fill(mine)

    with pytest.raises(errors.DiskFull):
        await mine.answered(call, reply(BIG))

    assert mine._clock.monotonic() >= 600
    assert (await mine.open_calls(errand.id))[0].raw is None
    assert (await errand.tally()).reserved == 1000
    await mine.close()


async def test_closing_gives_up_what_waits(path, threads):
    """L5: a store that is closed while the disk is full says that the answer was not written."""
    mine = open_store(path, threads=threads, auto=False)
    errand = await Errand.begin(mine)
    call = await errand.sent(0)
    fill(mine)
    paid = asyncio.ensure_future(mine.answered(call, reply(BIG)))
    while not mine._held:  # noqa: ASYNC110 - only the store's own count says that it holds something
        await asyncio.sleep(0)

    await mine.close()
    mine._clock.advance(1.0)

    with pytest.raises(errors.DiskFull):
        await paid


async def test_full_disk_fails_no_small_write(path):
    """L5: of the writes that commit together only those fail that find no room."""
    mine = open_store(path, threads=True)
    errand = await Errand.begin(mine)
    fill(mine)
    rows = [draft_row(place) for place in range(100, 4000)]

    found = await asyncio.gather(
        mine.add_rows(errand.id, rows),
        mine.beat(errand.id, epoch=errand.epoch, elapsed_s=1.0),
        return_exceptions=True,
    )

    assert isinstance(found[0], errors.DiskFull)
    assert not found[1]
    assert (await mine.run(errand.id)).tally.total == 6
    await mine.close()


async def test_nearly_full_disk_stops_before_paying(path):
    """L5: less free space than the setting asks for means that nothing more is reserved."""
    mine = open_store(path, min_free_mb=10**9)
    errand = await Errand.begin(mine)

    with pytest.raises(errors.DiskFull, match="required"):
        await mine.reserve(errand.call(0), epoch=errand.epoch)
    await mine.close()


async def test_two_stores_share_one_truth(path, threads):
    """P35, I7: two processes on one file never pass the budget together, and see each other's writes."""
    one, two = open_store(path, threads=threads), open_store(path, threads=threads)
    errand = await Errand.begin(one, rows=20, budget=Budget(usd=Usd(10_000)))

    found = await asyncio.gather(
        *((one, two)[place % 2].reserve(errand.call(place), epoch=errand.epoch) for place in range(20)),
        return_exceptions=True,
    )

    assert sum(isinstance(each, errors.BudgetExceeded) for each in found) == 10
    assert (await one.run(errand.id)).tally == (await two.run(errand.id)).tally
    await two.take_over(errand.id, owner="life 2", stale_after_s=0)
    with pytest.raises(errors.RunBusy):
        await one.beat(errand.id, epoch=errand.epoch, elapsed_s=1.0)
    await one.close()
    await two.close()


async def test_views_speak_in_words(path):
    """People who look with a SQL shell see states in words, places and dollars."""
    mine = open_store(path)
    errand = await Errand.begin(mine)
    await errand.settled(3)
    shell = sqlite3.connect(path)

    row = shell.execute("SELECT run, place, state, usd FROM rows_in_words WHERE place = 3").fetchone()
    call = shell.execute("SELECT run, state, places FROM calls_in_words").fetchone()
    shell.close()

    assert row == (errand.id, 3, "answered", 9.03e-07)
    assert call == (errand.id, "settled", "[3]")
    await mine.close()


CHILD = """
import asyncio, os, sys
from tests.contracts.errands import Errand
from weft.kit.clocks import SystemClock
from weft.store.engines.sqlite import store

async def main(path, die_at):
    errand = await Errand.begin(store.open(f"sqlite:///{path}", clock=SystemClock()), rows=400)
    print(errand.id, flush=True)
    steps = 0

    def step(*words):
        nonlocal steps
        steps += 1
        os.write(1, (" ".join(words) + "\\n").encode())
        if steps == die_at:
            os._exit(9)

    async def walk(place):
        call = await errand.sent(place)
        step("sent", call.id)
        await errand.store.answered(call, __import__("tests.contracts.errands").contracts.errands.reply())
        step("answered", call.id)
        await errand.store.settle(errand.settlement(call))
        step("settled", call.id)

    for start in range(0, 400, 8):
        await asyncio.gather(*(walk(start + n) for n in range(8)))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@pytest.mark.parametrize("die_at", [1, 7, 40, 203])
async def test_killed_process_loses_nothing_it_was_told(path, die_at):
    """L1, P31, I3: after a sudden death every step that was reported is in the store, and the money adds up."""
    child = subprocess.run(  # noqa: ASYNC221 - nothing else runs here
        [sys.executable, "-c", CHILD, str(path), str(die_at)], capture_output=True, text=True, check=False
    )
    run_id, *told = child.stdout.split("\n")[:-1]
    order = {"reserved": 0, "sent": 1, "answered": 2, "settled": 3}
    mine = open_store(path)
    errand = Errand(mine, await mine.run(run_id), 1)

    states = {each["id"]: order[each["state"]] for each in await mine.calls(run_id)}
    epoch = await mine.take_over(run_id, owner="life 2", stale_after_s=0)
    left = await mine.open_calls(run_id)

    assert (child.returncode, len(told)) == (9, die_at)
    assert all(states[call] >= order[step] for step, call in (line.split() for line in told))
    assert {each.call.id for each in left} == {call for call, state in states.items() if state < 3}
    assert all((each.raw is not None) == (each.call.state == "answered") for each in left)
    assert await errand.money_adds_up()
    assert epoch == 2
    assert await mine.check() == []
    await mine.close()


async def test_store_copied_in_the_middle_opens(path, tmp_path):
    """L1: file and log as they lie at any moment make a store that opens and adds up."""
    mine = open_store(path)
    errand = await Errand.begin(mine)
    await errand.settled(0)
    await errand.sent(1)
    copy = tmp_path / "copy.db"
    for tail in ("", "-wal"):
        copy.with_name(copy.name + tail).write_bytes(path.with_name(path.name + tail).read_bytes())
    await errand.settled(2)

    found = open_store(copy)

    assert [each.call.places for each in await found.open_calls(errand.id)] == [(1,)]
    assert (await found.run(errand.id)).tally.answered == 1
    await found.close()
    await mine.close()


def test_closed_store_lets_go_of_its_files(path):
    """P43: after closing nothing of the file is held, also if a query was left half read; it can be replaced at once."""
    opened = open_store(path, threads=True)
    asyncio.run(Errand.begin(opened))
    next(opened.export_rows(asyncio.run(opened.runs())[0].id))

    asyncio.run(opened.close())

    assert [each.name for each in path.parent.iterdir()] == [
        path.name
    ]  # the last one out takes the log along
