"""How quick is a store in PostgreSQL beside one in a SQLite file?

    python benchmarks/stores.py             the table, three rounds of 20,000 rows
    python benchmarks/stores.py --quick     one round of 4,000 rows

Every row is added, asked in a call of 20 with 32 calls at once, settled and exported, through the store's
own promises and with durable commits on both sides. The server runs on this machine behind a Unix
socket. Both stores are measured in turns in the same process; figures are medians, and the ratio
is what counts. Needs PostgreSQL's server programs (`sh .ci/postgres`).
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.contracts.errands import Errand, draft_row, reply  # noqa: E402 - behind the path
from tests.generated.postgres import running_server  # noqa: E402 - likewise

from weft.kit.clocks import SystemClock  # noqa: E402 - likewise
from weft.kit.registries import Registry  # noqa: E402 - likewise

STORES = Registry("weft.store.engines", "store", what="store", group="weft.stores")
PACK, WIDTH = 20, 32
BODY = b'{"choices":[{"message":{"content":"' + b"x" * 1500 + b'"}}]}'
GOAL = 0.3  # rows settled per second beside SQLite; a provider answers far fewer
STEPS = ("added", "settled", "exported")


async def errand(url: str, rows: int) -> dict[str, float]:
    """Rows per second of each step."""
    store = STORES.get(url.partition(":")[0]).open(url, clock=SystemClock())
    try:
        run = await Errand.begin(store, rows=0)
        new = [draft_row(place) for place in range(rows)]
        took = {}
        began = time.perf_counter()
        await store.add_rows(run.id, new)
        took["added"] = time.perf_counter() - began
        packs = iter(range(0, rows, PACK))

        async def walk() -> None:
            for first in packs:
                places = range(first, min(first + PACK, rows))
                call = run.call(*places)
                await store.reserve(call, epoch=run.epoch, leaving=True)
                await store.answered(call, reply(BODY))
                await store.settle(run.settlement(call))

        began = time.perf_counter()
        await asyncio.gather(*(walk() for _ in range(WIDTH)))
        took["settled"] = time.perf_counter() - began
        began = time.perf_counter()
        assert sum(1 for _ in store.export_rows(run.id)) == rows
        took["exported"] = time.perf_counter() - began
        assert (await run.tally()).answered == rows
    finally:
        await store.close()
    return {step: rows / seconds for step, seconds in took.items()}


def main() -> None:
    """Print the table; exit 1 where the goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one round of 4,000 rows")
    quick = parser.parse_args().quick
    rows, rounds = (4_000, 1) if quick else (20_000, 3)
    found: dict[str, list[dict[str, float]]] = {"sqlite": [], "postgresql": []}
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder, running_server(durable=True) as server:
        for turn in range(rounds):
            found["sqlite"].append(asyncio.run(errand(f"sqlite:///{folder}/{turn}.db", rows)))
            url = asyncio.run(server.create_database())
            found["postgresql"].append(asyncio.run(errand(url, rows)))
    speeds = {
        kind: {step: statistics.median(each[step] for each in turns) for step in STEPS}
        for kind, turns in found.items()
    }
    print(f"{'rows a second':<16}{'SQLite':>12}{'PostgreSQL':>12}{'ratio':>8}")
    for step in STEPS:
        near, far = speeds["sqlite"][step], speeds["postgresql"][step]
        print(f"{step:<16}{near:>12,.0f}{far:>12,.0f}{far / near:>8.2f}")
    ratio = speeds["postgresql"]["settled"] / speeds["sqlite"]["settled"]
    held = ratio >= GOAL
    print(f"goal: settled at least {GOAL:.2f} of SQLite: {'held' if held else 'MISSED'}")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
