"""The whole house over a store in a file and a model that keeps a bill, for faults of this machine.

Knows how to open the house again as another process would, and how to make the disk of its store
full. Time is virtual. Refuses to know processes and sockets: `kills.py` does.
"""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from weft.app.opening import look_around
from weft.app.requesting import RunRequest
from weft.app.weft import Weft
from weft.errors import QuotaSpent
from weft.kit.clocks import VirtualClock
from weft.row import RowState
from weft.testing.scripted import ScriptedProvider

ROWS_PER_CALL = 2
LEAVE = QuotaSpent("The account is empty.")


def echo(found):
    """What the model answers: a function of the row's content and nothing else."""
    return {"echo": found["body"][::-1]}


class Place:
    """A folder with a table; the house is opened in it as often as needed."""

    def __init__(self, folder: Path, bodies: list[str]) -> None:
        self.folder, self.store = folder, folder / "weft.db"
        self.table = folder / "table.csv"
        self.write(bodies)
        self.clock = VirtualClock()
        self.provider = ScriptedProvider(echo, clock=self.clock)
        self._lives = 0

    def write(self, bodies: list[str]) -> None:
        """Write the table anew."""
        self.table.write_text("body\n" + "".join(f"{each}\n" for each in bodies), encoding="utf-8")

    def request(self, **facts) -> RunRequest:
        """What is asked: by default, with a quick prompt, for the echo of every row."""
        asked = {"prompt": "Echo {{ body }}", "fields": ["echo: string"]} if "template" not in facts else {}
        return RunRequest(**{"table": str(self.table), **asked, **facts})

    @asynccontextmanager
    async def house(self, **flags):
        """The house in another life; everything between two lives is in the store."""
        given = {"rows_per_call": str(ROWS_PER_CALL), "concurrency": "1", "min_free_mb": "0"}
        given |= {"store": str(self.store), **flags}
        around = look_around(given, start=self.folder, environment={})
        self._lives += 1
        async with Weft(around, clock=self.clock, random=Random(self._lives), provider=self.provider) as weft:
            yield weft

    async def run(self, weft: Weft, **facts):
        """Walk an errand to its rest."""
        return await weft.runs.walk(await weft.runs.prepare(self.request(**facts)))

    async def leave_unfinished(self, **facts):
        """Begin a run and let it pause after its first call."""
        self.provider.script.extend([None, LEAVE])
        async with self.house() as weft:
            return await self.run(weft, **facts)

    @property
    def paid(self) -> Counter[int]:
        """How often each question was billed."""
        return Counter(row for call in self.provider.bill for row in call.digests)


def answers(weft: Weft, run) -> list[str | None]:
    """The answers of a run in the order of its table."""
    return [outcome.answer and outcome.answer["echo"] for outcome in weft.runs.outcomes(run)]


def states(weft: Weft, run) -> list[RowState]:
    """The states of a run's rows in the order of its table."""
    return [outcome.state for outcome in weft.runs.outcomes(run)]


def fill(weft: Weft) -> None:
    """Let the file of the house's store grow no further."""
    writer = weft._stores.open()._database.writer
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")


def make_room(weft: Weft) -> None:
    """Let the file of the house's store grow again."""
    weft._stores.open()._database.writer.execute("PRAGMA max_page_count = 1000000")
