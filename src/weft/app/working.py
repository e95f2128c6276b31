"""The worker: takes up runs that were handed in and walks several at once, until it is stopped.

Knows whose turn it is: the sender with the fewest runs at work comes first, and some lanes are kept
for small runs, so that none waits behind a huge one. Runs whose owner has died go on; a stop pauses
each cleanly and leaves it for the next worker. Refuses to know how a run is walked (`runs.py`).
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from weft.app.queueing import PAUSED, QueueDesk
from weft.app.runs import RunsDesk
from weft.app.submitting import AGAIN, mark_of, settings_of
from weft.errors import Cancelled, Mistake, Outage, RunBusy, WeftError
from weft.ids import RunId
from weft.kit.clocks import Clock
from weft.protocols import Listener
from weft.run import Run, RunState

LANES = 8  # runs that are walked at once
SMALL_LANES = 2  # of these, kept for small runs
SMALL_ROWS = 1_000  # rows that still wait in a small run
LOOK_S = 15.0  # between two looks whether another process has left something
ASIDE_S = 60.0  # for so long a run is left alone that could not be taken up
STOPPED = "The server was stopped; the run goes on when it starts again."
LOG = logging.getLogger("weft.worker")


class Worker:
    """Walks runs that were handed in.

    Attributes:
        stopping: set when nothing new is taken up any more.
    """

    def __init__(
        self,
        queue: QueueDesk,
        desk_with: Callable[[Mapping[str, Any]], RunsDesk],
        *,
        clock: Clock,
        listeners: Callable[[RunId], Sequence[Listener]] = lambda run: (),  # noqa: ARG005 - nobody listens
    ) -> None:
        """Take up nothing yet.

        Args:
            queue: says which runs wait.
            desk_with: makes a desk for one run, with its settings.
            clock: says when to look again.
            listeners: who hears the events of a run.
        """
        self.stopping = asyncio.Event()
        self._queue = queue
        self._desk_with = desk_with
        self._clock = clock
        self._listeners = listeners
        self._news = asyncio.Event()
        self._at_work: dict[RunId, _Lane] = {}
        self._aside: dict[RunId, float] = {}

    async def work(self) -> None:
        """Take up and walk runs until `stop`; returns when the last one rests."""
        while not self.stopping.is_set():
            self._news.clear()
            try:
                await self._take_up()
            except Outage:
                LOG.warning("the store is busy; looking again soon")
            except Exception as error:  # noqa: BLE001 - runs at work go on, and the next look may succeed
                _log("taking up", error)
            look = asyncio.ensure_future(self._clock.sleep(LOOK_S))
            news = asyncio.ensure_future(self._news.wait())
            await asyncio.wait({look, news}, return_when=asyncio.FIRST_COMPLETED)
            look.cancel()
            news.cancel()
        await asyncio.gather(*(lane.task for lane in self._at_work.values()), return_exceptions=True)

    def wake(self) -> None:
        """Look for work now."""
        self._news.set()

    def stop(self) -> None:
        """Take up nothing more and pause what is at work; answers in flight are awaited for a while."""
        self.stopping.set()
        for lane in self._at_work.values():
            lane.desk.stop()
        self.wake()

    def is_at_work(self, run: RunId) -> bool:
        """Whether this process walks a run now."""
        return run in self._at_work

    async def pause(self, run: RunId) -> Run:
        """Pause a run, wherever it stands; answers in flight are awaited."""
        await self._halt(run, PAUSED)
        found = await self._queue.get(run)
        return found if found.reason == PAUSED else await self._queue.pause(run)

    async def cancel(self, run: RunId) -> Run:
        """Cancel a run, wherever it stands; answers in flight are awaited and kept."""
        await self._halt(run, PAUSED)
        return await self._queue.cancel(run)

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    async def _halt(self, run: RunId, wish: str) -> None:
        """Bring a run to rest if this process walks it."""
        lane = self._at_work.get(run)
        if lane is None:
            return
        lane.wish = wish
        lane.desk.stop()
        await asyncio.wait({lane.task})

    async def _take_up(self) -> None:
        """Give every free lane a run."""
        now = self._clock.monotonic()
        self._aside = {run: until for run, until in self._aside.items() if until > now}
        waiting = [
            run
            for run in await self._queue.waiting()
            if run.id not in self._at_work and run.id not in self._aside
        ]
        while not self.stopping.is_set() and waiting and len(self._at_work) < LANES:
            run = self._next(waiting)
            if run is None:
                return
            waiting.remove(run)
            try:
                lane = _Lane(self._desk_with(settings_of(run)), _sender(run))
            except Mistake as error:  # a setting that this server does not know, or takes no more
                await self._queue.note(run.id, error.code, message=str(error))
                continue
            self._at_work[run.id] = lane
            lane.task = asyncio.ensure_future(self._walk(run, lane))

    def _next(self, waiting: Sequence[Run]) -> Run | None:
        """Whose turn it is; `None` = only lanes for small runs are free, and there is no small run."""
        if len(self._at_work) >= LANES - SMALL_LANES:
            waiting = [run for run in waiting if _is_small(run)]
        busy = Counter(lane.sender for lane in self._at_work.values())
        return min(waiting, key=lambda run: (busy[_sender(run)], run.created_at), default=None)

    async def _walk(self, run: Run, lane: _Lane) -> None:
        """Walk a run to its rest and write down why it rests."""
        try:
            errand = await lane.desk.prepare_resume(run.id, as_begun=True)
            done = await lane.desk.walk(errand, self._listeners(run.id))
            if done.state is RunState.PAUSED and lane.wish:
                await self._queue.note(run.id, lane.wish)
            elif done.state is RunState.PAUSED and self.stopping.is_set():
                await self._queue.note(run.id, AGAIN, message=STOPPED)
        except Cancelled:  # while its table was being read: it is drafted still, and `reason` says what next
            if lane.wish:
                await self._queue.note(run.id, lane.wish)
        except (RunBusy, Outage):
            self._aside[run.id] = self._clock.monotonic() + ASIDE_S
        except WeftError as error:
            await self._queue.note(run.id, error.code, message=str(error))
        except Exception as error:  # noqa: BLE001 - one run's bug is no reason to leave the others
            self._aside[run.id] = float("inf")
            _log(f"run {run.id}", error)
        finally:
            del self._at_work[run.id]
            self.wake()


class _Lane:
    """One run at work."""

    task: asyncio.Task[None]

    def __init__(self, desk: RunsDesk, sender: str) -> None:
        self.desk = desk
        self.sender = sender
        self.wish = ""


def _sender(run: Run) -> str:
    return str((mark_of(run) or {}).get("sender", ""))


def _is_small(run: Run) -> bool:
    """Whether little is left of a run; one whose table was not read yet may be huge."""
    return run.state is not RunState.DRAFTED and run.tally.waiting <= SMALL_ROWS


def _log(what: str, error: Exception) -> None:
    """Log where it happened; messages of errors may hold rows and keys, so they stay out."""
    LOG.error("%s: %s\n%s", what, type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
