"""The desk for looking at runs as often as people do: how one stands, and the newest of them.

Knows that rows of a run at work are counted by walking over them, so that twenty people must not have
them counted each for themselves: a count may be as old as ten times what it took, which for ten
thousand rows is the blink of an eye. A run at rest is always told as it is. Refuses to change anything.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from weft.app.stores import Stores
from weft.errors import UnknownName
from weft.ids import RunId
from weft.kit.clocks import Clock
from weft.row import Outcome, RowState
from weft.run import Run, RunState, Tally

SHARE = 10  # times what counting took, a count is good for; so counting takes a tenth of the time at most
DRAFT_S = 0.05  # of counting; drafts that are counted more quickly are told exactly
MOST = 200  # counts that are remembered
LIVE = frozenset({RunState.DRAFTED, RunState.QUEUED, RunState.RUNNING})


@dataclass(frozen=True, slots=True)
class _Counted:
    """A count, what was known when it was made, and until when it is good."""

    changed: int
    state: RunState
    tally: Tally
    until: float


class LookingDesk:
    """Tells how runs stand."""

    def __init__(self, stores: Stores, *, clock: Clock) -> None:
        """Look at nothing yet."""
        self._stores = stores
        self._clock = clock
        self._counted: OrderedDict[RunId, _Counted] = OrderedDict()

    async def get(self, run: RunId) -> Run:
        """How a run stands; counts of rows of a run at work may be a moment old.

        Raises:
            UnknownName: if there is none.
        """
        return await self._with_counts(await self._stores.reading().run(run, counted=False))

    async def newest(self, limit: int) -> list[Run]:
        """The newest runs first, likewise; none where there is no store yet."""
        store = self._stores.existing()
        found = [] if store is None else await store.runs(limit=limit, counted=False)
        return [await self._with_counts(each) for each in found]

    def rows(self, run: RunId, *, after: int = -1, states: Sequence[RowState] = ()) -> Iterator[Outcome]:
        """How rows stand behind a place, in the order of the table; memory does not grow with the run.

        Raises:
            UnknownName: if there is no such run.
        """
        return self._stores.reading().outcomes(run, after=after, states=states)

    async def story(self, run: RunId, place: int) -> tuple[Outcome, list[Mapping[str, Any]]]:
        """How one row stands, and every call that carried it, oldest first.

        Raises:
            UnknownName: if there is no such run or row.
        """
        outcome = next(self.rows(run, after=place - 1), None)
        if outcome is None or outcome.place != place:
            raise UnknownName(f"Run `{run}` has no row {place}.", hint="places are counted from 0.", run=run)
        return outcome, await self._stores.reading().calls(run, place=place)

    async def _with_counts(self, run: Run) -> Run:
        if run.state not in LIVE and run.tally.total:  # kept with the run
            return run
        known = self._counted.get(run.id)
        now = self._clock.monotonic()
        if (
            known is not None
            and (known.changed == run.changed or now < known.until)
            and known.state is run.state
        ):
            return replace(run, tally=_newer(run.tally, known.tally))
        found = await self._stores.reading().run(run.id)
        took = self._clock.monotonic() - now
        until = now + took * SHARE if run.state is not RunState.DRAFTED or took > DRAFT_S else now
        self._counted[run.id] = _Counted(found.changed, found.state, found.tally, until)
        self._counted.move_to_end(run.id)
        while len(self._counted) > MOST:
            self._counted.popitem(last=False)
        return found


def _newer(now: Tally, counted: Tally) -> Tally:
    """Counts of rows of a while ago, with calls, tokens and money of now."""
    return replace(
        now,
        total=counted.total,
        waiting=counted.waiting,
        asked=counted.asked,
        answered=counted.answered,
        failed=counted.failed,
        rejected=counted.rejected,
        skipped=counted.skipped,
        recalled=counted.recalled,
    )
