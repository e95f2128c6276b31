"""`weft.run`, `weft.run_async`, `weft.estimate`: the three things that most people need from Python.

Knows how arguments become a request and settings, and how to wait for a run from plain code.
Refuses to do anything that the desk does not: this is a door like the command line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, Unpack

from weft.app.arguments import RowArguments, RunArguments, Sorted, sort_arguments
from weft.app.exporting import check_target
from weft.app.opening import look_around
from weft.app.results import Result
from weft.app.stores import Stores
from weft.app.weft import Weft
from weft.kit.interpreter import tuned
from weft.run import Estimate, Run, RunState

T = TypeVar("T")

IN_MEMORY = "memory://"
"""Stores that end with the house: a result keeps such a one."""


def run(table: Any, template: str | None = None, **arguments: Unpack[RunArguments]) -> Result:
    """Run one prompt over every row of a table, and wait for the end.

    Reads `weft.toml` and `WEFT_*` like the command line; arguments win over both. The run is kept
    in the store: the same call again asks nobody twice, and goes on where an earlier one stopped.

    >>> import weft
    >>> rows = [{"body": "The app crashes at start"}, {"body": "I was charged twice"}]
    >>> result = weft.run(
    ...     rows,
    ...     prompt="What is this ticket about? {{ body }}",
    ...     fields=["topic: enum[crash,charge] = what the ticket is about"],
    ...     model="local",
    ...     store="memory://",
    ... )
    >>> [outcome.answer["topic"] for outcome in result]
    ['crash', 'charge']
    >>> result.summary.calls, result.summary.success_rate
    (1, 1.0)

    Args:
        table: a path, an iterable of mappings, or a pandas or polars frame.
        template: key or path of a template; leave it out for a quick prompt.
        arguments: `prompt` and `fields` (lines, or name → definition) for a quick prompt; `map`
            (input → column, or lines), `limit`, `fresh`, `name`, `encoding`, `delimiter`, `sheet`,
            `ragged` for the table; `out`, `meta`, `raw` to write a file at the end; `provider`,
            `transport`, `listeners` to replace parts of the house; and every setting by its name,
            such as `model`, `budget_usd`, `rows_per_call`.

    Returns:
        The result, also where the run did not finish or rows failed: see `Result.error` and
        `Result.raise_for_state`.

    Raises:
        Mistake: what you asked for cannot be done as asked; nothing was asked of a model.
        RuntimeError: inside a running event loop; there, `await weft.run_async(...)`.
    """
    return _wait(partial(run_async, table, template, **arguments), "await weft.run_async(...)")


async def run_async(table: Any, template: str | None = None, **arguments: Unpack[RunArguments]) -> Result:
    """Run one prompt over every row of a table; arguments and errors are those of `run`.

    When the task is cancelled, the run stays as it is in the store, and the same call goes on.
    """
    asked = sort_arguments(arguments)
    request, export = asked.request(table, template), asked.export()
    if export is not None:
        check_target(export, table if isinstance(table, str | Path) else None)
    house = _open(asked)
    try:
        with tuned():
            errand = await house.runs.prepare(request)
            done = await house.runs.walk(errand, asked.listeners)
            if export is not None and is_complete(done):
                house.runs.export(done, export)
    except BaseException:
        await house.close()
        raise
    if house.settings.store.startswith(IN_MEMORY):
        return Result(done, stores=house.borrow_stores, notes=errand.notes)
    await house.close()
    return Result(done, stores=partial(Stores, house.settings, clock=house.clock), notes=errand.notes)


def estimate(
    table: Any, template: str | None = None, *, per_row: bool = False, **arguments: Unpack[RowArguments]
) -> Estimate:
    """Project what a run would take; asks nobody and writes nothing.

    >>> import weft
    >>> rows = [{"body": "one"}, {"body": "two"}, {"body": "two"}]
    >>> found = weft.estimate(rows, prompt="{{ body }}", fields=["tone: enum[calm,angry]"], model="local")
    >>> found.rows, found.twins, found.calls
    (3, 1, 1)

    Args:
        table: as for `run`, like all other arguments.
        template: likewise.
        per_row: also list every row's share; memory then grows with the table.
        arguments: as for `run`, without those about writing.

    Raises:
        Mistake: what you asked for cannot be done as asked.
        RuntimeError: inside a running event loop; there, use the desk: `Weft().runs.estimate(...)`.
    """
    asked = sort_arguments(arguments)

    async def look() -> Estimate:
        async with _open(asked) as house:
            return await house.runs.estimate(asked.request(table, template), per_row=per_row)

    return _wait(look, "await Weft().runs.estimate(...)")


def is_complete(run: Run) -> bool:
    """Whether a run has something to write at its end: finished, or stopped with some answers."""
    return run.state is RunState.FINISHED or (
        run.state in {RunState.STOPPED, RunState.CANCELLED} and run.tally.answered > 0
    )


def _open(asked: Sorted) -> Weft:
    return Weft(look_around(keywords=asked.settings), provider=asked.provider, transport=asked.transport)


def _wait(start: Callable[[], Coroutine[Any, Any, T]], instead: str) -> T:
    """Run to the end from plain code.

    Raises:
        RuntimeError: inside a running event loop, which this would block.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(start())
    raise RuntimeError(f"an event loop is running here and would be blocked; use `{instead}`")
