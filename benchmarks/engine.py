"""How quick is a durable, checked, packed run beside a hand-written loop that does none of it?

    python benchmarks/engine.py                 the table: speed, and memory of 100,000 and 1,000,000 rows
    python benchmarks/engine.py --quick         speed only, one round of 5,000 rows

Every figure is a ratio to a reference measured in the same run: an aiohttp loop that sends one row
per call, keeps nothing and checks nothing. The mock server runs in another process and answers at
once. A shared machine changes its speed within seconds, so each side is measured between two loops and
compared with the mean of both; speeds and ratios are medians of five rounds. A child process per
measurement, timed from the first byte of the CSV to the last byte of the output, start-up excluded on
both sides.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WIDTH = 64  # calls in flight on both sides
GOALS = {"one row per call": 0.30, "20 rows per call": 2.5, "everything recalled": 5.0}
MEMORY_MB, MEMORY_RATIO = 300, 1.2
SIDES = {"one": "one row per call", "packed": "20 rows per call", "recalled": "everything recalled"}
BETWEEN_LOOPS = (("one",), ("packed", "recalled"))
FIELDS = (
    "tldr: string(max_words=12) = what matters most",
    "challenge: enum[practice,expert] = how hard it is",
)
COLUMNS = ("category", "subcategory", "topic", "description")
WORDS = [
    "service",
    "team",
    "release",
    "latency",
    "budget",
    "review",
    "incident",
    "design",
    "metric",
    "owner",
    "quarter",
    "plan",
    "pipeline",
    "test",
    "deploy",
    "signal",
    "queue",
    "cache",
    "index",
    "schema",
    "contract",
    "customer",
    "ticket",
    "backlog",
    "estimate",
    "risk",
    "rollout",
    "canary",
    "alert",
    "dashboard",
    "trace",
    "sample",
    "boundary",
    "interface",
    "module",
    "library",
    "review",
    "feedback",
    "roadmap",
    "hiring",
    "growth",
]


def write_rows(path: Path, rows: int) -> None:
    """Write a table of distinct rows of about 200 characters."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for place in range(rows):
            words = [
                WORDS[(place * 7 + step * step * 13 + step * (place // 41)) % len(WORDS)]
                for step in range(24)
            ]
            topic = f"{words[0]} {words[1]} {place}"
            writer.writerow((words[2], words[3], topic, " ".join(words[4:])[:190].ljust(165, ".")))


# ── the two sides ────────────────────────────────────────────────────────────────────────────────


async def bare_loop(url: str, source: Path, out: Path) -> None:
    """Read, ask one row per call, write: no store, no checks, no retries."""
    import aiohttp  # noqa: PLC0415 - each side loads only what it needs
    import orjson  # noqa: PLC0415

    with source.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    answer = {
        "type": "object",
        "properties": {
            "tldr": {"type": "string"},
            "challenge": {"type": "string", "enum": ["practice", "expert"]},
        },
        "required": ["tldr", "challenge"],
        "additionalProperties": False,
    }
    shape = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": answer}}
    headers = {"Authorization": "Bearer none", "Content-Type": "application/json"}
    places = iter(range(len(rows)))
    answers: list[dict[str, str]] = [{}] * len(rows)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=WIDTH)) as session:

        async def worker() -> None:
            for place in places:
                asked = orjson.dumps(
                    {
                        "model": "mock",
                        "messages": [
                            {
                                "role": "system",
                                "content": "Sum the topic up and say whether it is practice or expert.",
                            },
                            {"role": "user", "content": orjson.dumps(rows[place]).decode()},
                        ],
                        "response_format": shape,
                        "temperature": 0,
                    }
                )
                async with session.post(f"{url}/chat/completions", data=asked, headers=headers) as response:
                    reply = orjson.loads(await response.read())
                answers[place] = orjson.loads(reply["choices"][0]["message"]["content"])

        await asyncio.gather(*(worker() for _ in range(WIDTH)))
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*COLUMNS, "tldr", "challenge"))
        for row, found in zip(rows, answers, strict=True):
            writer.writerow((*row.values(), found["tldr"], found["challenge"]))


def weft_run(url: str, source: Path, out: Path, *, store: str, rows_per_call: int) -> dict[str, int]:
    """The same errand with weft: read, check, store, ask, settle, export."""
    import weft  # noqa: PLC0415

    result = weft.run(
        source,
        prompt="Sum the topic up: {{ category }}, {{ subcategory }}, {{ topic }}, {{ description }}",
        fields=FIELDS,
        model="openai/mock",
        base_url=url,
        out=out,
        store=store,
        rows_per_call=rows_per_call,
        concurrency=WIDTH,
    )
    tally = result.run.tally
    assert tally.answered == tally.total, result.run.message or tally
    return {"calls": tally.calls, "recalled": tally.recalled}


# ── one measurement in a process of its own ──────────────────────────────────────────────────────


def measure(role: str, url: str, source: Path, folder: Path) -> None:
    """Run one side and print what it took as JSON."""
    cpu = time.process_time()
    out, said = folder / f"{role}.out.csv", {}
    store = f"sqlite:///{folder / 'weft.db'}"
    tiny = folder / "tiny.csv"
    write_rows(tiny, 2)
    # Both sides do the errand once before the clock starts: what is loaded then is start-up.
    if role == "loop":
        asyncio.run(bare_loop(url, tiny, out))
        began, cpu = time.perf_counter(), time.process_time()
        asyncio.run(bare_loop(url, source, out))
    else:
        warm = f"sqlite:///{folder / 'warm.db'}"
        weft_run(url, tiny, folder / "warm.csv", store=warm, rows_per_call=1 if role == "one" else 20)
        began, cpu = time.perf_counter(), time.process_time()
        said = weft_run(url, source, out, store=store, rows_per_call=1 if role == "one" else 20)
    seconds = time.perf_counter() - began
    cpu = time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mb": peak_mb(), **said}))


def peak_mb() -> float:
    """This process's own peak of resident memory; on Linux without what its parent had at the fork."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(role: str, url: str, source: Path, folder: Path) -> dict[str, float]:
    """Measure in a fresh process."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        __file__,
        "--role",
        role,
        "--url",
        url,
        "--source",
        str(source),
        "--folder",
        str(folder),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{role} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def serve() -> None:
    """Answer at once until the parent goes away; the first line printed is the address."""
    from weft.testing.mock_server import MockServer  # noqa: PLC0415

    async def run() -> None:
        async with MockServer() as server:
            print(server.url, flush=True)
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

    asyncio.run(run())


class Server:
    """The mock server in a process of its own."""

    def __enter__(self) -> str:
        self._child = subprocess.Popen(
            [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._child.stdout is not None
        return f"{self._child.stdout.readline().strip().rstrip('/')}/v1"

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.wait()


# ── the table ────────────────────────────────────────────────────────────────────────────────────


def speeds(url: str, folder: Path, *, rows: int, rounds: int) -> bool:
    """Measure all sides in turn and print their ratios to the loops around them."""
    source = folder / "rows.csv"
    write_rows(source, rows)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ("loop", *SIDES)}
    ratios: dict[str, list[float]] = {name: [] for name in SIDES}
    for number in range(rounds):
        at = folder / f"round{number}"
        before = child("loop", url, source, at / "loop")
        found["loop"].append(before)
        for sides in BETWEEN_LOOPS:
            for role in sides:
                kept = "packed" if role == "recalled" else role  # which recalls what that one has asked
                found[role].append(child(role, url, source, at / kept))
            after = child("loop", url, source, at / "loop")
            found["loop"].append(after)
            around = (before["seconds"] + after["seconds"]) / 2
            for role in sides:
                ratios[role].append(around / found[role][-1]["seconds"])
            before = after
        shutil.rmtree(at)
    print(f"{rows:,} rows of 200 characters, {WIDTH} calls in flight, median of {rounds}\n")
    print(f"{'':28}{'rows/s':>10}{'of the loop':>13}{'goal':>8}{'peak MB':>9}")
    held = True
    for role, name in {"loop": "bare aiohttp loop", **SIDES}.items():
        ratio, goal = statistics.median(ratios.get(role, [1.0])), GOALS.get(name)
        speed = rows / statistics.median([each["seconds"] for each in found[role]])
        peak = max(each["peak_mb"] for each in found[role])
        held &= goal is None or ratio >= goal
        said = "" if goal is None else f">={goal:.2f}{' ' if ratio >= goal else '!'}"
        print(f"{name:28}{speed:>10,.0f}{ratio:>13.2f}{said:>9}{peak:>8.0f}")
    return held


def memory(url: str, folder: Path, *, small: int, large: int) -> bool:
    """Compare the peak memory of a large run with that of a small one."""
    peaks = {}
    for rows in (small, large):
        source = folder / f"rows{rows}.csv"
        write_rows(source, rows)
        found = child("packed", url, source, folder / f"memory{rows}")
        peaks[rows] = found["peak_mb"]
        print(f"{rows:>10,} rows: {found['peak_mb']:.0f} MB, {rows / found['seconds']:,.0f} rows/s")
        shutil.rmtree(folder / f"memory{rows}")
    ratio = peaks[large] / peaks[small]
    print(f"ratio {ratio:.2f} (goal <= {MEMORY_RATIO}), largest {peaks[large]:.0f} MB (goal < {MEMORY_MB})")
    return ratio <= MEMORY_RATIO and peaks[large] < MEMORY_MB


def main() -> None:
    """Print the table; exit 1 where a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one round of 5,000 rows, no memory")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--role", help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve()
    elif asked.role:
        measure(asked.role, asked.url, asked.source, asked.folder)
    else:
        with tempfile.TemporaryDirectory(prefix="weft-bench-") as name, Server() as url:
            quick = asked.quick
            held = speeds(
                url, Path(name), rows=5_000 if quick else asked.rows, rounds=1 if quick else asked.rounds
            )
            if not quick and not asked.no_memory:
                print()
                held &= memory(url, Path(name), small=100_000, large=1_000_000)
        sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
