"""Runs of a server: list, look at, pause, resume, cancel, ask again, wait for, export.

Knows the addresses of runs and how a run is waited for. Refuses to know how one is handed in
(`handing.py`) and files (`writing.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from weft.app.exporting import ExportRequest, check_target, format_of
from weft.errors import Disconnected
from weft.kit import plain_json
from weft.remote._wire import Ask, Wire
from weft.remote.shapes import outcome_of, run_of
from weft.remote.writing import write_pieces
from weft.row import Outcome, RowState
from weft.run import Run, RunState

FIRST_LOOK_S, LONGEST_LOOK_S = 0.05, 1.0  # between two looks whether a run has come to rest
TRIES = 5  # at an export whose connection breaks off
MOVING = frozenset({RunState.QUEUED, RunState.RUNNING})
"""States of a run that comes to rest by itself; one that was drafted waits for `start`."""


class Runs:
    """Everything that can be asked about runs of a server."""

    def __init__(self, wire: Wire) -> None:
        """Ask over this wire."""
        self._wire = wire

    async def list(self, *, limit: int = 50) -> list[Run]:
        """The newest runs first, those of the server's command line too."""
        return [run_of(each) async for each in self._wire.entries("/runs", "runs", most=limit)]

    async def get(self, run: str) -> Run:
        """How a run stands.

        Raises:
            UnknownName: if there is none.
        """
        return run_of(await self._wire.ask(Ask(method="GET", path=f"/runs/{run}")))

    async def wait(self, run: str) -> Run:
        """Wait until a run rests: finished, stopped, cancelled, paused, or still a draft.

        A server that is started again meanwhile is waited for.
        """
        pause = FIRST_LOOK_S
        while (found := await self.get(run)).state in MOVING:
            await self._wire.clock.sleep(pause)
            pause = min(pause * 1.5, LONGEST_LOOK_S)
        return found

    async def start(self, run: str) -> Run:
        """Let a run start that was handed in as a draft; harmless when repeated."""
        return await self._tell(run, "start", is_repeatable=True)

    async def pause(self, run: str) -> Run:
        """Pause a run; answers in flight are awaited and kept."""
        return await self._tell(run, "pause", is_repeatable=True)

    async def resume(self, run: str, **budget: Any) -> Run:
        """Let a run go on that was paused, stopped or cancelled; skipped rows wait again.

        Args:
            run: which one.
            budget: `budget_usd`, `budget_tokens` in place of those that it has; `None` = no limit.
        """
        if budget.get("budget_usd") is not None:
            budget["budget_usd"] = str(budget["budget_usd"])
        return await self._tell(run, "resume", content=budget)

    async def cancel(self, run: str) -> Run:
        """End a run; answers in flight are kept, the other rows are skipped."""
        return await self._tell(run, "cancel", is_repeatable=True)

    async def retry(self, run: str, *, place: int | None = None) -> Run:
        """Ask again about every row that has failed, or about the one at a place."""
        return await self._tell(run, "retries" if place is None else f"rows/{place}/retries")

    async def rows(
        self, run: str, *, states: Sequence[RowState | str] = (), text: str = ""
    ) -> AsyncIterator[Outcome]:
        """How rows stand, in the order of the table, page by page.

        Args:
            run: which one.
            states: only rows in these; empty = all.
            text: only rows that hold this text in a cell or an answer.
        """
        query = {"state": [str(each) for each in states], "text": text}
        async for each in self._wire.entries(f"/runs/{run}/rows", "rows", query=query):
            yield outcome_of(each)

    async def story(self, run: str, place: int) -> tuple[Outcome, Sequence[Mapping[str, Any]]]:
        """How one row stands, and every call that carried it, oldest first, as plain values."""
        found = await self._wire.ask(Ask(method="GET", path=f"/runs/{run}/rows/{place}"))
        return outcome_of(found["row"]), found["calls"]

    async def export(
        self, run: str, target: str | Path | BinaryIO, *, partial: bool = False, **how: Any
    ) -> Path | None:
        """Write a run's rows to a file or a binary stream; memory does not grow with the run.

        Args:
            run: which one.
            target: a path, or an open binary stream.
            partial: also while rows wait; they get empty answers.
            how: `form`, `meta`, `raw` as for `weft.run`.

        Returns:
            The path; `None` for a stream.

        Raises:
            RunBusy: if rows wait and `partial` was not asked for.
            UnwritableFile: if the file cannot be written; an old one is as it was.
        """
        wanted = ExportRequest(target=target, partial=partial, **how)
        check_target(wanted)
        query = {"format": format_of(wanted), "meta": wanted.meta, "raw": wanted.raw, "partial": partial}
        ask = Ask(method="GET", path=f"/runs/{run}/export", query=query)
        return await write_pieces(lambda: self._wire.pieces(ask), target)

    async def records(self, run: str) -> AsyncIterator[Mapping[str, Any]]:
        """Every row as it is exported: the columns of the table, answers, computed fields.

        A connection that breaks off is made again; no row is given twice.
        """
        ask = Ask(
            method="GET",
            path=f"/runs/{run}/export",
            query={"format": "jsonl", "raw": True, "partial": True},
        )
        given = 0
        for tries in range(TRIES):
            number = 0
            try:
                async for line in _lines(self._wire.pieces(ask)):
                    number += 1
                    if number > given:
                        given = number
                        yield plain_json.load(line)
            except Disconnected:
                if tries == TRIES - 1:
                    raise
            else:
                return

    async def _tell(self, run: str, what: str, *, content: Any = None, is_repeatable: bool = False) -> Run:
        ask = Ask(method="POST", path=f"/runs/{run}/{what}", content=content, is_repeatable=is_repeatable)
        return run_of(await self._wire.ask(ask))


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if line:
                yield line
    if rest:
        yield rest
