"""What is worth telling while a run goes on; listeners hear it, in order.

Events are for people's questions: progress, money, trouble. They carry counts and names, never
keys of providers and never a whole row. Times are seconds of the run's own monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.ids import CallId, RunId
from weft.money import Usd
from weft.row import RowState
from weft.run import RunState, Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The root of all events."""

    run: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeld(Event):
    """Another process holds the run; it is watched whether that one is at work.

    Attributes:
        holder: process and machine, or the owner's name, for people.
        wait_s: at most so long; then the run is taken over.
    """

    holder: str
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsRead(Event):
    """More rows of the table are in the store; `rows` counts all so far."""

    rows: int
    rejected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """Reading and recalling are over; asking begins.

    Attributes:
        packs: calls that are planned; mending may add some.
    """

    tally: Tally
    packs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSent(Event):
    """A call left.

    Attributes:
        number: counts the calls of this life from 1.
        attempt: 1, or higher where the last call about just these rows brought no reply.
        again: some of its rows had an answer before that was no good.
    """

    call: CallId
    number: int
    rows: int
    attempt: int
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSettled(Event):
    """A call was answered and settled.

    Attributes:
        rows: place and end of each row that ended, twins included.
        returned: rows that go back to be asked again.
        problem: why, where some went back or failed; empty otherwise.
    """

    call: CallId
    number: int
    rows: tuple[tuple[int, RowState], ...]
    returned: int
    cost: Usd | None
    input_tokens: int
    output_tokens: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackLost(Event):
    """A call brought no answer; its rows are kept and will be asked again, or the run pauses.

    Attributes:
        billing: `void` or `unknown`.
    """

    call: CallId
    number: int
    rows: int
    code: str
    problem: str
    billing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneWaiting(Event):
    """A pack, or the whole lane, waits for a while.

    Attributes:
        reason: an error's code, or `circuit_open` or `pace`.
    """

    reason: str
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetWarned(Event):
    """Spent money or tokens have passed 90 % of the budget."""

    used: str
    limit: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """The run came to rest: finished, paused, stopped or cancelled."""

    state: RunState
    reason: str
    message: str
    tally: Tally
    elapsed_s: float
