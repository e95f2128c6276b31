"""The worker: takes up runs that were handed in and walks several at once, until it is stopped.

Knows one set of lanes for the runs of every house, so that no workspace keeps another out (`turns.py`
says whose turn it is). Runs whose owner has died go on; a stop pauses each cleanly and leaves it for
the next worker. Any number of processes may work over the same houses: a run is claimed before it is
walked. Refuses to know how a run is walked (`runs.py`).
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from weft.app.auditing import AuditDesk
from weft.app.houses import Houses
from weft.app.mustering import Muster
from weft.app.opening import new_secret
from weft.app.queueing import PAUSED, QueueDesk
from weft.app.runs import RunsDesk
from weft.app.submitting import AGAIN, settings_of, wants_worker
from weft.app.turns import LANES, Owners, Turn, next_turn
from weft.app.weft import Weft
from weft.engine.pacing import Paces
from weft.errors import Cancelled, Mistake, Outage, RunBusy, WeftError
from weft.events import Event
from weft.ids import RunId
from weft.kit.clocks import Clock
from weft.protocols import Listener, Standing
from weft.rights import HOME, Principal
from weft.run import Run, RunState
from weft.store.owners import is_surely_dead, this_owner

LOOK_S = 1.0  # between two looks whether another process has left something
ASIDE_S = 10.0  # for so long a run is left alone that could not be taken up
STOPPED = "The server was stopped; the run goes on when it starts again."
LOG = logging.getLogger("weft.worker")

Listeners = Callable[[RunId], Sequence[Listener]]


class Worker:
    """What the lanes of this process do for one house.

    Attributes:
        listeners: who hears the events of a run; may be set at any time.
    """

    def __init__(
        self,
        lanes: Lanes,
        queue: QueueDesk,
        *,
        desk_with: Callable[[Mapping[str, Any]], RunsDesk],
        audit: AuditDesk | None = None,
    ) -> None:
        """Look at nothing yet.

        Args:
            lanes: of this process.
            queue: says which runs wait.
            desk_with: makes a desk for one run, with its settings.
            audit: writes down which kept keys runs are given; `None` = nobody asks, for there is one person.
        """
        self.lanes = lanes
        self.listeners: Listeners = lambda run: ()  # noqa: ARG005 - nobody listens
        self._queue = queue
        self._desk_with = desk_with
        self._audit = audit
        self._owners = Owners(is_surely_dead)
        self._known: dict[RunId, tuple[Standing, Run]] = {}
        self._at_work: dict[RunId, _Lane] = {}
        self._aside: dict[RunId, float] = {}

    @property
    def stopping(self) -> asyncio.Event:
        """Set when nothing new is taken up any more."""
        return self.lanes.stopping

    def wake(self) -> None:
        """Look for work now."""
        self.lanes.wake()

    def is_at_work(self, run: RunId) -> bool:
        """Whether this process walks a run now."""
        return run in self._at_work

    @property
    def at_work(self) -> Sequence[_Lane]:
        """Every lane that this house has."""
        return tuple(self._at_work.values())

    async def pause(self, run: RunId) -> Run:
        """Pause a run, wherever it stands; answers in flight are awaited."""
        await self._halt(run, PAUSED)
        found = await self._queue.get(run)
        return found if found.reason == PAUSED else await self._queue.pause(run)

    async def cancel(self, run: RunId) -> Run:
        """Cancel a run, wherever it stands; answers in flight are awaited and kept."""
        await self._halt(run, PAUSED)
        return await self._queue.cancel(run)

    async def _halt(self, run: RunId, wish: str) -> None:
        """Bring a run to rest if this process walks it."""
        lane = self._at_work.get(run)
        if lane is None:
            return
        lane.wish = wish
        lane.desk.stop()
        await asyncio.wait({lane.task})

    # ── for the lanes ────────────────────────────────────────────────────────────────────────────

    async def waiting(self, workspace: str, now: float) -> list[Turn]:
        """Runs of this house that may be taken up.

        Args:
            workspace: what the house is called.
            now: monotonic seconds.
        """
        self._aside = {run: until for run, until in self._aside.items() if until > now}
        standings = [
            each
            for each in await self._queue.unfinished()
            if each.run not in self._at_work and each.run not in self._aside and self.lanes.takes(each.run)
        ]
        known, self._known = self._known, {}
        found = []
        for each in self._owners.free(standings, now):
            seen, run = known.get(each.run) or (each, None)
            if run is None or seen != each:
                run = await self._queue.get(each.run)
            self._known[each.run] = each, run
            if wants_worker(run):
                found.append(Turn(workspace, run, each if each.owner else None))
        return found

    async def take_up(self, turn: Turn) -> None:
        """Begin to walk a run in a lane of its own."""
        run = turn.run
        try:
            desk = self._desk_with(settings_of(run))
        except Mistake as error:  # a setting that this server does not know, or takes no more
            await self._queue.note(run.id, error.code, message=str(error))
            return
        lane = self._at_work[run.id] = _Lane(desk, turn.workspace, turn.sender)
        lane.task = asyncio.ensure_future(self._walk(turn, lane))

    async def _walk(self, turn: Turn, lane: _Lane) -> None:
        """Claim a run, walk it to its rest, and leave it to the next worker."""
        run = turn.run.id
        try:
            async with lane.desk.claimed(run, over=turn.over):
                await self._walk_claimed(turn, lane)
        except RunBusy:  # somebody was quicker, or has followed us
            self._aside[run] = self.lanes.now + LOOK_S
        except Outage:
            self._aside[run] = self.lanes.now + ASIDE_S
        except WeftError as error:
            await self._queue.note(run, error.code, message=str(error))
        except Exception as error:  # noqa: BLE001 - one run's bug is no reason to leave the others
            self._aside[run] = float("inf")
            _log(f"run {run}", error)
        finally:
            del self._at_work[run]
            self.wake()

    async def _walk_claimed(self, turn: Turn, lane: _Lane) -> None:
        """Walk a run to its rest and write down why it rests."""
        run = turn.run.id
        taken = await self._queue.allowance.take(await self._queue.get(run))
        try:
            errand = await lane.desk.prepare_resume(run, as_begun=True)
            await self._record(turn, errand.keys)
            done = await lane.desk.walk(errand, [_Ear(self, run)], paces=self.lanes.paces)
            if done.state is RunState.PAUSED and lane.wish:
                await self._queue.note(run, lane.wish)
            elif done.state is RunState.PAUSED and done.reason != PAUSED and self.stopping.is_set():
                await self._queue.note(run, AGAIN, message=STOPPED)
        except Cancelled:  # while its table was being read: it is drafted still, and `reason` says what next
            if lane.wish:
                await self._queue.note(run, lane.wish)
        finally:
            await self._queue.allowance.give_back(run, taken)

    async def _record(self, turn: Turn, keys: Sequence[str]) -> None:
        """Write down, before anything is sent, that a run is given keys of its workspace."""
        if self._audit is None:
            return
        principal = Principal(id=turn.sender, workspace=turn.workspace, via="worker")
        for key in keys:
            await self._audit.record(principal, "use_key", thing=f"keys/{key}", facts={"run": turn.run.id})


class Lanes:
    """The lanes of this process, for the runs of every house.

    Attributes:
        stopping: set when nothing new is taken up any more.
        paces: the pace towards every account that runs of this process ask at.
    """

    def __init__(
        self,
        houses: Houses,
        *,
        clock: Clock,
        most: int = LANES,
        only: Collection[str] = (),
        takes: Callable[[RunId], bool] = lambda run: True,  # noqa: ARG005 - every one
    ) -> None:
        """Take up nothing yet.

        Args:
            houses: whose runs are taken up.
            clock: says when to look again.
            most: runs that are walked at once.
            only: workspaces whose runs are taken up; empty = all.
            takes: whether a run is taken up here, or left to others.
        """
        self.takes = takes
        self.stopping = asyncio.Event()
        self.paces = Paces()
        self._houses = houses
        self._clock = clock
        self._most = most
        self._only = frozenset(only)
        self._news = asyncio.Event()
        self._workers: dict[str, Worker] = {}
        self._muster = Muster(this_owner(new_secret()[:6]), clock=clock)
        self._is_mustered = False

    def worker(self, workspace: str, house: Weft) -> Worker:
        """What these lanes do for a house; the same one each time."""
        if workspace not in self._workers:
            queue = house.queue_with({})
            audit = house.audit if house.surroundings.apart else None
            self._workers[workspace] = Worker(self, queue, desk_with=house.runs_with, audit=audit)
        return self._workers[workspace]

    @property
    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()

    @property
    def busy(self) -> list[_Lane]:
        """Every lane in which a run is walked."""
        return [lane for worker in self._workers.values() for lane in worker.at_work]

    async def work(self) -> None:
        """Take up and walk runs until `stop`; returns when the last one rests."""
        while not self.stopping.is_set():
            self._news.clear()
            await self._guarded("the muster of workers", self._share_paces(), None)
            await self._look()
            look = asyncio.ensure_future(self._clock.sleep(LOOK_S))
            news = asyncio.ensure_future(self._news.wait())
            await asyncio.wait({look, news}, return_when=asyncio.FIRST_COMPLETED)
            look.cancel()
            news.cancel()
        await asyncio.gather(*(lane.task for lane in self.busy), return_exceptions=True)
        await self._guarded("the muster of workers", self._share_paces(), None)

    def wake(self) -> None:
        """Look for work now."""
        self._news.set()

    def stop(self) -> None:
        """Take up nothing more and pause what is at work; answers in flight are awaited for a while."""
        self.stopping.set()
        for lane in self.busy:
            lane.desk.stop()
        self.wake()

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    async def _share_paces(self) -> None:
        """Learn how many processes ask at the accounts of our runs, and keep our share of their limits."""
        busy = self.paces.busy
        if not (busy or self._is_mustered):
            return
        store = (await self._houses.open(HOME)).control.existing()
        if store is not None:
            self.paces.divide(await self._muster.call(store, busy))
            self._is_mustered = bool(busy)

    async def _look(self) -> None:
        """Give every free lane a run."""
        if len(self.busy) >= self._most:
            return
        waiting: list[Turn] = []
        for name in await self._guarded("the list of workspaces", self._names(), []):
            waiting += await self._guarded(f"workspace {name}", self._waiting(name), [])
        while waiting and not self.stopping.is_set():
            turn = next_turn(waiting, [(lane.workspace, lane.sender) for lane in self.busy], lanes=self._most)
            if turn is None:
                return
            waiting.remove(turn)
            await self._guarded(f"run {turn.run.id}", self._workers[turn.workspace].take_up(turn), False)

    async def _names(self) -> list[str]:
        return [name for name in await self._houses.names() if not self._only or name in self._only]

    async def _waiting(self, name: str) -> list[Turn]:
        worker = self._workers.get(name) or self.worker(name, await self._houses.open(name))
        return await worker.waiting(name, self.now)

    async def _guarded(self, what: str, look: Any, instead: Any) -> Any:
        """What a look gives; if it fails, runs at work go on, and the next look may succeed."""
        try:
            return await look
        except Outage:
            LOG.warning("%s: the store is busy; looking again soon", what)
        except Exception as error:  # noqa: BLE001 - see above
            _log(what, error)
        return instead


class _Lane:
    """One run at work."""

    task: asyncio.Task[None]

    def __init__(self, desk: RunsDesk, workspace: str, sender: str) -> None:
        self.desk = desk
        self.workspace = workspace
        self.sender = sender
        self.wish = ""


class _Ear:
    """Hands events on to whoever listens by then: the office may open after its runs were taken up."""

    def __init__(self, worker: Worker, run: RunId) -> None:
        self._worker = worker
        self._run = run

    def hear(self, event: Event) -> None:
        for each in self._worker.listeners(self._run):
            each.hear(event)


def _log(what: str, error: Exception) -> None:
    """Log where it happened; messages of errors may hold rows and keys, so they stay out."""
    LOG.error("%s: %s\n%s", what, type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
