"""A run as a process that can be killed, frozen and asked to stop, and a server with a bill of its own.

Knows where a run is only from what anybody can see: what it says on stderr, the server's bill,
the files beside it, and a copy of its store. Nothing of weft is replaced or told about the test.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from weft.call import CallState
from weft.kit.clocks import SystemClock
from weft.kit.registries import Registry
from weft.money import Usd
from weft.run import RunState
from weft.testing.bills import BilledCall, read_bill

STORES = Registry("weft.store.engines", "store", what="store", group="weft.stores")
WEFT = (sys.executable, "-m", "weft")
PRICES = '[openai.models]\n"gpt-4o-mini" = { input = 0.15, output = 0.60 }\n'
ROWS_PER_CALL, CONCURRENCY = 2, 4
LOOK_S = 0.003  # between two looks at a process
PATIENCE_S = 60.0  # until something that must happen is given up
AT_WORK = "Checking cache for all rows..."


class Server:
    """`weft mock-server` in a process of its own; its bill is a file that survives everybody.

    Attributes:
        guests: every process that was started to ask it.
    """

    def __init__(self, folder: Path, *, latency_ms: int) -> None:
        self.bill_path = folder / "bill.jsonl"
        self._process = subprocess.Popen(
            [*WEFT, "mock-server", "--port", "0", "--latency-ms", str(latency_ms), "--bill", self.bill_path],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder,
        )  # fmt: skip
        self.url = self._process.stdout.readline().split()[-1]
        self.guests: list[subprocess.Popen[bytes]] = []

    @property
    def requests(self) -> int:
        """Questions that were received, billed or not."""
        with urlopen(f"{self.url}/bill") as reply:  # noqa: S310 - our own server on the loopback
            return json.load(reply)["requests"]

    def bill(self) -> list[BilledCall]:
        """What was charged so far."""
        return read_bill(self.bill_path)

    def close(self) -> None:
        """Stop and wait for the end, also of guests that a failed test has left."""
        for guest in self.guests:
            guest.kill()
            guest.wait()
        self._process.terminate()
        self._process.communicate(timeout=PATIENCE_S)


@contextmanager
def serving(folder: Path, *, latency_ms: int) -> Iterator[Server]:
    """A server until the end of the block."""
    folder.mkdir(exist_ok=True)
    server = Server(folder, latency_ms=latency_ms)
    try:
        yield server
    finally:
        server.close()


@dataclass(frozen=True)
class Glimpse:
    """How a store stood at one moment.

    Attributes:
        state: of the newest run; `None` if there was none yet.
        sent: rows in calls on their way; `answered`: rows in calls with a reply not yet settled.
        booked: nano-dollars that were spent or reserved by all runs.
        ended: rows of the newest run that have ended.
        states: of every call of the newest run.
    """

    state: RunState | None = None
    sent: int = 0
    answered: int = 0
    booked: int = 0
    ended: int = 0
    states: tuple[str, ...] = ()


class Site:
    """A folder with a table, prices and a store, and the processes that work there."""

    def __init__(self, folder: Path, server: Server, bodies: list[str]) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.server = folder, server
        self.out, self.store = folder / "out.csv", folder / "weft.db"
        lines = [f"{n},{body}\n" for n, body in enumerate(bodies)]
        (folder / "table.csv").write_text("id,body\n" + "".join(lines), encoding="utf-8")
        (folder / "prices.toml").write_text(PRICES, encoding="utf-8")

    def run(self, *more: str) -> Life:
        """Start the errand, or start it again: it is always the same command."""
        return self.start(
            "run", "table.csv", "--prompt", "Classify {{ body }}", "--field", "kind: enum[a,b,c] = what it is",
            "--field", "note: text = what it says", "--model", "openai/gpt-4o-mini",
            "--base-url", f"{self.server.url}/v1", "--prices", "prices.toml", "--store", "weft.db",
            "--rows-per-call", str(ROWS_PER_CALL), "--concurrency", str(CONCURRENCY), "--out", "out.csv", *more,
        )  # fmt: skip

    def start(self, *arguments: str) -> Life:
        """Start any command of weft here."""
        return Life(self, arguments)

    def status(self) -> dict:
        """What `weft status --json` says about the newest run."""
        life = self.start("status", "--json", "--store", "weft.db")
        assert life.end() == 0, life.said
        return json.loads(life.told)["run"]

    def runs(self) -> list[dict]:
        """What `weft runs --json` says, the newest run first."""
        life = self.start("runs", "--json", "--store", "weft.db")
        assert life.end() == 0, life.said
        return json.loads(life.told)

    def glimpse(self) -> Glimpse:
        """Look at a copy of the store, so that the next life finds everything as it was left."""
        if not self.store.exists():
            return Glimpse()
        copy = self.folder.with_name(f"{self.folder.name}-copy")
        copy.mkdir()
        for each in (self.store, Path(f"{self.store}-wal")):
            if each.exists():
                shutil.copy(each, copy)
        try:
            return asyncio.run(look(f"sqlite:///{copy / self.store.name}"))
        finally:
            shutil.rmtree(copy)

    def names(self) -> set[str]:
        """Every file in the folder."""
        return {each.name for each in self.folder.iterdir()}


class Life:
    """One process of weft; what it says goes to files, so that it never waits for a reader."""

    def __init__(self, site: Site, arguments: tuple[str, ...]) -> None:
        self.site = site
        self._logs = site.folder.with_name(f"{site.folder.name}-logs")
        self._logs.mkdir(exist_ok=True)
        number = len(list(self._logs.iterdir())) // 2
        self._out, self._err = self._logs / f"{number}.out", self._logs / f"{number}.err"
        self._billed = len(site.server.bill())
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [*WEFT, *arguments], cwd=site.folder, stdout=out, stderr=err,
                env={**os.environ, "OPENAI_API_KEY": "sk-test"},
            )  # fmt: skip
        site.server.guests.append(self.process)

    @property
    def said(self) -> str:
        """Everything on stderr so far."""
        return self._err.read_text(encoding="utf-8")

    @property
    def told(self) -> str:
        """Everything on stdout so far."""
        return self._out.read_text(encoding="utf-8")

    # ── moments ──

    def command_to_resume(self) -> list[str]:
        """The command that was printed for going on, without the word `weft`."""
        found = re.search(r"`weft (resume [^`]+)` goes on", self.said)
        assert found, self.said
        return shlex.split(found[1])

    def lives_for(self, seconds: float) -> bool:
        """Let it work for a while; whether it still does then."""
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def until(self, seen: Callable[[], bool]) -> bool:
        """Let it work until something can be seen; `False` if it has ended by then."""
        for _ in range(int(PATIENCE_S / LOOK_S)):
            if seen():
                return True
            if not self.lives_for(LOOK_S):
                return False
        raise AssertionError(f"nothing was seen in {PATIENCE_S} s: {self.said}")

    def has_begun(self) -> bool:
        """Whether the run is written down and its table is being read, if it was not before."""
        return AT_WORK in self.said

    def has_asked(self, calls: int) -> bool:
        """Whether so many calls were billed since this life began."""
        return len(self.site.server.bill()) >= self._billed + calls

    def is_exporting(self) -> bool:
        """Whether some of this life's new file is on disk, but not in its place."""
        parts = self.site.folder.glob(f".{self.site.out.name}.{self.process.pid}-*.part")
        try:
            return any(part.stat().st_size for part in parts)
        except FileNotFoundError:  # it has just taken its place, or was a trial
            return False

    def has_settled(self, calls: int) -> bool:
        """Whether so many calls are told to be settled."""
        return self.said.count("enriched successfully") >= calls

    # ── ends ──

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def kill(self) -> bool:
        """SIGKILL; `False` if it had ended by itself."""
        self.process.kill()
        return self.process.wait(timeout=PATIENCE_S) == -signal.SIGKILL

    def end(self) -> int:
        """Wait for the end; the exit code."""
        return self.process.wait(timeout=PATIENCE_S)


async def look(url: str) -> Glimpse:
    """Look at a store; nothing is changed in it."""
    store = STORES.get(url.partition(":")[0]).open(url, clock=SystemClock())
    try:
        runs = await store.runs(limit=1000)
        if not runs:
            return Glimpse()
        newest = runs[0]
        opened = await store.open_calls(newest.id)
        rows = Counter[CallState]()
        for each in opened:
            rows[CallState.SENT if each.raw is None else CallState.ANSWERED] += len(each.call.places)
        return Glimpse(
            state=newest.state,
            sent=rows[CallState.SENT],
            answered=rows[CallState.ANSWERED],
            booked=sum([int(run.tally.spent or 0) + int(run.tally.reserved) for run in runs]),
            ended=newest.tally.settled,
            states=tuple([str(each["state"]) for each in await store.calls(newest.id)]),
        )
    finally:
        await store.close()


def cost_of(bill: list[BilledCall]) -> int:
    """Nano-dollars of a bill."""
    return sum([int(call.cost) for call in bill])


def nanos(dollars: str) -> int:
    """Exact dollars in text as nano-dollars."""
    return int(Usd.of(dollars))
