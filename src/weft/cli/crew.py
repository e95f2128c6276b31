"""Worker processes of a server: started with it, watched, started again when they die, stopped with it.

Knows that a worker which dies at once is not started again at once, that a terminal's Ctrl-C goes to
the server alone, and that a worker learns from its closed input that nobody watches it any more.
Refuses to know what a worker does (`commands/worker.py`).
"""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Sequence

from weft.kit.clocks import Clock

FIRST_WAIT_S = 0.5  # before a worker is started again; doubles with every death
LONGEST_WAIT_S = 60.0
SETTLED_S = 60.0  # a worker that has lived so long died of something new
LEAVE_S = 30.0  # beyond the patience of its runs, until a worker that does not stop is killed


class Crew:
    """So many worker processes."""

    def __init__(self, arguments: Sequence[str], *, count: int, clock: Clock, patience_s: float) -> None:
        """Start nobody yet.

        Args:
            arguments: behind `weft worker`.
            count: how many.
            clock: measures lives and waits.
            patience_s: how long a worker may await its answers in flight when it is stopped.
        """
        self._command = [sys.executable, "-m", "weft", "worker", "--until-closed", "--quiet", *arguments]
        self._count = count
        self._clock = clock
        self._patience_s = patience_s

        self._keeping: list[asyncio.Task[None]] = []

    def begin(self, stop: asyncio.Event, told: Callable[[str], None]) -> None:
        """Start the workers, and keep them alive until `stop` is set.

        Args:
            stop: set when they are to end.
            told: hears a sentence about each worker that had to be started again.
        """
        self._keeping = [asyncio.ensure_future(self._keep_one(stop, told)) for _ in range(self._count)]

    async def end(self) -> None:
        """Wait until the last worker has gone; `stop` must be set."""
        await asyncio.gather(*self._keeping)

    async def _keep_one(self, stop: asyncio.Event, told: Callable[[str], None]) -> None:
        wait = FIRST_WAIT_S
        while not stop.is_set():
            began = self._clock.monotonic()
            try:
                process = await self._start()
            except OSError as error:  # the machine has no room for it just now
                told(f"A worker could not be started: {error}; the next try is in {wait:g} s.")
                await _first(self._clock.sleep(wait), stop)
                wait = min(2 * wait, LONGEST_WAIT_S)
                continue
            if await _first(process.wait(), stop):
                await self._end(process)
                return
            if self._clock.monotonic() - began >= SETTLED_S:
                wait = FIRST_WAIT_S
            told(f"A worker ended with {_how(process)}; another one starts in {wait:g} s.")
            await _first(self._clock.sleep(wait), stop)
            wait = min(2 * wait, LONGEST_WAIT_S)

    async def _start(self) -> Process:
        # In a session of its own: a terminal's Ctrl-C would stop it twice, once by hand and once by us.
        return await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=DEVNULL, start_new_session=True
        )

    async def _end(self, process: Process) -> None:
        """Let a worker stop cleanly; kill one that does not."""
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._patience_s + LEAVE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _first(work: Awaitable[object], stop: asyncio.Event) -> bool:
    """Wait for some work or for the stop; whether it was the stop."""
    doing = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return stop.is_set()
    finally:
        doing.cancel()
        stopping.cancel()


def _how(process: Process) -> str:
    code = process.returncode or 0
    return f"signal {-code}" if code < 0 else f"exit code {code}"
