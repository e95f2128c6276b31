"""What a run gave, for Python: outcomes to walk over, files to write, frames to go on with.

Knows how to look into the store again after the house was closed. Refuses to know how a run goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO, TypeVar

from weft.app.deriving import Derived, derived_of
from weft.app.exporting import ExportRequest, check_target, rows_for, write_export
from weft.app.frames import pandas_frame, polars_frame
from weft.app.stores import Stores
from weft.app.summaries import RunSummary, error_of, summarise
from weft.errors import WeftError
from weft.protocols import Store
from weft.row import Outcome, RowState
from weft.run import Run
from weft.tables.writing import Layout

T = TypeVar("T")


class Result:
    """A run at rest and its rows; iterating gives an `Outcome` per row, in the order of the table.

    Nothing is held in memory or open: every walk opens the store, reads it, and closes it.

    Attributes:
        run: the run as it came to rest.
        notes: what was found or repaired while the table was opened.
    """

    def __init__(self, run: Run, *, stores: Callable[[], Stores], notes: tuple[str, ...] = ()) -> None:
        """Look at a run that came to rest.

        Args:
            stores: opens the store that the run is in; what it gives is closed after each look.
        """
        self.run = run
        self.notes = notes
        self._stores = stores

    @property
    def summary(self) -> RunSummary:
        """Counts, tokens, cost and time."""
        return summarise(self.run)

    @property
    def error(self) -> WeftError | None:
        """What kept the run from finishing; `None` for a finished one.

        Rows that failed or were rejected are no error of the run; `failed()` lists them.
        """
        return error_of(self.run)

    def raise_for_state(self) -> Result:
        """Return itself if the run finished.

        Raises:
            Halt, Outage, Refusal: what kept it from finishing; the run can be resumed.
        """
        error = self.error
        if error is not None:
            raise error
        return self

    def __iter__(self) -> Iterator[Outcome]:
        return self._outcomes(())

    def __len__(self) -> int:
        return self.run.tally.total

    def __repr__(self) -> str:
        tally = self.run.tally
        return f"<Result of run {self.run.id}: {self.run.state.value}, {tally.answered} of {tally.total} rows answered>"

    def failed(self) -> Iterator[Outcome]:
        """Rows without an answer: failed, rejected and skipped ones, with their problems."""
        states = (RowState.FAILED, RowState.REJECTED, RowState.SKIPPED)
        return self._outcomes(states)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row as a mapping: its own cells, the answers' fields, exported computed fields.

        `None` stands for the answer that a row has not got, and for computed fields of a row that
        does not fit the template. An answer's field called like a column takes its place; a
        computed field called like either is `weft.` and its name, as in an exported file.
        """
        blank = dict.fromkeys(self.run.spec.fields)
        derived = derived_of(self.run.spec)
        if not derived.names:
            for outcome in self:
                yield {**outcome.cells, **blank, **(outcome.answer or {})}
            return
        names, columns = self._columns(derived)[-len(derived.names) :], self.run.spec.columns
        for outcome in self:
            computed = derived.values([outcome.cells.get(column) for column in columns])
            answered = {**blank, **(outcome.answer or {})}
            yield {**outcome.cells, **answered, **dict(zip(names, computed, strict=True))}

    def write(
        self, target: str | Path | BinaryIO, *, form: str = "", meta: bool = False, raw: bool = False
    ) -> Path | None:
        """Write the table with its answers; the ending of the path chooses the format.

        Args:
            target: a path, or an open binary stream.
            form: name of the format; empty = by the ending, CSV for a stream.
            meta: append columns with facts about each row.
            raw: leave cells alone that a spreadsheet would run as formulas.

        Returns:
            The path; `None` for a stream.

        Raises:
            RunBusy: if rows still wait.
            UnwritableFile: if the file cannot be written; an old one is as it was.
        """
        request = ExportRequest(target=target, form=form, meta=meta, raw=raw)
        check_target(request, self.run.spec.table)
        rows = self._read(lambda store: rows_for(request, store, self.run.id))
        return write_export(self.run, rows, request).path

    def to_pandas(self) -> Any:
        """A pandas frame of `rows()`; the only method that holds the whole table in memory.

        Raises:
            MissingExtra: if pandas is not installed.
        """
        return pandas_frame(self.rows(), self._columns(derived_of(self.run.spec)))

    def to_polars(self) -> Any:
        """A polars frame of `rows()`; likewise in memory.

        Raises:
            MissingExtra: if polars is not installed.
        """
        return polars_frame(self.rows(), self._columns(derived_of(self.run.spec)))

    def _outcomes(self, states: Sequence[RowState]) -> Iterator[Outcome]:
        return self._read(lambda store: store.outcomes(self.run.id, states=states))

    def _read(self, look: Callable[[Store], Iterator[T]]) -> Iterator[T]:
        stores = self._stores()
        try:
            yield from look(stores.reading())
        finally:
            # Closing is a coroutine; a thread of its own can wait for it inside a running loop too.
            closing = Thread(target=lambda: asyncio.run(stores.close()), name="weft-closing")
            closing.start()
            closing.join()

    def _columns(self, derived: Derived) -> Sequence[str]:
        """The keys of `rows()` in their order."""
        taken = tuple(dict.fromkeys([*self.run.spec.columns, *self.run.spec.fields]))
        return Layout(columns=taken, fields=derived.names).header
