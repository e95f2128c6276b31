"""What is told while a run goes on: a live line on a terminal, plain lines elsewhere.

Knows events and the words for them. Hears in order and returns at once.
Refuses to print by itself: the console does, and it makes every text safe.
"""

from __future__ import annotations

from weft.cli.console import Console, Meter
from weft.cli.wording import count, duration, money
from weft.events import (
    BudgetWarned,
    Event,
    LaneWaiting,
    PackLost,
    PackSent,
    PackSettled,
    RowsRead,
    RunEnded,
    RunHeld,
    RunStarted,
)
from weft.kit.clocks import Clock
from weft.money import Usd
from weft.row import RowState
from weft.run import Tally
from weft.settings import Settings

LONG_S = 10  # seconds; a wait of this length is told each time, a shorter one once per trouble
READ_EVERY = 50_000  # rows between two lines about reading, so that a large table shows life


class ProgressTeller:
    """Listens to one run and tells a person how it goes.

    A new row or call never makes a count go back: what was told stays true.
    """

    def __init__(self, console: Console, clock: Clock, *, settings: Settings, fresh: bool = False) -> None:
        """Begin to listen; nothing is shown before the first event.

        Args:
            fresh: no answer is recalled in this run, so nothing is said about the cache.
        """
        self._console = console
        self._clock = clock
        self._settings = settings
        self._fresh = fresh
        self._meter: Meter | None = console.meter() if console.is_live else None
        self._total = self._done = self._failed = self._first = 0
        self._packs = self._sent = 0
        self._trouble, self._repeats, self._waits = "", 0, set[str]()
        self._spent = 0
        self._priced = True
        self._told_rows = 0
        self._since = clock.monotonic()

    def hear(self, event: Event) -> None:
        """Take note of one event."""
        match event:
            case RunHeld():
                self._say(
                    f"Held by {event.holder}; watching for up to {duration(event.wait_s)} whether it is at work",
                    "yellow",
                )
            case RowsRead():
                self._read(event)
            case RunStarted():
                self._started(event)
            case PackSent():
                self._pack_sent(event)
            case PackSettled():
                self._pack_settled(event)
            case PackLost():
                self._pack_lost(event)
            case LaneWaiting():
                self._waiting(event)
            case BudgetWarned():
                self._say(
                    f"Budget: {event.used} of {event.limit} used or reserved ({event.share:.0%})", "yellow"
                )
            case RunEnded():
                self._tell_repeats()
                self._console.leave()
                self._meter = None

    def _read(self, event: RowsRead) -> None:
        if self._meter:
            self._meter.show(done=0, total=None, doing=f"Reading {count(event.rows, 'row')}", facts="")
        elif event.rows - self._told_rows >= READ_EVERY:
            self._told_rows = event.rows
            self._console.note(f"Read {count(event.rows, 'row')}")

    def _started(self, event: RunStarted) -> None:
        tally = event.tally
        self._total, self._done = tally.total, tally.settled
        self._first, self._failed, self._packs = tally.settled, tally.failed, event.packs
        self._since = self._clock.monotonic()
        for line in start_lines(tally, event.packs, self._settings, fresh=self._fresh):
            self._console.note(line)
        self._move()

    def _pack_sent(self, event: PackSent) -> None:
        self._sent += 1
        if self._meter is None:
            self._say(f"Batch {self._numbered(event)}")
        self._move()

    def _numbered(self, event: PackSent) -> str:
        rows = count(event.rows, "row")
        again = ", asked again" if event.again else "" if event.attempt == 1 else f", try {event.attempt}"
        planned = "" if event.number > self._packs else f"/{self._packs}"  # what was planned was a guess
        return f"{event.number}{planned} ({rows}{again})"

    def _pack_settled(self, event: PackSettled) -> None:
        self._done += len(event.rows)
        failed = sum(1 for _, state in event.rows if state is RowState.FAILED)
        self._failed += failed
        self._priced = self._priced and event.cost is not None
        self._spent += event.cost or 0
        if failed or event.returned:
            said = [f"{failed} failed"] if failed else []
            said += [f"{event.returned} asked again"] if event.returned else []
            why = f": {event.problem}" if event.problem else ""
            self._say(f"✗ Batch {event.number}: {', '.join(said)}{why}", "yellow")
        elif self._meter is None:
            self._say(f"✓ Batch {event.number} enriched successfully", "green")
        self._trouble = self._trouble if failed or event.returned else ""
        self._move()

    def _pack_lost(self, event: PackLost) -> None:
        billed = " (it may have been billed)" if event.billing == "unknown" else ""
        trouble = f"{event.problem}{billed}"
        if trouble == self._trouble:  # told once; how often is told when something else happens
            self._repeats += 1
            return
        self._say(f"✗ Batch {event.number}: {trouble}", "yellow")
        self._trouble = trouble
        self._waits.clear()

    def _waiting(self, event: LaneWaiting) -> None:
        if event.reason == "pace" and not self._console.verbose:
            return
        known = self._trouble and event.reason in self._waits
        if known and event.wait_s < LONG_S and not self._console.verbose:
            return
        self._say(f"Waiting {duration(event.wait_s)}: {event.reason.replace('_', ' ')}", "yellow")
        self._waits.add(event.reason)

    def _say(self, text: str, style: str = "") -> None:
        self._tell_repeats()
        self._console.note(text, style)

    def _tell_repeats(self) -> None:
        if self._repeats:
            self._console.note(f"✗ {count(self._repeats, 'more call')}: the same", "yellow")
            self._repeats = 0

    def _move(self) -> None:
        if self._meter is None:
            return
        spent = money(Usd(self._spent)) if self._priced else "cost unknown"
        facts = f"{self._done:,}/{self._total:,} rows · {self._sent:,} calls · {spent}{self._left()}"
        if self._failed:
            facts += f" · {self._failed:,} failed"
        self._meter.show(done=self._done, total=self._total, doing="Asking", facts=facts)

    def _left(self) -> str:
        done_here = self._done - self._first
        passed = self._clock.monotonic() - self._since
        if done_here <= 0 or passed <= 0:
            return ""
        return f" · {duration((self._total - self._done) / (done_here / passed))} left"


def start_lines(tally: Tally, packs: int, settings: Settings, *, fresh: bool = False) -> list[str]:
    """What is said once reading and recalling are over; nothing about a cache that is not used."""
    lines = [] if fresh else [f"Cache hits: {tally.recalled:,}/{tally.total:,}"]
    lines.append(f"Rows to enrich: {tally.waiting:,}")
    if tally.rejected:
        lines.append(f"Rows rejected: {tally.rejected:,}")
    if packs:
        lines.append(f"Processing {count(packs, 'batch', 'batches')} (batch size: {settings.rows_per_call})")
        if settings.rpm:  # then the pace alone tells how long it takes at least
            least = (packs - 1) * 60 / settings.rpm
            lines.append(f"Estimated time: {duration(least)} at {settings.rpm:,} requests a minute")
    return lines
