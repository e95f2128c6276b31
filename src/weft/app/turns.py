"""Whose turn it is: which of the runs that may be taken up gets the next free lane.

Knows that the person with the fewest runs at work comes first, then the workspace with the fewest,
then the oldest; that some lanes are kept for small runs; that patient runs come after all others; and
that an owner who has given no sign of life for as long as six beats is followed. Pure. Refuses to
know stores and how a run is walked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from weft.app.submitting import Lane, lane_of, mark_of
from weft.engine.runner import STALE_AFTER_S
from weft.ids import RunId
from weft.protocols import Standing
from weft.run import Run, RunState

LANES = 8  # runs that one process walks at once
SMALL_SHARE = 4  # every so many lanes one is kept for small runs
PATIENT_SHARE = 2  # a patient run is begun while less than one lane in so many is in use
SMALL_ROWS = 1_000  # rows that still wait in a small run


@dataclass(frozen=True, slots=True)
class Turn:
    """A run that may be taken up.

    Attributes:
        over: its owner as it was seen last, who is gone; `None` = it has none.
    """

    workspace: str
    run: Run
    over: Standing | None = None

    @property
    def sender(self) -> str:
        """Whose it is."""
        return sender_of(self.run)


def sender_of(run: Run) -> str:
    """Who has handed a run in."""
    return str((mark_of(run) or {}).get("sender", ""))


def is_small(run: Run) -> bool:
    """Whether little is left of a run; one whose table was not read yet may be huge."""
    return run.state is not RunState.DRAFTED and run.tally.waiting <= SMALL_ROWS


def next_turn(
    waiting: Sequence[Turn], at_work: Collection[tuple[str, str]], *, lanes: int = LANES
) -> Turn | None:
    """Whose turn it is; `None` = nobody waits, or the free lanes are not for those who do.

    A patient run has its turn only while no usual run waits, and while half of the lanes are free for
    usual ones that come. One that was begun is not interrupted.

    Args:
        waiting: runs that may be taken up.
        at_work: workspace and sender of every run that is walked in this process.
        lanes: how many runs it walks at once.
    """
    if len(at_work) >= lanes:
        return None
    usual = [each for each in waiting if lane_of(each.run) is Lane.USUAL]
    if not usual and len(at_work) >= max(1, lanes // PATIENT_SHARE):
        return None
    waiting = usual or waiting
    if len(at_work) >= lanes - lanes // SMALL_SHARE:
        waiting = [each for each in waiting if is_small(each.run)]
    people = Counter(sender for _, sender in at_work)
    rooms = Counter(workspace for workspace, _ in at_work)
    return min(
        waiting,
        key=lambda each: (people[each.sender], rooms[each.workspace], each.run.created_at),
        default=None,
    )


class Owners:
    """Watches who is at work elsewhere, and says who has fallen silent."""

    def __init__(self, is_dead: Callable[[str], bool]) -> None:
        """Nobody was seen yet.

        Args:
            is_dead: whether an owner was a process of this machine that is gone.
        """
        self._is_dead = is_dead
        self._seen: dict[RunId, tuple[Standing, float]] = {}

    def free(self, standings: Iterable[Standing], now: float) -> list[Standing]:
        """Those that may be taken up: without an owner, or with one that is dead or silent.

        Args:
            standings: all runs that have not ended, as they stand.
            now: monotonic seconds.
        """
        seen, self._seen = self._seen, {}
        found = []
        for each in standings:
            if not each.owner:
                found.append(each)
                continue
            before, since = seen.get(each.run, (each, now))
            since = since if before == each else now
            self._seen[each.run] = (each, since)
            if now - since >= STALE_AFTER_S or self._is_dead(each.owner):
                found.append(each)
        return found
