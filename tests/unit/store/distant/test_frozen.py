"""Processes that froze in the middle of a transaction: their runs can be had, and those of others are left alone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from tests.contracts.errands import Errand
from tests.contracts.servers import command

from weft.errors import RunBusy
from weft.kit.clocks import SystemClock
from weft.store.distant import frozen
from weft.store.engines.postgresql import store as engine

ROOT = Path(__file__).resolve().parents[4]
FROZEN_S, SOON_S = 0.75, 5.0
LOCK = "SELECT id FROM weft.runs WHERE id = %s FOR UPDATE"
SESSIONS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'weft'"
STRANGER = """
DO $$ BEGIN CREATE ROLE stranger LOGIN SUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END $$
"""

# A process that owns a run and freezes when it has said, and not yet ended, what a call costs.
FREEZING = """
import asyncio, json, signal, sys
from tests.contracts.errands import Errand, reply
from weft.errors import RunBusy
from weft.kit.clocks import SystemClock
from weft.store.distant.book import COMMIT
from weft.store.distant.link import Link
from weft.store.engines.postgresql import store

def run(self, statements):
    if not armed or statements[-1][0] != COMMIT:
        return plain(self, statements)
    armed.clear()
    connection = self._open()
    with connection.pipeline():
        for text, given in statements[:-1]:
            connection.execute(text, given, binary=True)
        signal.raise_signal(signal.SIGSTOP)  # this very thread, before it says more
        connection.execute(*statements[-1])

async def work(url):
    opened = store.open(url, clock=SystemClock())
    errand = await Errand.begin(opened)
    call = await errand.answered(0, 1)
    armed.append(True)
    print(json.dumps([errand.id, errand.epoch]), flush=True)
    await opened.settle(errand.settlement(call))
    try:
        await opened.beat(errand.id, epoch=errand.epoch, elapsed_s=1.0)
    except RunBusy:
        print("busy")
    await opened.close()

armed, plain, Link.run = [], Link.run, run
asyncio.run(work(sys.argv[1]))
"""


@pytest.fixture
async def store(url, monkeypatch):
    """A store whose time is real, with less patience than usual."""
    monkeypatch.setattr(frozen, "FROZEN_S", FROZEN_S)
    opened = engine.open(url, clock=SystemClock())
    yield opened
    await opened.close()


class Session:
    """A session that locks a run's line, like one of the store's own, and then says nothing.

    Attributes:
        pid: of the server's process for it.
    """

    def __init__(self, url, run, *, half=True, **parameters):
        self._url = url
        self._connection = psycopg.connect(url, autocommit=True, **{"application_name": "weft"} | parameters)
        self.pid = self._connection.info.backend_pid
        if not half:
            self._connection.execute("BEGIN")
            self._connection.execute(LOCK, (run,))
            return
        self._line = self._connection.pgconn
        self._line.enter_pipeline_mode()
        self.say("BEGIN")
        self.say(LOCK.replace("%s", "$1"), run.encode())

    def say(self, text, *parameters):
        """Say a statement and do not end the trip."""
        self._line.send_query_params(text.encode(), parameters)
        self._line.send_flush_request()
        self._line.flush()

    @property
    def state(self):
        """How the server sees it; `None` if it has none such."""
        with psycopg.connect(self._url, autocommit=True) as other:
            found = other.execute(
                "SELECT state, wait_event FROM pg_stat_activity WHERE pid = %s", (self.pid,)
            )
            return found.fetchone()

    def wait_for(self, *state):
        """Wait until the server sees it so."""
        for _ in range(20_000):
            if self.state == state:
                return
        raise AssertionError(self.state)

    def close(self):
        """Let go."""
        self._connection.close()


def wait_for_lock(url, run):
    """Wait until somebody has locked a run's line."""
    with psycopg.connect(url, autocommit=True) as other:
        for _ in range(20_000):
            if not other.execute(f"{LOCK} SKIP LOCKED", (run,)).fetchone():
                return
    raise AssertionError


async def seen(store):
    """How the only run stands."""
    (standing,) = await store.unfinished(reason="")
    return standing


@contextmanager
def freezing(url):
    """A process that has frozen within a trip, its run, and its epoch."""
    with subprocess.Popen(
        [sys.executable, "-c", FREEZING, url], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            run, epoch = json.loads(process.stdout.readline())
            assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
            yield process, run, epoch
        finally:
            process.kill()


@pytest.mark.parametrize("half", [True, False], ids=["within a trip", "between two"])
@pytest.mark.parametrize("way", ["claim", "take over"])
async def test_run_of_a_frozen_session_is_had(store, url, half, way):
    """L13: whoever follows a silent owner has its run within seconds, although its transaction is open."""
    errand = await Errand.begin(store)
    with closing(Session(url, errand.id, half=half)) as victim:
        wait_for_lock(url, errand.id)
        taken = (
            store.claim(errand.id, owner="life 2", over=await seen(store))
            if way == "claim"
            else store.take_over(errand.id, owner="life 2", stale_after_s=0.1)
        )
        victim.wait_for("active" if half else "idle in transaction", "ClientRead")
        epoch = await asyncio.wait_for(taken, SOON_S)

        assert victim.state is None
    assert epoch == errand.epoch + 1


async def test_run_that_nobody_owns_is_had_from_a_frozen_session(store, url):
    """L13: also who froze while it let a run go, or took it, keeps nobody from it."""
    errand = await Errand.begin(store)
    await store.let_go(errand.id, epoch=errand.epoch)
    with closing(Session(url, errand.id)):
        wait_for_lock(url, errand.id)

        assert await asyncio.wait_for(store.claim(errand.id, owner="life 2"), SOON_S) == errand.epoch + 1


async def test_frozen_process_thaws_into_a_later_epoch(store, url):
    """L13, I10, I4: a real process that froze within a trip loses its run, books what it paid, changes no row."""
    with freezing(url) as (process, run, epoch):
        wait_for_lock(url, run)
        mine = await asyncio.wait_for(store.claim(run, owner="life 2", over=await seen(store)), SOON_S)
        await store.recall(run, epoch=mine)
        before = (await store.run(run)).tally
        process.send_signal(signal.SIGCONT)
        told, _ = await asyncio.to_thread(process.communicate, timeout=30)
    after = (await store.run(run)).tally

    assert (mine, told) == (epoch + 1, "busy\n")
    assert (before.spent, after.spent) == (0, 903)
    assert (before.answered, after.answered) == (0, 0)
    assert (after.reserved, after.unsure) == (0, 0)
    assert await store.audit() == []


async def test_living_owner_is_never_cut(store, url):
    """L12: an owner whose heartbeat moves keeps its run and its line, however often somebody asks."""
    errand = await Errand.begin(store)
    other = engine.open(url, clock=SystemClock())
    ends, beaten = asyncio.Event(), asyncio.Event()

    async def beat():
        while not ends.is_set():
            await store.beat(errand.id, epoch=errand.epoch, elapsed_s=1.0)
            beaten.set()

    with psycopg.connect(url, autocommit=True) as looking:
        before = looking.execute(SESSIONS).fetchall()
        old = await seen(other)
        heart = asyncio.ensure_future(beat())
        await beaten.wait()
        for asked in (
            other.claim(errand.id, owner="life 2", over=old),
            other.claim(errand.id, owner="life 2"),
            other.take_over(errand.id, owner="life 2", stale_after_s=2),
        ):
            with pytest.raises(RunBusy):
                await asked
        ends.set()
        await heart
        after = looking.execute(SESSIONS).fetchall()
    await other.close()

    assert set(before) <= set(after)


async def test_session_that_moves_while_it_is_watched_is_left_alone(store, url):
    """L12: who goes on within a transaction, however slowly, is alive."""
    errand = await Errand.begin(store)
    standing = await seen(store)
    held = standing.owner, standing.beats, standing.epoch
    with closing(Session(url, errand.id)) as session:
        wait_for_lock(url, errand.id)
        session.wait_for("active", "ClientRead")
        first = store._reader.keeper(errand.id, held)
        session.say("SELECT 1")
        while (now := store._reader.keeper(errand.id, held)) is None or now.mark == first.mark:
            pass

        assert store._reader.keeper(errand.id, held, replace(first, since=first.since - 60)) is None
        session.wait_for("active", "ClientRead")


@pytest.mark.parametrize("kind", ["application", "user", "working", "another row"])
async def test_other_sessions_are_never_ended(store, url, kind):
    """Whoever works, belongs to somebody else or holds something else is not ended, and waited for as ever."""
    errand = await Errand.begin(store)
    standing, facts = await seen(store), {}
    held = standing.owner, standing.beats, standing.epoch
    if kind == "application":
        facts = {"application_name": "weft/weft_other"}
    if kind == "user":
        command(STRANGER)
        facts = {"user": "stranger"}
    run = (await Errand.begin(store)).id if kind == "another row" else errand.id
    with closing(Session(url, run, **facts)) as session:
        if kind == "working":
            session.say("SELECT pg_sleep(60)")
        wait_for_lock(url, run)
        session.wait_for("active", "PgSleep" if kind == "working" else "ClientRead")

        assert store._reader.keeper(errand.id, held) is None


async def test_session_is_not_ended_for_an_owner_who_gave_a_sign(store, url):
    """L12: the last look and the end are one statement: a sign of life, or a move, and nothing is ended."""
    errand = await Errand.begin(store)
    owner, beats, epoch = "life 1", (await seen(store)).beats, errand.epoch
    with closing(Session(url, errand.id)) as session:
        wait_for_lock(url, errand.id)
        session.wait_for("active", "ClientRead")
        keeper = store._reader.keeper(errand.id, (owner, beats, epoch))
        long_ago = replace(keeper, since=keeper.since - 60)

        assert store._reader.keeper(errand.id, (owner, beats + 1, epoch), long_ago) is None
        assert store._reader.keeper(errand.id, (owner, beats, epoch - 1), long_ago) is None
        assert store._reader.keeper(errand.id, ("x", beats, epoch), long_ago) is None
        assert store._reader.keeper(errand.id, (owner, beats, epoch), replace(long_ago, mark="y")) is None
        for late in ((owner, beats, epoch, "y"), (owner, beats + 1, epoch, keeper.mark)):
            assert store._reader._ask(frozen.END, (errand.id, *late)) == []
        assert session.state is not None
        assert store._reader.keeper(errand.id, (owner, beats, epoch), long_ago) is None
        assert session.state is None
