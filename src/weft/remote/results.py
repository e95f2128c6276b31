"""What a run on a server gave: outcomes to walk over, files to write, frames to go on with.

Knows the face of `weft.run`'s result and asks the server for each part of it anew. Refuses to hold
more of a run than a page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from weft.app.frames import pandas_frame, polars_frame
from weft.app.summaries import RunSummary, error_of, summarise
from weft.errors import WeftError
from weft.remote.runs import Runs
from weft.row import Outcome, RowState
from weft.run import Run

T = TypeVar("T")
AT_ONCE = 100  # that are fetched from the loop together
WITHOUT_ANSWER = (RowState.FAILED, RowState.REJECTED, RowState.SKIPPED)


class AsyncResult:
    """A run at rest and its rows; `async for` gives an `Outcome` per row, in the order of the table.

    Attributes:
        run: the run as it came to rest.
        notes: what was found or repaired while the table was opened.
    """

    def __init__(self, run: Run, runs: Runs, *, notes: tuple[str, ...] = ()) -> None:
        """Look at a run that came to rest."""
        self.run = run
        self.notes = notes
        self._runs = runs

    @property
    def summary(self) -> RunSummary:
        """Counts, tokens, cost and time."""
        return summarise(self.run)

    @property
    def error(self) -> WeftError | None:
        """What kept the run from finishing; `None` for a finished one."""
        return error_of(self.run)

    def raise_for_state(self) -> AsyncResult:
        """Return itself if the run finished.

        Raises:
            Halt, Outage, Refusal: what kept it from finishing; the run can be resumed.
        """
        if (error := self.error) is not None:
            raise error
        return self

    def __aiter__(self) -> AsyncIterator[Outcome]:
        return self._runs.rows(self.run.id)

    def __len__(self) -> int:
        return self.run.tally.total

    def __repr__(self) -> str:
        return _named(self)

    def failed(self) -> AsyncIterator[Outcome]:
        """Rows without an answer: failed, rejected and skipped ones, with their problems."""
        return self._runs.rows(self.run.id, states=WITHOUT_ANSWER)

    async def rows(self) -> AsyncIterator[dict[str, Any]]:
        """Every row as a mapping: its own cells, the answers' fields, exported computed fields."""
        columns, fields = self.run.spec.columns, self.run.spec.fields
        behind = len(columns) + len(fields)
        async for record in self._runs.records(self.run.id):
            names, values = list(record), list(record.values())
            cells = dict(zip(columns, values, strict=False))
            answered = dict(zip(fields, values[len(columns) :], strict=False))
            yield {**cells, **answered, **dict(zip(names[behind:], values[behind:], strict=True))}

    async def write(
        self, target: str | Path | BinaryIO, *, form: str = "", meta: bool = False, raw: bool = False
    ) -> Path | None:
        """Write the table with its answers; arguments and errors are those of `weft.run`'s result."""
        return await self._runs.export(self.run.id, target, form=form, meta=meta, raw=raw)

    async def to_pandas(self) -> Any:
        """A pandas frame of `rows()`, in memory.

        Raises:
            MissingExtra: if pandas is not installed.
        """
        rows = [each async for each in self.rows()]
        return pandas_frame(iter(rows), self._columns(rows))

    async def to_polars(self) -> Any:
        """A polars frame of `rows()`, in memory.

        Raises:
            MissingExtra: if polars is not installed.
        """
        rows = [each async for each in self.rows()]
        return polars_frame(iter(rows), self._columns(rows))

    def _columns(self, rows: list[dict[str, Any]]) -> list[str]:
        known = [*self.run.spec.columns, *self.run.spec.fields]
        return list(rows[0]) if rows else list(dict.fromkeys(known))


class Result:
    """A run at rest and its rows, for plain code; iterating gives an `Outcome` per row.

    Attributes:
        run: the run as it came to rest.
        notes: what was found or repaired while the table was opened.
    """

    def __init__(self, found: AsyncResult, wait: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        """Look at a run that came to rest.

        Args:
            found: the same for code with a loop.
            wait: runs something in the client's loop to its end.
        """
        self.run = found.run
        self.notes = found.notes
        self._found = found
        self._wait = wait

    @property
    def summary(self) -> RunSummary:
        """Counts, tokens, cost and time."""
        return self._found.summary

    @property
    def error(self) -> WeftError | None:
        """What kept the run from finishing; `None` for a finished one."""
        return self._found.error

    def raise_for_state(self) -> Result:
        """Return itself if the run finished.

        Raises:
            Halt, Outage, Refusal: what kept it from finishing; the run can be resumed.
        """
        self._found.raise_for_state()
        return self

    def __iter__(self) -> Iterator[Outcome]:
        return each_of(self._found.__aiter__(), self._wait)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return _named(self)

    def failed(self) -> Iterator[Outcome]:
        """Rows without an answer: failed, rejected and skipped ones, with their problems."""
        return each_of(self._found.failed(), self._wait)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row as a mapping: its own cells, the answers' fields, exported computed fields."""
        return each_of(self._found.rows(), self._wait)

    def write(
        self, target: str | Path | BinaryIO, *, form: str = "", meta: bool = False, raw: bool = False
    ) -> Path | None:
        """Write the table with its answers; arguments and errors are those of `weft.run`'s result."""
        path: Path | None = self._wait(self._found.write(target, form=form, meta=meta, raw=raw))
        return path

    def to_pandas(self) -> Any:
        """A pandas frame of `rows()`, in memory.

        Raises:
            MissingExtra: if pandas is not installed.
        """
        return self._wait(self._found.to_pandas())

    def to_polars(self) -> Any:
        """A polars frame of `rows()`, in memory.

        Raises:
            MissingExtra: if polars is not installed.
        """
        return self._wait(self._found.to_polars())


def each_of(source: AsyncIterator[T], wait: Callable[[Coroutine[Any, Any, Any]], Any]) -> Iterator[T]:
    """Walk from plain code over what comes in a loop, a handful at a time."""

    async def following() -> list[T]:
        found: list[T] = []
        async for each in source:
            found.append(each)
            if len(found) == AT_ONCE:
                break
        return found

    while found := wait(following()):
        yield from found


def _named(result: AsyncResult | Result) -> str:
    run, tally = result.run, result.run.tally
    return f"<Result of run {run.id}: {run.state.value}, {tally.answered} of {tally.total} rows answered>"
