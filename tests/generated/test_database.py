"""Modules of database_heavy at work: against a real PostgreSQL, without faults."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import pytest
from tests.generated.making import PACK, imported, module_of

from weft.variants.generating import generate
from weft.variants.library import VariantLibrary
from weft.variants.specs import read_spec

TABLES = """
CREATE TABLE orders (
    order_id bigint PRIMARY KEY, customer text NOT NULL, total numeric(12, 2) NOT NULL, note text,
    state text NOT NULL DEFAULT 'open', visits integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE order_lines (order_id bigint NOT NULL, article text NOT NULL, quantity integer NOT NULL);
CREATE TABLE accounts (account_id integer PRIMARY KEY, balance numeric(12, 2) NOT NULL CHECK (balance >= 0));
INSERT INTO accounts VALUES (1, 100), (2, 0);
CREATE TABLE totals (shop text, day date, amount numeric NOT NULL, sales integer NOT NULL, PRIMARY KEY (shop, day));
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return module_of("database_heavy/example.yaml", tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def made_reducer(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return module_of("database_heavy/example.reducer.yaml", tmp_path_factory.mktemp("made"))


@pytest.fixture
async def connection(postgres: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test's own to its database, which has the tables."""
    connection = await asyncpg.connect(postgres)
    await connection.execute(TABLES)
    yield connection
    await connection.close()


@pytest.fixture
async def store(made: ModuleType, postgres: str, connection: asyncpg.Connection) -> AsyncIterator[Any]:
    settings = made.OrderStoreSettings(dsn=postgres, pool_min=1, pool_max=4, copy_from_rows=50)
    async with made.OrderStore(settings=settings) as store:
        yield store


async def test_rows_come_back_as_records(store: Any) -> None:
    """V07: a read gives typed records; exact numbers and nulls become plain values, no row is None."""
    await store.add_order(order_id=1, customer="ada", total=12.5)
    found = await store.find_order(order_id=1)

    assert (found.order_id, found.customer, found.total, found.state) == (1, "ada", 12.5, "open")
    assert (type(found.total), found.note) == (float, None)
    assert await store.find_order(order_id=2) is None


async def test_many_rows_come_back_in_order(store: Any) -> None:
    """V07: a read of many gives a list, also an empty one."""
    for order_id in (1, 2, 3):
        await store.add_order(order_id=order_id, customer="ada", total=float(order_id))

    assert [each.order_id for each in await store.orders_of(customer="ada", most=2)] == [3, 2]
    assert await store.orders_of(customer="bob", most=2) == []


async def test_keyed_write_happens_once(store: Any, made: ModuleType) -> None:
    """V07: the same key gives the first answer again, with its dates; other inputs are refused."""
    first = await store.add_order(order_id=1, customer="ada", total=12.5)
    again = await store.add_order(order_id=1, customer="ada", total=12.5)

    assert again == first
    assert isinstance(again.created_at, dt.datetime)
    with pytest.raises(made.KeyReused):
        await store.add_order(order_id=1, customer="ada", total=99.0)


async def test_keyed_writes_at_once_happen_once(store: Any, connection: asyncpg.Connection) -> None:
    """V07: eight calls with one key at the same time move the money once and agree on the answer."""
    call = {"transfer_id": "t1", "payer": 1, "payee": 2, "amount": 10.0}
    answers = await asyncio.gather(*(store.transfer(**call) for _ in range(8)))

    assert answers == [2] * 8
    assert await connection.fetchval("SELECT balance FROM accounts WHERE account_id = 2") == 10


async def test_statements_hold_together(store: Any, made: ModuleType, connection: asyncpg.Connection) -> None:
    """V07: where one statement of several touches nothing or fails, none has happened, and the key is free."""
    with pytest.raises(made.NoRow):
        await store.transfer(transfer_id="t1", payer=1, payee=77, amount=10.0)
    with pytest.raises(made.Refused, match="`transfer` was refused by `accounts_balance_check`") as refused:
        await store.transfer(transfer_id="t1", payer=1, payee=2, amount=1000.0)
    assert (refused.value.sqlstate, refused.value.constraint) == ("23514", "accounts_balance_check")
    assert isinstance(refused.value.__cause__, asyncpg.CheckViolationError)

    assert await connection.fetchval("SELECT balance FROM accounts WHERE account_id = 1") == 100
    assert await store.transfer(transfer_id="t1", payer=1, payee=2, amount=10.0) == 2


@pytest.mark.parametrize("count", [0, 3, 49, 50, 2000])
async def test_many_rows_are_written_together(
    store: Any, made: ModuleType, connection: asyncpg.Connection, count: int
) -> None:
    """V07: few rows by INSERT, many by COPY: all of them, none twice."""
    rows = [made.AddLinesInput(order_id=1, article=f"a{place}", quantity=place) for place in range(count)]

    assert await store.add_lines(iter(rows)) == count
    assert await connection.fetchval("SELECT count(DISTINCT article) FROM order_lines") == count


async def test_many_rows_are_written_all_or_none(
    store: Any, made: ModuleType, connection: asyncpg.Connection
) -> None:
    """V07: one bad row among many, and no row is written, by INSERT and by COPY."""
    for count in (5, 100):
        rows = [made.AddLinesInput(order_id=1, article="a", quantity=1) for _ in range(count - 1)]
        with pytest.raises(made.Refused, match="by `article`"):
            await store.add_lines([*rows, made.AddLinesInput(order_id=1, article=None, quantity=1)])

    assert await connection.fetchval("SELECT count(*) FROM order_lines") == 0


async def test_work_of_ones_own_runs_in_a_transaction(store: Any, connection: asyncpg.Connection) -> None:
    """V07: `run_in_transaction` commits what it did, and rolls it back where the work raises."""

    async def good(inner: Any) -> str:
        await inner.execute("INSERT INTO order_lines VALUES (1, 'a', 1)")
        return "done"

    async def bad(inner: Any) -> None:
        await inner.execute("INSERT INTO order_lines VALUES (2, 'b', 1)")
        raise LookupError

    assert await store.run_in_transaction(good, isolation="serializable") == "done"
    with pytest.raises(LookupError):
        await store.run_in_transaction(bad)
    assert await connection.fetchval("SELECT array_agg(order_id) FROM order_lines") == [1]


async def test_health_and_figures_are_told(store: Any, made: ModuleType) -> None:
    """V07: health asks the database; metrics count calls and failures and know percentiles and the pool."""
    await store.add_order(order_id=1, customer="ada", total=1.0)
    with pytest.raises(made.Refused, match="`find_order` was refused: DataError"):
        await store.find_order(order_id="one")
    figures = store.metrics()["database"]

    assert (await store.health()).checks == {"running": "ok", "database": "ok", "breaker": "ok"}
    assert (figures["add_order.calls"], figures["find_order.failures"]) == (1, 1)
    assert 0 < figures["add_order.p50_ms"] <= figures["add_order.p99_ms"]
    assert (figures["pool.most"], figures["pool.in_use"]) == (4, 0)


async def test_start_finds_statements_that_do_not_fit(
    made: ModuleType, postgres: str, connection: asyncpg.Connection
) -> None:
    """V07: starting names every statement that does not fit the tables, before the first call."""
    await connection.execute("ALTER TABLE orders DROP COLUMN note; DROP TABLE order_lines")
    store = made.OrderStore(settings=made.OrderStoreSettings(dsn=postgres, pool_min=1, pool_max=2))

    with pytest.raises(made.StatementMismatch, match=r"find_order.*note.*add_lines.*order_lines"):
        await store.start()
    with pytest.raises(made.NotRunning):
        await store.find_order(order_id=1)


async def test_stores_start_at_one_time(
    made: ModuleType, postgres: str, connection: asyncpg.Connection
) -> None:
    """V07: eight modules that start together on an empty database make their table once."""
    stores = [
        made.OrderStore(settings=made.OrderStoreSettings(dsn=postgres, pool_min=1, pool_max=2))
        for _ in range(8)
    ]
    await asyncio.gather(*(each.start() for each in stores))
    await asyncio.gather(*(each.stop() for each in stores))

    assert await connection.fetchval("SELECT count(*) FROM order_store_keys") == 0


async def test_statements_are_prepared_once(store: Any, connection: asyncpg.Connection) -> None:
    """V07: a statement is prepared once on a connection, however often it runs."""
    for _ in range(5):
        await store.orders_of(customer="ada", most=1)

    async def count(inner: Any) -> int:
        sql = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%ORDER BY order_id DESC%'"
        return int(await inner.fetchval(sql + " AND statement NOT LIKE '%pg_prepared%'"))

    assert await store.run_in_transaction(count) == 1


async def test_keys_are_forgotten_by_age(store: Any) -> None:
    """V07: old keys are deleted when asked for, young ones stay."""
    await store.add_order(order_id=1, customer="ada", total=1.0)

    assert await store.forget_keys(3600) == 0
    assert await store.forget_keys(-1) == 1


async def test_password_is_not_shown(made: ModuleType) -> None:
    """Printing the settings shows no address, for a password may stand in it."""
    assert "secret" not in repr(made.OrderStoreSettings(dsn="postgresql://weft:secret@host/name"))


# ── reducer ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def totals(
    made_reducer: ModuleType, postgres: str, connection: asyncpg.Connection
) -> AsyncIterator[Any]:
    settings = made_reducer.SalesTotalsSettings(dsn=postgres, pool_min=1, pool_max=4)
    async with made_reducer.SalesTotals(settings=settings) as totals:
        yield totals


def sales(made: ModuleType, *numbers: int) -> list[Any]:
    """Sales with these numbers, each worth its number, in shops by turns."""
    day = dt.date(2026, 3, 31)
    return [
        made.AddSalesInput(sale_id=f"s{n}", shop=f"shop{n % 2}", day=day, amount=float(n)) for n in numbers
    ]


async def test_events_count_once(totals: Any, made_reducer: ModuleType) -> None:
    """V07: events that come again, in one call or in later ones, change nothing."""
    first = await totals.add_sales(sales(made_reducer, 1, 2, 3, 2))
    again = await totals.add_sales(sales(made_reducer, 3, 4))
    total = await totals.grand_total()

    assert (first.fresh, first.repeated) == (3, 1)
    assert (again.fresh, again.repeated) == (1, 1)
    assert (total.amount, total.shops) == (10.0, 2)
    assert [each.sales for each in await totals.totals_of(shop="shop0")] == [2]


async def test_events_delivered_everywhere_count_once(totals: Any, made_reducer: ModuleType) -> None:
    """V07: eight workers that all get the same 200 events, in different orders, count each once."""
    numbers = list(range(1, 201))
    orders = [numbers[shift:] + numbers[:shift] for shift in range(0, 200, 25)]
    found = await asyncio.gather(*(totals.add_sales(sales(made_reducer, *order)) for order in orders))

    assert sum(each.fresh for each in found) == 200
    assert (await totals.grand_total()).amount == sum(numbers)


async def test_failed_fold_leaves_no_keys(totals: Any, made_reducer: ModuleType) -> None:
    """V07: where one event cannot be written, no event of the call counts, and all may come again."""
    bad = made_reducer.AddSalesInput(sale_id="bad", shop=None, day=dt.date(2026, 1, 1), amount=1.0)
    with pytest.raises(made_reducer.Refused, match="by `shop`"):
        await totals.add_sales([*sales(made_reducer, 1), bad])

    assert (await totals.grand_total()).amount == 0
    assert (await totals.add_sales(sales(made_reducer, 1))).fresh == 1


# ── joined to another variant ────────────────────────────────────────────────────────────────────


async def test_database_joins_another_variant(
    tmp_path: Path, postgres: str, connection: asyncpg.Connection
) -> None:
    """V47: a module of analytics that also keeps totals has both, in one life, health and metrics."""
    ours, theirs = PACK / "database_heavy" / "example.reducer.yaml", PACK / "analytics" / "example.yaml"
    theirs = theirs if theirs.is_file() else theirs.with_name("example.reducer.yaml")
    mine, other = (read_spec(path.read_text(encoding="utf-8"), path=path.name) for path in (ours, theirs))
    spec = replace(
        other,
        name="joined",
        kind="reducer",
        also=("database_heavy",),
        operations=other.operations + mine.operations,
    )
    joined = imported(generate(spec, library=VariantLibrary()), tmp_path)
    settings = joined.JoinedSettings(dsn=postgres, pool_min=1, pool_max=2)
    async with joined.Joined(settings=settings) as module:
        folded = await module.add_sales(sales(joined, 1, 2, 3))
        health = await module.health()
        figures = module.metrics()

    assert (folded.fresh, health.checks["database"]) == (3, "ok")
    assert figures["database"]["add_sales.calls"] == 1
    assert len(figures) > 1
