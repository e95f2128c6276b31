"""`weft.run`, `weft.run_async`, `weft.estimate` from Python."""

from __future__ import annotations

import asyncio
import doctest

import pandas as pd
import polars as pl
import pytest
from tests.unit.app.conftest import QUICK, ROWS

import weft
from weft.app import calling
from weft.errors import BadSetting, MissingColumn, Mistake, NotAuthorised, UnreadableTable
from weft.events import RunEnded, RunStarted
from weft.money import Usd
from weft.row import RowState
from weft.run import RunState
from weft.testing.scripted import ScriptedProvider


@pytest.mark.parametrize(
    "make",
    [list, tuple, iter, pd.DataFrame, pl.DataFrame],
    ids=["list", "tuple", "iterator", "pandas", "polars"],
)
def test_rows_may_come_in_any_form(provider, make) -> None:
    """A path is not needed: lists, iterators and frames are tables too."""
    result = weft.run(make(ROWS), provider=provider, **QUICK)

    assert [outcome.answer for outcome in result] == [{"tone": "calm"}] * 5
    assert [outcome.cells["id"] for outcome in result] == [0, 1, 2, 3, 4]


def test_result_counts_and_lists(provider) -> None:
    """The result knows the run, its counts, and merges rows with answers."""
    result = weft.run(ROWS, provider=provider, **QUICK)

    assert result.run.state is RunState.FINISHED
    assert len(result) == result.summary.total == 5
    assert result.summary.spent == provider.billed_usd > 0
    assert next(result.rows()) == {"id": 0, "body": "message 0", "tone": "calm"}
    assert "5 of 5 rows answered" in repr(result)
    assert result.raise_for_state() is result


def test_result_becomes_frames(provider) -> None:
    """A result goes on as a pandas or polars frame, columns in the order of an export."""
    result = weft.run(ROWS, provider=provider, **QUICK)

    assert list(result.to_pandas().columns) == result.to_polars().columns == ["id", "body", "tone"]
    assert result.to_polars()["tone"].to_list() == ["calm"] * 5


def test_same_call_again_asks_nobody(provider, folder) -> None:
    """B13: the second call recalls every answer and writes the same bytes."""
    weft.run(ROWS, provider=provider, out="one.csv", **QUICK)
    result = weft.run(ROWS, provider=provider, out="two.csv", **QUICK)

    assert provider.requests == 1
    assert result.summary.recalled == 5
    assert (folder / "one.csv").read_bytes() == (folder / "two.csv").read_bytes()


def test_result_writes_later(provider, folder) -> None:
    """A result can be written as often as one likes, in any format."""
    result = weft.run(ROWS, provider=provider, **QUICK)

    assert result.write("o.jsonl", meta=True) == folder.joinpath("o.jsonl").relative_to(folder)
    assert '"state":"answered"' in (folder / "o.jsonl").read_text(encoding="utf-8").replace('": "', '":"')


def test_store_in_memory_stays_with_the_result(provider, folder) -> None:
    """A store in memory lives as long as the result and leaves nothing on disk."""
    result = weft.run(ROWS, provider=provider, store="memory://", **QUICK)

    assert sum(1 for _ in result) == sum(1 for _ in result) == 5
    assert list(folder.iterdir()) == []


def test_failed_rows_are_listed() -> None:
    """Rows without an answer are no exception: they are listed with their problems."""
    provider = ScriptedProvider(lambda found: {"tone": "calm" if "2" not in str(found) else "furious"})

    result = weft.run(ROWS, provider=provider, **QUICK)

    assert result.error is None
    assert [(each.place, each.state) for each in result.failed()] == [(2, RowState.FAILED)]
    assert next(result.failed()).problem


def test_run_that_stops_is_returned() -> None:
    """Trouble with the provider is in the result; `raise_for_state` turns it into an exception."""

    def refuse(found):
        raise NotAuthorised("The key was refused.", hint="check it.")

    result = weft.run(ROWS, provider=ScriptedProvider(refuse), out="o.csv", **QUICK)

    assert result.run.state is RunState.PAUSED
    with pytest.raises(NotAuthorised, match="The key was refused"):
        result.raise_for_state()


def test_budget_stops_before_the_call(provider) -> None:
    """P10, T36: over the budget nothing is asked; a larger one goes on with the same run."""
    stopped = weft.run(ROWS, provider=provider, budget_usd=0, **QUICK)

    assert stopped.run.reason == "budget_exceeded"
    assert provider.requests == 0

    done = weft.run(ROWS, provider=provider, budget_usd="1", **QUICK)

    assert done.run.id == stopped.run.id
    assert done.run.state is RunState.FINISHED
    assert done.run.tally.spent <= Usd.of(1)


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({**QUICK, "rpn": 3}, BadSetting, "no argument `rpn`"),
        ({**QUICK, "rpm": "fast"}, BadSetting, "`rpm` is 'fast'"),
        ({"template": "topic_review"}, MissingColumn, "`category`"),
        ({}, Mistake, "Neither a template nor a prompt"),
        ({**QUICK, "map": {"body": "Text"}}, Mistake, "`Text`"),
    ],
)
def test_mistakes_raise_before_any_call(provider, folder, arguments, kind, words) -> None:
    """A mistake raises before anything is asked or written."""
    with pytest.raises(kind, match=words):
        weft.run(ROWS, provider=provider, **arguments)

    assert provider.requests == 0
    assert list(folder.iterdir()) == []


def test_no_table_is_told() -> None:
    """What is no table is refused in one sentence."""
    with pytest.raises(UnreadableTable, match="is no table"):
        weft.run(3, model="local", **QUICK)


def test_mappings_stand_for_lines(provider, folder) -> None:
    """Fields and mapping may be given as mappings."""
    (folder / "own.md").write_text(
        "---\nname: x\nversion: 1.0.0\ninputs: {body: {}}\nanswers: {tone: string}\n---\n{{ body }}\n",
        encoding="utf-8",
    )

    quick = weft.run(
        ROWS, prompt="{{ body }}", fields={"tone": "enum[calm,angry] = how it sounds"}, provider=provider
    )
    mapped = weft.run([{"Text": "a"}], folder / "own.md", map={"body": "Text"}, provider=provider)

    assert next(iter(quick)).answer == next(iter(mapped)).answer == {"tone": "calm"}


async def test_async_run_works_in_a_loop(provider) -> None:
    """`run_async` waits inside a loop, and its result can be read there."""
    result = await weft.run_async(ROWS, provider=provider, **QUICK)

    assert [outcome.state for outcome in result] == [RowState.ANSWERED] * 5


async def test_run_refuses_inside_a_loop(provider) -> None:
    """`run` would block the loop, so it refuses and names `run_async`."""
    with pytest.raises(RuntimeError, match=r"await weft\.run_async"):
        weft.run(ROWS, provider=provider, **QUICK)
    with pytest.raises(RuntimeError, match=r"runs\.estimate"):
        weft.estimate(ROWS, provider=provider, **QUICK)


def test_cancelled_task_can_be_taken_up(provider) -> None:
    """A cancelled `run_async` leaves the run in order; the same call goes on at once."""
    provider.latency_s = 0.0

    async def cancel() -> None:
        task = asyncio.ensure_future(weft.run_async(ROWS, provider=provider, **QUICK))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())

    assert weft.run(ROWS, provider=provider, **QUICK).run.state is RunState.FINISHED


def test_listeners_hear_the_run(provider) -> None:
    """Listeners hear events in order."""
    heard = []

    class Ear:
        def hear(self, event):
            heard.append(type(event))

    weft.run(ROWS, provider=provider, listeners=[Ear()], **QUICK)

    assert RunStarted in heard
    assert heard[-1] is RunEnded


def test_estimate_counts_identical_rows(provider, folder) -> None:
    """P12, P41, W51: identical rows are projected once; nothing is asked or written, so no run counts it."""
    found = weft.estimate([*ROWS, ROWS[0]], provider=provider, per_row=True, **QUICK)

    assert (found.rows, found.calls) == (6, 1)
    assert provider.requests == 0
    assert list(folder.iterdir()) == []


def test_examples_in_docstrings_run() -> None:
    """The examples that people see in help() are true."""
    failed, tried = doctest.testmod(calling)

    assert (failed, tried > 0) == (0, True)
