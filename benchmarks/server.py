"""Does the server answer at once while runs go on, and does its memory stay flat whatever comes?

    python benchmarks/server.py             everything: five runs of 10,000 rows, a table of 5,000,000 rows
    python benchmarks/server.py --quick     a tenth of each

Twenty people look at runs, each asking once a second for the list, one run, a page of its rows and what has
changed, while five runs go on against the mock server in another process. A bare application that says
hello is asked as often at the same time: both stand in the same queues for the same processors. Then a
table is handed over, paged at random places, and a large finished run is exported in every format.
Memory is that of the server's process, looked at twenty times a second. Exit code 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

WEFT = str(Path(sys.executable).with_name("weft"))
PEOPLE, EVERY_S, RUNS = 20, 1.0, 5
LATENCY_MS = 1_000  # of the mock; a real model takes longer for 20 rows
READ_MS, PAGE_MS = 100, 50  # P95
GROWN_MB = 100  # by a table that is handed over
EXPORT_MB = 50  # by an export, whatever its size
FLAT_MB = 40  # by five runs and twenty people, once all were looked at once
PAGES = 200
ROW = 225  # bytes; five million of them are a gigabyte
HELLO = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
app = Starlette(routes=[Route("/", lambda request: JSONResponse({"hello": "you"}))])
uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
"""


@dataclass
class Memory:
    """What a process holds, looked at while a block runs.

    Attributes:
        seen: megabytes, in order.
    """

    process: int
    seen: list[float] = field(default_factory=list)

    def look(self) -> float:
        """Megabytes now."""
        for line in Path(f"/proc/{self.process}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look all the time."""

        async def watch() -> None:
            while True:
                self.seen.append(self.look())
                await asyncio.sleep(0.05)

        self.seen = [self.look()]
        watching = asyncio.ensure_future(watch())
        try:
            yield
        finally:
            watching.cancel()
            self.seen.append(self.look())

    @property
    def grown(self) -> float:
        """The most above the first look."""
        return max(self.seen) - self.seen[0]


@dataclass
class Server:
    """The server and how to ask it."""

    url: str
    ask: aiohttp.ClientSession
    memory: Memory


@contextmanager
def child(*command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the block."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}, stderr=sys.stderr
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        if process.stdout:
            process.stdout.close()


@asynccontextmanager
async def serving(folder: Path, model: str, *flags: str) -> AsyncIterator[Server]:
    """The server over an empty project, as a person starts it."""
    (folder / "weft.toml").write_text(
        f'model = "openai/mock"\nbase_url = "{model}"\nrows_per_call = 20\ntable_mb = 3000\nserver_rpm = 1_000_000\n'
    )
    here = Path.cwd()
    os.chdir(folder)
    try:
        with child(WEFT, "serve", "--port", "0", "--json", *flags, OPENAI_API_KEY="none") as process:
            assert process.stdout
            told = [process.stdout.readline() for _ in range(5)]
            url = next(line.split('"')[3] for line in told if '"url"' in line)
            key = next(line.split('"')[3] for line in told if '"key"' in line)
            headers = {"authorization": f"Bearer {secret(key)}"}
            limit = aiohttp.TCPConnector(limit=0)
            async with aiohttp.ClientSession(
                url, headers=headers, connector=limit, timeout=aiohttp.ClientTimeout(600)
            ) as ask:
                yield Server(url, ask, Memory(process.pid))
    finally:
        os.chdir(here)


def secret(path: str) -> str:
    """The key in a file."""
    return Path(path).read_text().strip()


# ── people who look ──────────────────────────────────────────────────────────────────────────────


async def timed(took: list[float], get: Callable[[], Awaitable[Any]]) -> Any:
    """Ask, and note how long it took in milliseconds."""
    began = time.perf_counter()
    found = await get()
    took.append((time.perf_counter() - began) * 1e3)
    return found


async def fetch(ask: aiohttp.ClientSession, path: str, **parameters: str) -> Any:
    """The JSON at an address."""
    async with ask.get(path, params=parameters) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def person(
    server: Server, run: str, took: dict[str, list[float]], done: asyncio.Event, wait: float
) -> None:
    """Look at a run as a page does, until all is done."""
    await asyncio.sleep(wait)
    here = f"/api/v1/runs/{run}"
    since = (await timed(took["grid"], lambda: fetch(server.ask, f"{here}/grid")))["cursor"]
    while not done.is_set():
        began = time.perf_counter()
        await timed(took["runs"], lambda: fetch(server.ask, "/api/v1/runs", limit="20"))
        await timed(took["run"], lambda: fetch(server.ask, here))
        await timed(took["rows"], lambda: fetch(server.ask, f"{here}/rows", limit="50"))
        changes = await timed(took["changes"], partial(fetch, server.ask, f"{here}/changes", since=since))
        since = changes["cursor"]
        await asyncio.sleep(max(0.0, EVERY_S - (time.perf_counter() - began)))


async def greeter(
    ask: aiohttp.ClientSession, url: str, took: list[float], done: asyncio.Event, wait: float
) -> None:
    """Ask the bare application as often."""

    async def hello() -> None:
        async with ask.get(url) as answer:
            await answer.read()

    await asyncio.sleep(wait)
    while not done.is_set():
        began = time.perf_counter()
        for _ in range(4):
            await timed(took, hello)
        await asyncio.sleep(max(0.0, EVERY_S - (time.perf_counter() - began)))


async def hand_in(server: Server, table: Path) -> tuple[str, dict[str, Any]]:
    """Hand a table over; its id and what the server tells about it."""
    with table.open("rb") as stream:
        async with server.ask.post("/api/v1/tables", params={"name": table.name}, data=stream) as answer:
            told = await answer.json()
            assert answer.status == 201, told
    return told["id"], told


async def begin(server: Server, table: str, **more: Any) -> str:
    """Begin a run over a table."""
    body = {"table": table, "prompt": "Classify {{ body }}", "fields": ["kind: enum[a,b,c]"], **more}
    async with server.ask.post("/api/v1/runs", json=body) as answer:
        told = await answer.json()
        assert answer.status == 201, told
    return str(told["id"])


async def finish(server: Server, runs: list[str]) -> None:
    """Wait until runs are done."""
    for run in runs:
        while (found := await fetch(server.ask, f"/api/v1/runs/{run}"))["state"] != "finished":
            assert found["state"] in {"drafted", "queued", "running"}, found
            await asyncio.sleep(0.5)


def percentile(took: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(took, n=20)[-1] if len(took) > 1 else max(took, default=0.0)


async def look_while_runs_go_on(
    server: Server, hello: str, folder: Path, rows: int
) -> list[tuple[str, bool]]:
    """Twenty people and five runs."""
    runs = []
    for number in range(RUNS):
        table = folder / f"run{number}.csv"
        write_table(table, rows, lead=f"{number} ")
        runs.append(await begin(server, (await hand_in(server, table))[0]))
    took: dict[str, list[float]] = {"grid": [], "runs": [], "run": [], "rows": [], "changes": []}
    done, greeted = asyncio.Event(), list[float]()
    async with aiohttp.ClientSession() as other, asyncio.TaskGroup() as group:
        for number in range(PEOPLE):
            wait = EVERY_S * number / PEOPLE
            group.create_task(person(server, runs[number % RUNS], took, done, wait))
            group.create_task(greeter(other, hello, greeted, done, wait))
        began = time.perf_counter()
        async with server.memory.watched():
            await finish(server, runs)
        seconds = time.perf_counter() - began
        done.set()
    reads = [each for found in took.values() for each in found]
    bare = percentile(greeted)
    print(
        f"{RUNS} runs of {rows:,} rows in {seconds:.0f} s ({RUNS * rows / seconds:,.0f} rows/s), {len(reads):,} reads"
    )
    for name, found in {**took, "all reads": reads, "bare hello": greeted}.items():
        p95 = percentile(found)
        print(
            f"  {name:<12} median {statistics.median(found):7.1f} ms   P95 {p95:7.1f} ms   {p95 / bare:5.1f} × hello"
        )
    seen = server.memory.seen
    settled = statistics.median(seen[len(seen) // 4 : len(seen) // 2] or seen)
    print(
        f"  memory {seen[0]:.0f} MB before, {settled:.0f} MB early, {seen[-1]:.0f} MB at the end, {max(seen):.0f} MB at most"
    )
    return [
        (f"P95 of reads below {READ_MS} ms", percentile(reads) < READ_MS),
        (
            f"memory grows by less than {FLAT_MB} MB between the first quarter and the end",
            seen[-1] - settled < FLAT_MB,
        ),
    ]


# ── a large table ────────────────────────────────────────────────────────────────────────────────


def write_table(path: Path, rows: int, *, lead: str = "", distinct: int = 0) -> None:
    """Write a table of rows of about `ROW` bytes; `distinct` bodies, 0 = all of them."""
    filler = "the invoice is wrong and I want my money back, please see to it soon; " * 4
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write("id,body,city,amount\n")
        for start in range(0, rows, 10_000):
            stream.write(
                "".join(
                    f'{n},"{lead}Mail {n % distinct if distinct else n}, {filler[: ROW - 50 - (n % distinct if distinct else n) % 17]}",Oslo,{n % 9973}.5\n'
                    for n in range(start, min(rows, start + 10_000))
                )
            )


async def take_large_table(server: Server, folder: Path, rows: int) -> list[tuple[str, bool]]:
    """A table of millions of rows: handed over, and paged."""
    table = folder / "large.csv"
    write_table(table, rows)
    size = table.stat().st_size
    began = time.perf_counter()
    with table.open("rb") as stream:
        while stream.read(1 << 20):
            pass
    bare = time.perf_counter() - began
    began = time.perf_counter()
    with table.open(encoding="utf-8", newline="") as text:
        assert sum(1 for _ in csv.reader(text)) == rows + 1
    parsed = time.perf_counter() - began
    await asyncio.sleep(0.5)  # so that our client sees which idle connections the server has let go
    began = time.perf_counter()
    async with server.memory.watched():
        known, told = await hand_in(server, table)
    seconds = time.perf_counter() - began
    grown = server.memory.grown
    assert told["rows"] == rows
    print(
        f"a table of {size / 1e9:.2f} GB and {rows:,} rows is taken in {seconds:.1f} s ({size / 1e6 / seconds:,.0f} MB/s):"
    )
    print(
        f"  {seconds / parsed:.1f} × reading it as CSV ({parsed:.1f} s), {seconds / bare:.0f} × reading its bytes ({bare:.2f} s)"
    )
    print(
        f"  memory {server.memory.seen[0]:.0f} MB before, {max(server.memory.seen):.0f} MB at most: +{grown:.0f} MB"
    )
    took: list[float] = []
    draw = random.Random(7)
    for _ in range(PAGES):
        place = draw.randrange(rows)
        page = await timed(
            took,
            partial(fetch, server.ask, f"/api/v1/tables/{known}/rows", offset=str(place), limit="50"),
        )
        assert page["rows"][0]["cells"]["id"] == str(place)
    first = percentile(took)
    print(
        f"  {PAGES} pages at random places: median {statistics.median(took):.1f} ms, P95 {first:.1f} ms, at most {max(took):.1f} ms"
    )
    table.unlink()
    return [
        (f"a table of {size / 1e9:.1f} GB takes less than {GROWN_MB} MB", grown < GROWN_MB),
        (f"P95 of pages below {PAGE_MS} ms", first < PAGE_MS),
    ]


async def export(server: Server, run: str, form: str) -> tuple[int, float]:
    """Read an export to its end; its bytes, and the seconds to the first of them."""
    size, first = 0, 0.0
    began = time.perf_counter()
    parameters = {"format": form, "meta": "true"}
    async with server.ask.get(f"/api/v1/runs/{run}/export", params=parameters) as answer:
        assert answer.status == 200, await answer.text()
        async for piece in answer.content.iter_any():
            first = first or time.perf_counter() - began
            size += len(piece)
    return size, first


async def export_large_run(server: Server, folder: Path, rows: int) -> list[tuple[str, bool]]:
    """A finished run of many rows in every format."""
    table = folder / "many.csv"
    write_table(table, rows, lead="again ", distinct=1_000)  # equal rows are asked about once
    began = time.perf_counter()
    known, _ = await hand_in(server, table)
    run = await begin(server, known)
    await finish(server, [run])
    print(f"exports of a run of {rows:,} rows (walked in {time.perf_counter() - began:.0f} s):")
    goals = []
    await export(server, run, "parquet")  # the first one loads a library of 60 MB, whatever its size
    for form in ("csv", "jsonl", "xlsx", "parquet"):
        began = time.perf_counter()
        async with server.memory.watched():
            size, first = await export(server, run, form)
        seconds, grown = time.perf_counter() - began, server.memory.grown
        print(
            f"  {form:<8}{size / 1e6:8.1f} MB in {seconds:6.1f} s ({rows / seconds:9,.0f} rows/s), "
            f"first byte after {first:6.2f} s, memory +{grown:.0f} MB"
        )
        goals.append((f"export as {form} takes less than {EXPORT_MB} MB", grown < EXPORT_MB))
    return goals


async def measure(flags: list[str], *, quick: bool) -> list[tuple[str, bool]]:
    """Everything, in one server's life."""
    share = 10 if quick else 1
    folder = Path(tempfile.mkdtemp(prefix="weft-bench-"))
    try:
        with (
            child(WEFT, "mock-server", "--port", "18089", "--latency-ms", str(LATENCY_MS)) as mock,
            child(sys.executable, "-c", HELLO, "18090"),
        ):
            del mock
            await asyncio.sleep(2)
            async with serving(folder, "http://127.0.0.1:18089/v1", *flags) as server:
                goals = await look_while_runs_go_on(
                    server, "http://127.0.0.1:18090/", folder, 10_000 // share
                )
                goals += await take_large_table(server, folder, 5_000_000 // share)
                goals += await export_large_run(server, folder, 500_000 // share)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return goals


def main() -> None:
    """Print what was measured; exit 1 where a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument(
        "--flag", action="append", default=[], help="a flag for `weft serve`, such as --flag=--workers=2"
    )
    asked = parser.parse_args()
    goals = asyncio.run(measure(asked.flag, quick=asked.quick))
    for goal, held in goals:
        print(f"goal: {goal}: {'held' if held else 'MISSED'}")
    sys.exit(0 if all(held for _, held in goals) else 1)


if __name__ == "__main__":
    main()
