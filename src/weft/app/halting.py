"""Bringing runs to rest that somebody else walks, or nobody any more.

Knows that whoever is at work on a run hears a wish with its next sign of life, in any process and on
any machine, and that a run may only be ended when no call of it is open. Refuses to know why.
"""

from __future__ import annotations

from random import Random

from weft.app.planning import Planner
from weft.engine.runner import STALE_AFTER_S, Runner
from weft.engine.trip import Gear
from weft.ids import RunId
from weft.kit.clocks import Clock
from weft.protocols import Store
from weft.run import Run, RunState, Wish

UNENDED = frozenset({RunState.DRAFTED, RunState.HELD, RunState.QUEUED, RunState.RUNNING, RunState.PAUSED})
"""States of a run that can still be cancelled."""
HEARD_S = 10.0  # two beats: by then whoever is at work has heard, and sends nothing more
LOOK_S = 0.25  # between two looks whether it has come to rest
CANCELLED = "The run was cancelled."


class Owned:
    """A run that is ours for a few changes; raises RunBusy where somebody is at work on it."""

    def __init__(self, store: Store, run: RunId, owner: str) -> None:
        """Take nothing yet.

        Args:
            owner: a name that no other process has.
        """
        self._store, self._run, self._owner = store, run, owner
        self._epoch = 0

    async def __aenter__(self) -> tuple[Store, int]:
        self._epoch = await self._store.take_over(self._run, owner=self._owner, stale_after_s=STALE_AFTER_S)
        return self._store, self._epoch

    async def __aexit__(self, *error: object) -> None:
        await self._store.let_go(self._run, epoch=self._epoch)


async def halt(store: Store, run: RunId, wish: Wish, *, clock: Clock) -> bool:
    """Have whoever is at work on a run bring it to rest.

    Returns:
        Whether nobody is at work on it any more; False if answers in flight still take their time.
        The wish stays written down then, and is kept whoever takes the run up next.
    """
    give_up = clock.monotonic() + HEARD_S
    while await store.wish(run, wish):
        if clock.monotonic() >= give_up:
            return False
        await clock.sleep(LOOK_S)
    return True


async def end(run: Run, store: Store, planner: Planner, *, clock: Clock, random: Random, owner: str) -> None:
    """Cancel a run that nobody walks, unless it has ended in another way.

    Calls that an earlier life left open come to rest first: a reply that is there is settled, what may
    have been billed counts as spent. Asks nobody.

    Raises:
        RunBusy: if somebody takes the run up at this very moment.
        ChangedSpec: if replies are there that this version of weft would read differently.
    """
    if run.state not in UNENDED:
        return
    if await store.open_calls(run.id):
        prompter, provider = planner.again(run.spec, asks=False)
        settings = planner.settings_again(run.spec)
        gear = Gear(
            prompter=prompter,
            provider=provider,
            store=store,
            settings=settings,
            clock=clock,
            random=random,
            owner=owner,
        )
        runner = Runner(run, gear)
        runner.cancel()  # before it starts: it ends what was left open, and goes no further
        try:
            await runner.walk()
        finally:
            await provider.close()
        return
    async with Owned(store, run.id, owner) as (_, epoch):
        await store.skip_waiting(run.id, epoch=epoch, code=Wish.CANCEL.reason, problem=CANCELLED)
        await store.move_run(
            run.id, RunState.CANCELLED, epoch=epoch, reason=Wish.CANCEL.reason, message=CANCELLED
        )
