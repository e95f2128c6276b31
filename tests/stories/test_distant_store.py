"""Real processes share a PostgreSQL store: they are killed, frozen, cut off, and race for one budget."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import psycopg
import pytest
from tests.contracts.errands import Errand, reply
from tests.contracts.servers import emptied_store
from tests.generated.postgres import Server as PgServer
from tests.generated.postgres import running_server
from tests.stories.kills import (
    CONCURRENCY,
    ROWS_PER_CALL,
    Glimpse,
    Life,
    Server,
    Site,
    cost_of,
    look,
    serving,
)
from tests.stories.test_kill import reading, strike, walking

from weft.errors import BudgetExceeded, Halt, RunBusy
from weft.kit.clocks import SystemClock
from weft.money import Budget, Usd
from weft.run import RunState
from weft.store.engines.postgresql import store as engine

ROOT = Path(__file__).resolve().parents[2]
WORKERS, RUNS, ROWS = 4, 8, 64
COST, RESERVED = Usd(903), Usd(1_000)
TEXTS = [f"Text number {n} tells of something." for n in range(120)]


class DistantSite(Site):
    """A site whose store is a database."""

    def __init__(self, folder: Path, server: Server, bodies: list[str], url: str) -> None:
        super().__init__(folder, server, bodies)
        self.url = url

    def start(self, *arguments: str) -> Life:
        """Start any command of weft here, at the database."""
        return super().start(*(self.url if each == "weft.db" else each for each in arguments))

    def glimpse(self) -> Glimpse:
        """Look at the database; whoever was killed is gone from it by then."""
        return asyncio.run(look(self.url))

    def audit(self) -> list[str]:
        """What does not add up."""
        return asyncio.run(end(self.url, []))[1]


@pytest.fixture
def url() -> str:
    """An empty store."""
    return emptied_store()


@pytest.fixture(scope="module")
def durable() -> Iterator[PgServer]:
    """A server of its own that keeps what was committed, for those who stop it and crash it."""
    with running_server(durable=True) as server:
        yield server


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the errand writes if nobody disturbs it."""
    folder = tmp_path_factory.mktemp("calm")
    with serving(folder, latency_ms=0) as server:
        site = Site(folder / "site", server, TEXTS)
        life = site.run()
        assert life.end() == 0, life.said
        return site.out.read_bytes()


# ── budgets ──

WORKER = """
import asyncio, json, sys
from tests.contracts.errands import RANDOM, Errand, reply
from weft.errors import BudgetExceeded
from weft.kit.clocks import SystemClock
from weft.money import Usd
from weft.store.engines.postgresql import store

async def work(url, me, runs):
    opened = store.open(url, clock=SystemClock())
    billed = dict.fromkeys(runs, 0)
    refused = 0

    async def spend(run, epoch):
        nonlocal refused
        errand = Errand(opened, type("Run", (), {"id": run}), epoch)
        for place in range(me, ROWS, WORKERS):
            call = errand.call(place, reserved=Usd(RESERVED))
            try:
                await opened.reserve(call, epoch=epoch, leaving=True)
            except BudgetExceeded:
                refused += 1
                continue
            billed[run] += COST  # the provider charges it here
            await opened.answered(call, reply())
            await opened.settle(errand.settlement(call, cost=Usd(COST)))

    await asyncio.gather(*(spend(run, epoch) for run, epoch in runs.items()))
    await opened.close()
    print(json.dumps({"billed": billed, "refused": refused}))

RANDOM.seed(sys.argv[2])  # or all would call their calls alike
asyncio.run(work(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])))
"""


def test_four_processes_never_pass_a_budget(url: str) -> None:
    """I6, I7, P35: eight runs, each with money for half its rows, spent by four processes: bill = ledger, overspend 0."""
    limit = Usd(ROWS // 2 * COST)
    runs = asyncio.run(begin(url, limit))
    code = f"ROWS, WORKERS, COST, RESERVED = {ROWS}, {WORKERS}, {COST:d}, {RESERVED:d}\n{WORKER}"
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, url, str(me), json.dumps(runs)], stdout=subprocess.PIPE, cwd=ROOT
        )
        for me in range(WORKERS)
    ]
    told = [json.loads(worker.communicate(timeout=120)[0]) for worker in workers]
    billed = Counter[str]()
    for each in told:
        billed.update(each["billed"])
    tallies, problems = asyncio.run(end(url, list(runs)))

    for run, tally in tallies.items():
        assert tally.spent == billed[run] <= limit
        assert limit - billed[run] < RESERVED  # nobody was refused what was there
        assert (tally.reserved, tally.unsure) == (0, 0)
        assert tally.answered == billed[run] // COST
    assert (
        sum(each["refused"] for each in told)
        == WORKERS * ROWS // WORKERS * RUNS - sum(billed.values()) // COST
    )
    assert problems == []


async def begin(url: str, limit: Usd) -> dict[str, int]:
    """Make the runs; their epochs, which the workers share."""
    opened = engine.open(url, clock=SystemClock())
    errands = [await Errand.begin(opened, rows=ROWS, budget=Budget(usd=limit)) for _ in range(RUNS)]
    await opened.close()
    return {errand.id: errand.epoch for errand in errands}


async def end(url: str, runs: list[str]):
    """How the runs stand, and what does not add up."""
    opened = engine.open(url, clock=SystemClock())
    try:
        return {run: (await opened.run(run)).tally for run in runs}, await opened.audit()
    finally:
        await opened.close()


# ── owners ──


def test_two_processes_at_one_run_have_one_owner(tmp_path: Path, url: str) -> None:
    """L12, I10: of two that start the same errand one works, and the other is told who does."""
    with serving(tmp_path / "two", latency_ms=600) as server:
        site = DistantSite(tmp_path / "two" / "site", server, TEXTS, url)
        first = site.run()
        first.until(lambda: first.has_asked(1))
        second = site.run("--out", "other.csv")
        assert second.end() == RunBusy.exit_code, second.said
        first.signal(signal.SIGTERM)
        assert first.end() == Halt.exit_code, first.said
        paid = Counter(row for call in server.bill() for row in call.digests)

    assert f"process {first.process.pid}" in second.said
    assert set(paid.values()) == {1}


def test_frozen_process_changes_no_rows_of_a_database(tmp_path: Path, url: str, calm: bytes) -> None:
    """L13, I10: a process that wakes after another took its run over books what it paid and leaves."""
    with serving(tmp_path / "frozen", latency_ms=60) as server:
        site = DistantSite(tmp_path / "frozen" / "site", server, TEXTS, url)
        zombie = site.run()
        zombie.until(lambda: zombie.has_settled(CONCURRENCY) and zombie.has_asked(2 * CONCURRENCY))
        zombie.signal(signal.SIGSTOP)
        frozen = site.glimpse()
        asyncio.run(usurp(url))
        heir = site.run()
        assert heir.end() == 0, heir.said
        before, rows = site.glimpse(), site.out.read_bytes()
        zombie.signal(signal.SIGCONT)
        code, after = zombie.end(), site.glimpse()
        billed = cost_of(server.bill())
        problems = site.audit()

    assert frozen.sent
    assert code == RunBusy.exit_code, zombie.said
    assert "held by another process now" in zombie.said
    assert rows == calm
    assert before.states.count("unknown") * ROWS_PER_CALL == frozen.sent
    assert after.states.count("unknown") == 0
    assert after.booked == billed
    assert (after.state, after.ended) == (before.state, before.ended) == (RunState.FINISHED, len(TEXTS))
    assert problems == []


async def usurp(url: str) -> None:
    """Take the newest run from its owner, as everybody may whose patience is over, and let it go."""
    opened = engine.open(url, clock=SystemClock())
    run = (await opened.runs(limit=1))[0].id
    await opened.let_go(run, epoch=await opened.take_over(run, owner="test", stale_after_s=0))
    await opened.close()


# ── kills ──

MOMENTS: list[Callable[[Life, Random], None]] = [reading, walking, walking]


def test_kills_lose_nothing_in_a_database(tmp_path: Path, url: str, calm: bytes) -> None:
    """L1, I1-I9: killed again and again, the same command ends with the bytes of an undisturbed run."""
    random = Random(11)
    with serving(tmp_path / "storm", latency_ms=25) as server:
        site, deaths = DistantSite(tmp_path / "storm" / "site", server, TEXTS, url), []
        for moment in MOMENTS:
            strike(site, moment, random)
            billed, left = cost_of(server.bill()), site.glimpse()
            assert billed <= left.booked  # I6, also at this moment
            deaths.append(left)
        last = site.run()
        assert last.end() == 0, last.said
        bill = server.bill()
        paid, billed = Counter(row for call in bill for row in call.digests), cost_of(bill)
        done, problems = site.glimpse(), site.audit()

    in_flight = sum(death.sent for death in deaths)
    assert site.out.read_bytes() == calm
    assert len(paid) == len(TEXTS)
    assert sum(times - 1 for times in paid.values()) <= in_flight <= len(deaths) * CONCURRENCY * ROWS_PER_CALL
    assert billed <= done.booked
    assert (done.state, done.ended) == (RunState.FINISHED, len(TEXTS))
    assert problems == []


def test_run_goes_on_when_its_database_restarts(tmp_path: Path, calm: bytes, durable: PgServer) -> None:
    """L8: a database that is stopped and started in the middle of a run costs time and nothing else."""
    with serving(tmp_path / "cut", latency_ms=60) as server:
        site = DistantSite(tmp_path / "cut" / "site", server, TEXTS, durable.dsn())
        life = site.run()
        for calls in (1, 3):
            life.until(lambda calls=calls: life.has_settled(calls))
            durable.stop()
            life.lives_for(0.2)
            durable.start()
        assert life.end() == 0, life.said
        paid = Counter(row for call in server.bill() for row in call.digests)
        left, billed, problems = site.glimpse(), cost_of(server.bill()), site.audit()

    assert site.out.read_bytes() == calm
    assert "psycopg" not in life.said
    assert set(paid.values()) == {1}
    assert left.booked == billed
    assert problems == []


def test_crashing_server_loses_nothing_that_was_told(durable: PgServer) -> None:
    """L1, L8, I6, I7: processes of the server are killed while three stores spend one budget: bill = ledger."""
    limit, crashes = Usd(100 * COST), 2
    url = asyncio.run(durable.create_database())
    billed, tally, problems, killed = asyncio.run(spend_in_crashes(url, limit, crashes))

    assert killed == crashes
    assert tally.spent == billed <= limit
    assert limit - billed < RESERVED
    assert (tally.reserved, tally.unsure) == (0, 0)
    assert problems == []


async def spend_in_crashes(url: str, limit: Usd, crashes: int):
    """Spend a budget through three stores, and crash the server every thirty calls."""
    stores = [engine.open(url, clock=SystemClock()) for _ in range(3)]
    errand = await Errand.begin(stores[0], rows=180, budget=Budget(usd=limit))
    billed, victims = 0, iter(range(30, 30 * (crashes + 1), 30))
    next_victim, killed = next(victims), 0

    async def spend(me: int) -> None:
        nonlocal billed, next_victim, killed
        store = stores[me % 3]
        for place in range(me, 180, 12):
            call = errand.call(place)
            try:
                await store.reserve(call, epoch=errand.epoch, leaving=True)
            except BudgetExceeded:
                return
            billed += COST
            if billed >= next_victim * COST:
                next_victim = next(victims, sys.maxsize)
                killed += await asyncio.to_thread(crash, url)
            await store.answered(call, reply())
            await store.settle(errand.settlement(call))

    await asyncio.gather(*(spend(me) for me in range(12)))
    found = billed, await errand.tally(), await stores[1].audit(), killed
    for store in stores:
        await store.close()
    return found


def crash(url: str) -> bool:
    """Kill one process of the server by SIGKILL, upon which it ends all others and recovers."""
    with psycopg.connect(url) as connection:
        (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone()
        os.kill(pid, signal.SIGKILL)
        try:
            connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return True
    return False
