"""Modules of database_heavy under faults: cut, slow, crowded, in conflict, away. Against a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import pytest
from tests.generated.making import module_of
from tests.generated.postgres import Server, running_server

WORKERS = 8
UPDATES = 200  # of each worker
CUT_EVERY_S = 0.1
TABLES = """
CREATE TABLE orders (
    order_id bigint PRIMARY KEY, customer text NOT NULL DEFAULT '', total numeric NOT NULL DEFAULT 0, note text,
    state text NOT NULL DEFAULT 'open', visits integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE order_lines (order_id bigint NOT NULL, article text NOT NULL, quantity integer NOT NULL);
CREATE TABLE accounts (account_id integer PRIMARY KEY, balance numeric NOT NULL);
CREATE TABLE done (name text PRIMARY KEY);
INSERT INTO accounts SELECT each, 0 FROM generate_series(0, 15) AS each;
INSERT INTO orders (order_id) SELECT each FROM generate_series(0, 7) AS each;
"""
CUT_ALL = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database()
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return module_of("database_heavy/example.yaml", tmp_path_factory.mktemp("made"))


@pytest.fixture
async def connection(postgres: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test's own to its database, which has the tables."""
    connection = await asyncpg.connect(postgres)
    await connection.execute(TABLES)
    yield connection
    await connection.close()


def store_of(made: ModuleType, dsn: str, **settings: Any) -> Any:
    """A store with short pauses, so that faults are over soon."""
    few = {
        "dsn": dsn,
        "pool_min": 1,
        "pool_max": 10,
        "attempts": 8,
        "first_delay_s": 0.005,
        "max_delay_s": 0.5,
    }
    return made.OrderStore(settings=made.OrderStoreSettings(**{**few, **settings}))


@asynccontextmanager
async def cutting(connection: asyncpg.Connection, done: list[str]) -> AsyncIterator[list[int]]:
    """Terminate every other back end of the database at short intervals; the list counts them.

    Between two cuts something must be done, or a slow machine would never get to the end.
    """
    cuts: list[int] = []
    over = asyncio.Event()

    async def cut() -> None:
        before = -1
        while not over.is_set():
            if len(done) > before:
                before = len(done)
                cuts.append(await connection.fetchval(CUT_ALL))
            try:
                await asyncio.wait_for(over.wait(), CUT_EVERY_S)
            except TimeoutError:
                continue

    task = asyncio.create_task(cut())
    try:
        yield cuts
    finally:
        over.set()
        await task


async def test_keyed_updates_survive_cuts(
    made: ModuleType, postgres: str, connection: asyncpg.Connection
) -> None:
    """V07: 8 workers, 1600 updates, every back end terminated each 100 ms: none lost, none done twice.

    With a key the module itself finds out what became of a cut commit: the caller sees no error.
    """

    async def worker(store: Any, number: int) -> None:
        for turn in range(UPDATES):
            await store.transfer(transfer_id=f"{number}-{turn}", payer=number, payee=number + 8, amount=1.0)
            done.append(f"{number}-{turn}")

    done: list[str] = []
    async with store_of(made, postgres, attempts=30) as store, cutting(connection, done) as cuts:
        await asyncio.gather(*(worker(store, number) for number in range(WORKERS)))
        figures = store.metrics()["database"]

    balances = await connection.fetch("SELECT balance FROM accounts WHERE account_id >= 8")
    assert [row["balance"] for row in balances] == [UPDATES] * WORKERS
    assert sum(cuts) > WORKERS
    assert figures["transfer.retries"] > 0
    assert "transfer.failures" not in figures


async def test_plain_updates_are_never_repeated_blindly(
    made: ModuleType, postgres: str, connection: asyncpg.Connection
) -> None:
    """V07: without a key each update happened once or raised `OutcomeUnknown`, which the caller reconciles.

    The caller's own mark, written in the same transaction, says what became of each unknown one.
    """
    ends: Counter[str] = Counter()
    unknown: list[str] = []

    async def worker(store: Any, number: int) -> None:
        for turn in range(UPDATES):
            name = f"{number}-{turn}"

            async def work(inner: Any, name: str = name) -> None:
                await inner.execute("UPDATE orders SET visits = visits + 1 WHERE order_id = $1", number)
                await inner.execute("INSERT INTO done VALUES ($1)", name)

            try:
                await store.run_in_transaction(work)
                ends["done"] += 1
            except made.OutcomeUnknown:
                unknown.append(name)
            ended.append(name)

    ended: list[str] = []
    async with store_of(made, postgres, attempts=30) as store, cutting(connection, ended):
        await asyncio.gather(*(worker(store, number) for number in range(WORKERS)))
        figures = store.metrics()["database"]

    happened = {row["name"] for row in await connection.fetch("SELECT name FROM done")}
    visits = await connection.fetchval("SELECT sum(visits) FROM orders")
    assert ends["done"] + len(unknown) == WORKERS * UPDATES
    assert visits == len(happened) == ends["done"] + len(happened.intersection(unknown))
    assert figures.get("run_in_transaction.unknown", 0) == len(unknown)
    assert figures["run_in_transaction.retries"] > 0


async def test_reads_survive_cuts(made: ModuleType, postgres: str, connection: asyncpg.Connection) -> None:
    """V07: reads are repeated until they succeed, and an idempotent write too."""

    async def worker(store: Any, number: int) -> None:
        for _ in range(UPDATES // 2):
            assert (await store.find_order(order_id=number)).order_id == number
            assert await store.mark_paid(order_id=number) == 1
            done.append("")

    done: list[str] = []
    async with store_of(made, postgres, attempts=30) as store, cutting(connection, done):
        await asyncio.gather(*(worker(store, number) for number in range(WORKERS)))
        figures = store.metrics()["database"]

    assert figures["find_order.retries"] + figures["mark_paid.retries"] > 0
    assert "find_order.failures" not in figures


async def test_slow_statement_is_stopped(
    made: ModuleType, postgres: str, connection: asyncpg.Connection
) -> None:
    """V07: a statement that waits too long for a lock is stopped by the server and was not done."""
    async with store_of(made, postgres, statement_timeout_s=0.2) as store:
        async with connection.transaction():
            await connection.execute("SELECT * FROM orders WHERE order_id = 1 FOR UPDATE")
            with pytest.raises(made.CallTimedOut, match=r"`mark_paid` took longer than 0\.2 s"):
                await store.mark_paid(order_id=1)

        assert (await store.find_order(order_id=1)).state == "open"
        assert await store.mark_paid(order_id=1) == 1


async def test_crowded_pool_says_so_in_time(
    made: ModuleType, postgres: str, connection: asyncpg.Connection
) -> None:
    """V07: when every connection is lent, a caller waits no longer than allowed and is told why."""
    held = asyncio.Event()
    all_there = asyncio.Barrier(3)
    clock = asyncio.get_running_loop().time

    async def hold(_: Any) -> None:
        await all_there.wait()
        await held.wait()

    async with store_of(made, postgres, pool_max=2, acquire_timeout_s=0.2) as store:
        holders = [asyncio.create_task(store.run_in_transaction(hold)) for _ in range(2)]
        await all_there.wait()
        began = clock()
        with pytest.raises(made.PoolExhausted, match="all 2 connections were in use"):
            await store.find_order(order_id=1)
        waited = clock() - began
        held.set()
        await asyncio.gather(*holders)

        assert 0.2 <= waited < 2.0
        assert await store.find_order(order_id=1) is not None


async def test_conflicts_are_tried_again(
    made: ModuleType, postgres: str, connection: asyncpg.Connection
) -> None:
    """V07: serialisable transactions that meet are rolled back by the server and done again."""

    async def raise_by_one(inner: Any) -> None:
        visits = await inner.fetchval("SELECT visits FROM orders WHERE order_id = 1")
        await inner.execute("UPDATE orders SET visits = $1 WHERE order_id = 1", visits + 1)

    async with store_of(made, postgres, attempts=50, pool_max=4) as store:
        work = [store.run_in_transaction(raise_by_one, isolation="serializable") for _ in range(20)]
        await asyncio.gather(*work)
        retries = store.metrics()["database"]["run_in_transaction.retries"]

    assert await connection.fetchval("SELECT visits FROM orders WHERE order_id = 1") == 20
    assert retries > 0


async def test_deadlocks_are_tried_again(
    made: ModuleType, postgres: str, connection: asyncpg.Connection
) -> None:
    """V07: of two transactions that wait for each other one is rolled back by the server and done again."""
    await connection.execute("ALTER SYSTEM SET deadlock_timeout = '20ms'")
    await connection.execute("SELECT pg_reload_conf()")
    both = asyncio.Barrier(2)
    met: Counter[int] = Counter()

    async def swap(inner: Any, first: int, second: int) -> None:
        await inner.execute("UPDATE orders SET visits = visits + 1 WHERE order_id = $1", first)
        met[first] += 1
        if met[first] == 1:
            await both.wait()
        await inner.execute("UPDATE orders SET visits = visits + 1 WHERE order_id = $1", second)

    async with store_of(made, postgres) as store:
        await asyncio.gather(
            store.run_in_transaction(lambda inner: swap(inner, 1, 2)),
            store.run_in_transaction(lambda inner: swap(inner, 2, 1)),
        )

    rows = await connection.fetch("SELECT visits FROM orders WHERE order_id IN (1, 2)")
    assert [row["visits"] for row in rows] == [2, 2]
    assert sum(met.values()) == 3


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def test_breaker_opens_and_closes(made: ModuleType) -> None:
    """V07: the breaker opens while the server is away, lets one call through after a rest, and closes."""
    clock = Clock()
    with running_server() as server:
        dsn = await server.create_database()
        connection = await asyncpg.connect(dsn)
        await connection.execute(TABLES)
        await connection.close()
        settings = made.OrderStoreSettings(
            dsn=dsn, pool_min=1, pool_max=2, attempts=2, breaker_threshold=3, breaker_rest_s=10
        )
        async with made.OrderStore(settings=settings, clock=clock, sleep=clock.sleep) as store:
            server.stop()
            ends = [await end_of(made, store.find_order(order_id=1)) for _ in range(4)]
            state = store.metrics()["database"]["breaker"]
            clock.now += 11
            half_open = [await end_of(made, store.find_order(order_id=1)) for _ in range(2)]
            server.start()
            clock.now += 11
            closed = [await end_of(made, store.find_order(order_id=1)) for _ in range(2)]

    assert ends == ["Unavailable", "BreakerOpen", "BreakerOpen", "BreakerOpen"]
    assert state == "open"
    assert half_open == ["BreakerOpen", "BreakerOpen"]  # the one call failed, so it rests again
    assert closed == ["found", "found"]


async def end_of(made: ModuleType, call: Any) -> str:
    """How a read ended: with a row, or with one of the module's errors."""
    try:
        return "found" if await call is not None else "nothing"
    except made.OrderStoreError as exc:
        return type(exc).__name__


async def test_server_away_at_start_is_told(made: ModuleType, postgres: str, tmp_path: Path) -> None:
    """V07: starting tries for a bounded time, names no password, and may be called again."""
    waits: list[float] = []

    async def nap(seconds: float) -> None:
        waits.append(seconds)

    settings = made.OrderStoreSettings(dsn=f"postgresql://weft:secret@/none?host={tmp_path}", attempts=4)
    store = made.OrderStore(settings=settings, sleep=nap, rng=lambda: 1.0)

    with pytest.raises(made.Unavailable, match="not reached in 4 attempts") as caught:
        await store.start()
    assert waits == [0.05, 0.1, 0.2]
    assert "secret" not in str(caught.value)
    assert not (await store.health()).ok
    await store.stop()


async def test_server_that_comes_back_is_used_again(made: ModuleType) -> None:
    """V07: calls during a restart wait and succeed once the server is back, and health tells both."""
    with running_server() as server:
        dsn = await server.create_database()
        connection = await asyncpg.connect(dsn)
        await connection.execute(TABLES)
        await connection.close()
        async with store_of(made, dsn, attempts=100, max_delay_s=0.05, breaker_threshold=1000) as store:
            server.stop()
            down = await store.health()
            call = asyncio.create_task(store.mark_paid(order_id=1))
            await asyncio.to_thread(server.start)

            assert await call == 1
            assert (down.ok, (await store.health()).ok) == (False, True)


async def test_stop_waits_for_work_then_cuts(
    made: ModuleType, postgres: str, connection: asyncpg.Connection
) -> None:
    """V07: stopping lets work end; what hangs is cut after a while and has not happened."""
    entered = asyncio.Event()

    async def hang(inner: Any) -> None:
        await inner.execute("UPDATE orders SET visits = 1 WHERE order_id = 1")
        entered.set()
        await inner.execute("SELECT pg_sleep(60)")

    store = store_of(made, postgres, close_timeout_s=0.2)
    await store.start()
    hanging = asyncio.create_task(store.run_in_transaction(hang))
    await entered.wait()
    await store.stop()

    with pytest.raises(made.NotRunning):
        await hanging
    with pytest.raises(made.NotRunning):
        await store.find_order(order_id=1)
    assert await connection.fetchval("SELECT visits FROM orders WHERE order_id = 1") == 0


async def test_cancelled_work_leaves_the_pool_whole(
    made: ModuleType, postgres: str, connection: asyncpg.Connection
) -> None:
    """V07: a caller that is cancelled gives its place back, and its transaction is rolled back."""

    async def hang(inner: Any) -> None:
        await inner.execute("UPDATE orders SET visits = 1 WHERE order_id = 1")
        await inner.execute("SELECT pg_sleep(60)")

    async with store_of(made, postgres, pool_max=2) as store:
        for _ in range(5):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(store.run_in_transaction(hang), 0.05)

        assert (await store.find_order(order_id=1)).order_id == 1
        assert store.metrics()["database"]["pool.in_use"] == 0
    assert await connection.fetchval("SELECT visits FROM orders WHERE order_id = 1") == 0


async def test_changed_table_is_noticed(
    made: ModuleType, postgres: str, connection: asyncpg.Connection
) -> None:
    """V07: a column whose type changed under prepared statements is read as it is now."""
    async with store_of(made, postgres, pool_max=1) as store:
        before = await store.find_order(order_id=1)
        await connection.execute("ALTER TABLE orders ALTER COLUMN total TYPE integer")
        after = await store.find_order(order_id=1)

    assert before == after


def test_server_is_one_of_its_own(postgres_server: Server) -> None:
    """The tests' server lies in a temporary directory and listens on no port."""
    assert postgres_server.folder.name.startswith("weft-pg-")
    assert "listening on IPv4" not in postgres_server.log()
