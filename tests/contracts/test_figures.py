"""Figures of runs as every store tells them, over every engine."""

from __future__ import annotations

import pytest
from tests.contracts.errands import Errand, draft_run
from tests.contracts.stores import WAYS, open_store
from tests.unit.metrics.runs import kept_run

from weft.money import Usd
from weft.run import RunState
from weft.store import figures as pages


@pytest.fixture(params=WAYS)
async def store(request, tmp_path):
    """A new, empty store of every engine, in both ways of writing."""
    store = open_store(request.param, tmp_path)
    yield store
    await store.close()


async def test_figures_are_those_of_the_run(store):
    """T09: template, model, state, time and every count are those that the run itself tells."""
    run = await kept_run(
        store, template="review 1.0", model="m", answered=2, failed=1, spent="0.3", created_at=7.5
    )

    (found,) = store.figures()

    assert (found.id, found.template, found.provider, found.model) == (run.id, "review 1.0", "local", "m")
    assert (found.state, found.created_at, found.elapsed_s) == (RunState.FINISHED, 7.5, run.elapsed_s)
    assert found.tally == run.tally
    assert found.tally.spent == Usd.of("0.3")


async def test_figures_of_runs_at_work_are_counted(store):
    """A run that is under way counts with what it has reached."""
    errand = await Errand.begin(store, rows=6)
    await errand.settled(0, 1)

    (found,) = store.figures()

    assert (found.state, found.tally.answered, found.tally.waiting) == (RunState.RUNNING, 2, 4)


async def test_figures_keep_to_their_window(store):
    """Runs are told from `since` on and before `until`, in the order in which they were created."""
    for at in (10.0, 20.0, 30.0):
        await store.create_run(draft_run(created_at=at))

    assert [each.created_at for each in store.figures()] == [10, 20, 30]
    assert [each.created_at for each in store.figures(since=20)] == [20, 30]
    assert [each.created_at for each in store.figures(since=10, until=30)] == [10, 20]


async def test_figures_are_read_page_by_page(store, monkeypatch):
    """More runs than one page are all told, once each."""
    monkeypatch.setattr(pages, "PAGE", 2)
    made = [draft_run() for _ in range(5)]
    for run in made:
        await store.create_run(run)

    assert [each.id for each in store.figures()] == [run.id for run in made]


async def test_odd_templates_are_told_as_they_are(store):
    """A template's title is told letter for letter, whatever is in the text of a spec."""
    odd = 'x"y\\z \u2603 1.0'
    await kept_run(store, template=odd)

    assert [each.template for each in store.figures()] == [odd]
