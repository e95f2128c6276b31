"""A module of database_heavy against a PostgreSQL of its own, which writes to the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import asyncpg
from figures import Figure, closed_loop, generated, open_loop, percentile_ms
from tests.generated.postgres import running_server

WINDOW_S = 2.0
CALLERS = 10
CUT_EVERY_S = 0.1
TABLES = """
CREATE TABLE orders (
    order_id bigint PRIMARY KEY, customer text NOT NULL, total numeric NOT NULL, note text,
    state text NOT NULL DEFAULT 'open', visits integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE order_lines (order_id bigint NOT NULL, article text NOT NULL, quantity integer NOT NULL);
CREATE TABLE accounts (account_id integer PRIMARY KEY, balance numeric NOT NULL);
INSERT INTO accounts SELECT each, 0 FROM generate_series(0, 99) AS each;
INSERT INTO orders (order_id, customer, total) SELECT each, 'c' || each % 100, each FROM generate_series(0, 9999) AS each;
"""
CUT_ALL = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database()
"""
keys = count()


@contextmanager
def prepared() -> Iterator[Callable[[], list[Figure]]]:
    """Start a server with 10,000 orders; yield what measures one window."""
    with generated("database_heavy/example.yaml") as made, running_server(durable=True) as server:
        dsn = asyncio.run(server.create_database())
        asyncio.run(fill(dsn))
        yield lambda: asyncio.run(window(made, dsn))


async def fill(dsn: str) -> None:
    """Make the tables."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(TABLES)
    await connection.execute("ANALYZE")
    await connection.close()


async def window(made: Any, dsn: str) -> list[Figure]:
    """Measure reads, writes, many rows, and writes whose connections are cut."""
    settings = made.OrderStoreSettings(
        dsn=dsn, pool_min=CALLERS, pool_max=20, attempts=10, first_delay_s=0.01
    )
    async with made.OrderStore(settings=settings) as store:
        reads, took = await closed_loop(
            lambda number: store.find_order(order_id=number), callers=CALLERS, for_s=WINDOW_S
        )
        _, paced = await open_loop(
            lambda place: store.find_order(order_id=place % 10_000), per_s=1000, for_s=WINDOW_S
        )
        writes, written = await closed_loop(
            lambda number: transfer(store, number), callers=CALLERS, for_s=WINDOW_S
        )
        rows = [made.AddLinesInput(order_id=1, article="a", quantity=1) for _ in range(10_000)]
        lines, _ = await closed_loop(lambda _: store.add_lines(rows), callers=1, for_s=WINDOW_S / 2)
        share = await share_under_cuts(made, store, dsn)
    return [
        Figure(name=f"reads, {CALLERS} callers", value=reads, unit="/s", target=1000, more_is_better=True),
        Figure(name="  95 % of them within", value=percentile_ms(took, 0.95), unit="ms", target=50),
        Figure(name="reads at 1000/s, 95 % within", value=percentile_ms(paced, 0.95), unit="ms", target=50),
        Figure(name="keyed transfers, on the disk", value=writes, unit="/s", more_is_better=True),
        Figure(name="  95 % of them within", value=percentile_ms(written, 0.95), unit="ms", target=50),
        Figure(name="rows by COPY", value=lines * len(rows), unit="/s", more_is_better=True),
        Figure(
            name="transfers that succeed under cuts",
            value=share * 100,
            unit="%",
            target=99.9,
            more_is_better=True,
        ),
    ]


async def transfer(store: Any, number: int) -> None:
    """Move money once, between accounts that no other caller touches."""
    await store.transfer(transfer_id=f"t{next(keys)}", payer=number, payee=number + 50, amount=1.0)


async def share_under_cuts(made: Any, store: Any, dsn: str) -> float:
    """Make 800 transfers while every back end is terminated each 100 ms; return the share that succeeded."""
    connection = await asyncpg.connect(dsn)
    failed = 0

    async def caller(number: int) -> None:
        nonlocal failed
        for _ in range(100):
            try:
                await transfer(store, number)
            except made.OrderStoreError:
                failed += 1

    running = asyncio.gather(*(caller(number) for number in range(8)))
    while not running.done():
        await connection.execute(CUT_ALL)
        await asyncio.wait({running}, timeout=CUT_EVERY_S)
    await running
    await connection.close()
    return 1 - failed / 800
