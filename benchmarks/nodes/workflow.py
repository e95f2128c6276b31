"""A module of workflow, whose journal is on the disk: SQLite, and a PostgreSQL of its own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from figures import Figure, closed_loop, generated, percentile_ms
from tests.generated.postgres import running_server
from tests.generated.shop import Shop, an_order

WINDOW_S = 2.0
CALLERS = 10
names = count()


@contextmanager
def prepared() -> Iterator[Callable[[], list[Figure]]]:
    """Make both journals; yield what measures one window."""
    with (
        generated("workflow/example.yaml") as made,
        running_server(durable=True) as server,
        tempfile.TemporaryDirectory(prefix="weft-nodes-") as folder,
    ):
        dsn = asyncio.run(server.create_database())
        addresses = {"SQLite": f"sqlite:///{folder}/workflows.db", "PostgreSQL": dsn}
        yield lambda: [
            figure
            for database, address in addresses.items()
            for figure in asyncio.run(window(made, address, database))
        ]


async def window(made: Any, address: str, database: str) -> list[Figure]:
    """Measure whole workflows of five steps, one of them skipped, two side by side."""
    settings = made.OrderFlowSettings(store=address)
    order = an_order(made)
    async with made.OrderFlow(Shop(made), settings=settings) as flow:
        rate, took = await closed_loop(
            lambda _: flow.run(f"w{next(names)}", order), callers=CALLERS, for_s=WINDOW_S
        )
        moves = flow.metrics()["workflows"]["transition.p95_ms"]
        alone, _ = await closed_loop(
            lambda _: flow.run(f"w{next(names)}", order), callers=1, for_s=WINDOW_S / 2
        )
    async with made.OrderFlow(Shop(made), settings=settings) as flow:
        await closed_loop(lambda _: flow.run(f"w{next(names)}", order), callers=1, for_s=WINDOW_S / 2)
        moves_alone = flow.metrics()["workflows"]["transition.p95_ms"]
    return [
        Figure(
            name=f"{database}: workflows, {CALLERS} at a time",
            value=rate,
            unit="/s",
            target=50,
            more_is_better=True,
        ),
        Figure(name="  95 % of them within", value=percentile_ms(took, 0.95), unit="ms"),
        Figure(name=f"  95 % of {database}'s moves within", value=moves, unit="ms", target=10),
        Figure(name=f"{database}: workflows, one after another", value=alone, unit="/s", more_is_better=True),
        Figure(name=f"  95 % of {database}'s moves alone within", value=moves_alone, unit="ms", target=10),
    ]
