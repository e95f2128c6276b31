"""Runs that have come so far, as figures and in a store, for tests of figures."""

from __future__ import annotations

from dataclasses import replace

from tests.contracts.errands import RANDOM, Errand, draft_row, draft_run

from weft.ids import new_run_id
from weft.money import Usd
from weft.row import RowState
from weft.run import RunFigures, RunState, Tally


def figures(template="review 1.0", *, model="local", state=RunState.FINISHED, created_at=1.0, **tally):
    """Figures of one run as a store would tell them."""
    return RunFigures(
        id=new_run_id(RANDOM), template=template, provider="local", model=model, state=state,
        created_at=created_at, elapsed_s=2.0, tally=Tally(**tally),
    )  # fmt: skip


async def kept_run(
    store, *, template="review 1.0", model="local", answered=1, failed=0, spent="0", created_at=1.0
):
    """A finished run in a store, all of its rows asked about in one call."""
    run = draft_run(created_at=created_at)
    run = replace(run, spec=replace(run.spec, template=template, model=model))
    await store.create_run(run)
    epoch = await store.take_over(run.id, owner="test", stale_after_s=0)
    errand = Errand(store, run, epoch)
    places = range(answered + failed)
    await store.add_rows(run.id, [draft_row(place, question=(run.id, place)) for place in places])
    errand.questions = {place: (run.id, place) for place in places}
    for state in (RunState.QUEUED, RunState.RUNNING):
        await store.move_run(run.id, state, epoch=epoch)
    ends = [errand.end(place, RowState.ANSWERED if place < answered else RowState.FAILED) for place in places]
    await errand.settled(*places, ends=ends, cost=Usd.of(spent))
    await store.move_run(run.id, RunState.FINISHED, epoch=epoch)
    await store.let_go(run.id, epoch=epoch)
    return await store.run(run.id)
