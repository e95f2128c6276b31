"""Counts what happens while runs are walked: a listener that turns events into counters.

Knows counts since it was made, by state, code and reason, never by run or template: their number
stays small however long a server lives. Refuses to know the store, whose figures outlive a process,
and how counts are written (`exposing.py`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

from weft.events import (
    BudgetWarned,
    Event,
    LaneWaiting,
    PackLost,
    PackSent,
    PackSettled,
    RunEnded,
    RunStarted,
)
from weft.ids import CallId, RunId
from weft.kit.clocks import Clock

CALL_S = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)
"""Bounds in seconds: from a small model's quick answer to the longest time-out in use."""
ROWS = (1, 2, 5, 10, 20, 50)
"""Bounds in rows: 50 is the most that a call carries."""


@dataclass(slots=True)
class Histogram:
    """How often a value fell below each bound.

    Attributes:
        counts: one more than bounds: the last counts what is above all of them.
    """

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    sum: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def note(self, value: float) -> None:
        """Count one value; a value that equals a bound is below it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def cumulated(self) -> list[tuple[str, int]]:
        """Upper bound as text, `+Inf` at the end, and how many values are at or below it."""
        found, total = [], 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            total += count
            found.append(("+Inf" if bound == float("inf") else str(float(bound)), total))
        return found


@dataclass(slots=True)
class Counts:
    """What was counted.

    Attributes:
        runs_started: lives of runs that began. runs_ended: by state.
        rows: that ended in a call, by state. rows_again: that went back to be asked again.
        calls: by what became of them: `settled`, or the code of what went wrong.
        tokens: `input` and `output`. spent: nano-dollars of settled calls whose price is known.
        waits, waited_s: how often, and for how long in all, calls were held back, by reason.
        in_flight: calls that were sent and brought nothing yet.
    """

    runs_started: int = 0
    runs_ended: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    rows_again: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    spent: int = 0
    waits: Counter[str] = field(default_factory=Counter)
    waited_s: dict[str, float] = field(default_factory=dict)
    budgets_warned: int = 0
    call_s: Histogram = field(default_factory=lambda: Histogram(CALL_S))
    rows_per_call: Histogram = field(default_factory=lambda: Histogram(ROWS))
    in_flight: int = 0


class Counting:
    """Hears the events of any number of runs."""

    def __init__(self, clock: Clock) -> None:
        """Count nothing yet.

        Args:
            clock: measures how long calls take.
        """
        self._clock = clock
        self._counts = Counts()
        self._sent: dict[tuple[RunId, CallId], float] = {}
        self._lock = Lock()

    def hear(self, event: Event) -> None:
        """Count one event; events without a count change nothing."""
        with self._lock:
            if isinstance(event, PackSent):
                self._sent[event.run, event.call] = self._clock.monotonic()
                self._counts.rows_per_call.note(event.rows)
            elif isinstance(event, PackSettled):
                self._settle(event)
            elif isinstance(event, PackLost):
                self._end(event)
                self._counts.calls[event.code] += 1
            elif isinstance(event, LaneWaiting):
                self._counts.waits[event.reason] += 1
                waited = self._counts.waited_s
                waited[event.reason] = waited.get(event.reason, 0.0) + event.wait_s
            else:
                self._note_run(event)

    def counts(self) -> Counts:
        """The counts as they are; those of histograms are shared, so read them at once."""
        with self._lock:
            self._counts.in_flight = len(self._sent)
            return self._counts

    def _settle(self, event: PackSettled) -> None:
        self._end(event)
        counts = self._counts
        counts.calls["settled"] += 1
        counts.rows.update(state.value for _, state in event.rows)
        counts.rows_again += event.returned
        counts.tokens.update({"input": event.input_tokens, "output": event.output_tokens})
        counts.spent += int(event.cost or 0)

    def _end(self, event: PackSettled | PackLost) -> None:
        begun = self._sent.pop((event.run, event.call), None)
        if begun is not None:
            self._counts.call_s.note(self._clock.monotonic() - begun)

    def _note_run(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._counts.runs_started += 1
        elif isinstance(event, BudgetWarned):
            self._counts.budgets_warned += 1
        elif isinstance(event, RunEnded):
            self._counts.runs_ended[event.state.value] += 1
            for key in [key for key in self._sent if key[0] == event.run]:
                del self._sent[key]  # given up when the run came to rest; nobody will tell their end
