"""The same desk for plain code: each question waits for its answer.

Knows a loop in a thread of its own, in which every question is asked. Refuses to be used where a
loop runs already, which it would block.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar, Unpack

from weft.app.arguments import RowArguments, RunArguments
from weft.remote.client import LOCAL, AsyncClient
from weft.remote.library import Prices, Templates
from weft.remote.results import AsyncResult, Result, each_of
from weft.remote.runs import Runs
from weft.remote.shapes import Handed
from weft.remote.tables import Tables
from weft.row import Outcome, RowState
from weft.run import Estimate, Run

T = TypeVar("T")


class Client:
    """A server's desk for plain code; `with` closes it, and so does the end of the program.

    Attributes:
        runs, tables, templates, prices: what can be asked about each.
        url: of the server.
    """

    def __init__(self, url: str = LOCAL, *, token: str = "", workspace: str = "") -> None:
        """Prepare to ask a server; arguments and errors are those of `AsyncClient`."""
        self._asked = AsyncClient(url, token=token, workspace=workspace)
        self._behind = _Behind(self._asked.close)
        self.url = self._asked.url
        self.runs = PlainRuns(self._asked.runs, self._behind)
        self.tables = PlainTables(self._asked.tables, self._behind)
        self.templates = PlainTemplates(self._asked.templates, self._behind)
        self.prices = PlainPrices(self._asked.prices, self._behind)

    def run(
        self,
        table: Any,
        template: str | None = None,
        *,
        lane: str = "usual",
        **arguments: Unpack[RunArguments],
    ) -> Result:
        """Run one prompt over every row of a table on the server; as `AsyncClient.run`.

        Raises:
            RuntimeError: inside a running event loop; there, use `weft.AsyncClient`.
        """
        found: AsyncResult = self._behind.wait(self._asked.run(table, template, lane=lane, **arguments))
        return Result(found, self._behind.wait)

    def estimate(
        self,
        table: Any,
        template: str | None = None,
        *,
        per_row: bool = False,
        **arguments: Unpack[RowArguments],
    ) -> Estimate:
        """Project what a run would take on the server; as `AsyncClient.estimate`."""
        return self._behind.wait(self._asked.estimate(table, template, per_row=per_row, **arguments))

    def close(self) -> None:
        """Let go of connections; harmless when repeated."""
        self._behind.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Behind:
    """A loop in a thread of its own, for as long as anybody may still ask in it.

    Attributes:
        close: does one last thing in the loop and ends the thread; harmless when repeated.
    """

    def __init__(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._running: list[tuple[asyncio.AbstractEventLoop, Thread]] = []
        self.close = weakref.finalize(self, _end, self._running, last)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the loop and wait for it.

        Raises:
            RuntimeError: inside a running event loop.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            work.close()
            raise RuntimeError("an event loop is running here and would be blocked; use `weft.AsyncClient`")
        if not self._running:
            loop = asyncio.new_event_loop()
            thread = Thread(target=loop.run_forever, name="weft-client", daemon=True)
            thread.start()
            self._running.append((loop, thread))
        future = asyncio.run_coroutine_threadsafe(work, self._running[0][0])
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C: nobody waits for the answer any more
            raise


def _end(
    running: list[tuple[asyncio.AbstractEventLoop, Thread]], last: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    while running:
        loop, thread = running.pop()
        asyncio.run_coroutine_threadsafe(last(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class PlainRuns:
    """Runs of the server: look at them, hold them, let them go on, write them to files."""

    def __init__(self, runs: Runs, behind: _Behind) -> None:
        """Ask in this loop."""
        self._runs = runs
        self._behind = behind

    def list(self, *, limit: int = 50) -> list[Run]:
        """The newest runs first, those of the server's command line too."""
        return self._behind.wait(self._runs.list(limit=limit))

    def get(self, run: str) -> Run:
        """How a run stands; UnknownName if there is none."""
        return self._behind.wait(self._runs.get(run))

    def wait(self, run: str) -> Run:
        """Wait until a run rests: finished, stopped, cancelled, paused, or still a draft."""
        return self._behind.wait(self._runs.wait(run))

    def start(self, run: str) -> Run:
        """Let a run start that was handed in as a draft; harmless when repeated."""
        return self._behind.wait(self._runs.start(run))

    def pause(self, run: str) -> Run:
        """Pause a run; answers in flight are awaited and kept."""
        return self._behind.wait(self._runs.pause(run))

    def resume(self, run: str, **budget: Any) -> Run:
        """Let a run go on; `budget_usd` and `budget_tokens` take the place of those that it has."""
        return self._behind.wait(self._runs.resume(run, **budget))

    def cancel(self, run: str) -> Run:
        """End a run; answers in flight are kept, the other rows are skipped."""
        return self._behind.wait(self._runs.cancel(run))

    def retry(self, run: str, *, place: int | None = None) -> Run:
        """Ask again about every row that has failed, or about the one at a place."""
        return self._behind.wait(self._runs.retry(run, place=place))

    def rows(self, run: str, *, states: Sequence[RowState | str] = (), text: str = "") -> Iterator[Outcome]:
        """How rows stand, in the order of the table, page by page; by state and text."""
        return each_of(self._runs.rows(run, states=states, text=text), self._behind.wait)

    def story(self, run: str, place: int) -> tuple[Outcome, Sequence[Mapping[str, Any]]]:
        """How one row stands, and every call that carried it, oldest first, as plain values."""
        return self._behind.wait(self._runs.story(run, place))

    def export(
        self, run: str, target: str | Path | BinaryIO, *, partial: bool = False, **how: Any
    ) -> Path | None:
        """Write a run's rows to a file or a binary stream; as `Runs.export`."""
        return self._behind.wait(self._runs.export(run, target, partial=partial, **how))

    def records(self, run: str) -> Iterator[Mapping[str, Any]]:
        """Every row as it is exported: the columns of the table, answers, computed fields."""
        return each_of(self._runs.records(run), self._behind.wait)


class PlainTables:
    """Tables of the server: hand them over, look at them, forget them."""

    def __init__(self, tables: Tables, behind: _Behind) -> None:
        """Ask in this loop."""
        self._tables = tables
        self._behind = behind

    def upload(self, path: str | Path, *, name: str = "", **reading: str) -> Handed:
        """Hand a file over, streamed; `encoding`, `delimiter`, `sheet` and `ragged` say how to read it."""
        return self._behind.wait(self._tables.upload(path, name=name, **reading))

    def list(self, *, limit: int = 50) -> Sequence[Handed]:
        """The tables that were handed over, the newest first."""
        return self._behind.wait(self._tables.list(limit=limit))

    def get(self, table: str) -> Handed:
        """What is known about a table; UnknownName if there is none."""
        return self._behind.wait(self._tables.get(table))

    def preview(self, table: str, *, rows: int = 10, **reading: str) -> Mapping[str, Any]:
        """The first rows as plain values, as the table is read or as it would be by these choices."""
        return self._behind.wait(self._tables.preview(table, rows=rows, **reading))

    def rename(self, table: str, name: str) -> Handed:
        """Give a table another name of the same format."""
        return self._behind.wait(self._tables.rename(table, name))

    def forget(self, table: str) -> None:
        """Remove a table; runs that have read it keep its rows."""
        self._behind.wait(self._tables.forget(table))


class PlainTemplates:
    """Templates of the server, as plain values."""

    def __init__(self, templates: Templates, behind: _Behind) -> None:
        """Ask in this loop."""
        self._templates = templates
        self._wait = behind.wait

    def list(self, *, tag: str = "") -> Sequence[Mapping[str, Any]]:
        """Every template by key, or those with a tag; one that is wrong is listed with the reason."""
        return self._wait(self._templates.list(tag=tag))

    def get(self, ref: str) -> Mapping[str, Any]:
        """A template's inputs, answers and text."""
        return self._wait(self._templates.get(ref))

    def card(self, ref: str) -> Mapping[str, Any]:
        """A template with its versions, aliases, what is known about it, and a rendered row."""
        return self._wait(self._templates.card(ref))

    def lint(self, ref: str) -> Sequence[Mapping[str, Any]]:
        """Every problem of a template with its place, or else advice about it."""
        return self._wait(self._templates.lint(ref))

    def diff(self, ref: str, after: str = "") -> Mapping[str, Any]:
        """What differs between two versions."""
        return self._wait(self._templates.diff(ref, after))

    def preview(
        self, ref: str, rows: Sequence[Mapping[str, Any]] | None = None, *, limit: int = 3
    ) -> Mapping[str, Any]:
        """What a model would be given for rows, or for the template's own samples; asks nobody."""
        return self._wait(self._templates.preview(ref, rows, limit=limit))

    def clone(self, ref: str, *, key: str = "", version: str = "") -> Mapping[str, Any]:
        """Copy a template into the server's own folder as another version."""
        return self._wait(self._templates.clone(ref, key=key, version=version))

    def commit(
        self, ref: str, message: str, *, author: str = "", tags: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        """Make a version immutable."""
        return self._wait(self._templates.commit(ref, message, author=author, tags=tags))

    def alias(self, key: str, alias: str, *, version: str = "") -> Mapping[str, Any]:
        """Let `key@alias` mean one committed version; empty = the latest."""
        return self._wait(self._templates.alias(key, alias, version=version))


class PlainPrices:
    """What models charge, as the server knows it."""

    def __init__(self, prices: Prices, behind: _Behind) -> None:
        """Ask in this loop."""
        self._prices = prices
        self._behind = behind

    def list(self, matching: str = "") -> Sequence[Mapping[str, Any]]:
        """Prices in exact dollars per million tokens, with source and date; `None` is unknown."""
        return self._behind.wait(self._prices.list(matching))
