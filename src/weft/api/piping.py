"""A stream that somebody writes in a thread and the other side of a connection reads.

Knows that the writer waits for the reader, so that memory does not grow with what is written, and
that a reader who goes away ends the writing. Refuses to know what is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor
from typing import BinaryIO, cast

PIECE = 1 << 18  # bytes that are handed on together
AHEAD = 4  # pieces that may wait for the reader
LOOK_S = 0.2  # seconds between two looks of a waiting writer whether the reader has gone


class Pipe:
    """The writer's end: an open binary stream, as far as writers of tables use one."""

    def __init__(self) -> None:
        """Begin with nothing written; made inside the loop of the reader."""
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(AHEAD)
        self._held = bytearray()
        self._gone = False

    def write(self, piece: bytes) -> int:
        """Take bytes; waits while the reader is behind.

        Raises:
            BrokenPipeError: if the reader has gone.
        """
        self._held += piece
        if len(self._held) >= PIECE:
            self.flush()
        return len(piece)

    def flush(self) -> None:
        """Hand on what is held back."""
        if self._gone:
            raise BrokenPipeError
        if self._held:
            self._put(bytes(self._held))
            self._held.clear()

    def writable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is not."""
        return False

    def _put(self, piece: bytes | None) -> None:
        """Hand a piece on as soon as there is room.

        Raises:
            BrokenPipeError: if the reader has gone.
        """
        handing = asyncio.run_coroutine_threadsafe(self._pieces.put(piece), self._loop)
        while True:
            try:
                handing.result(LOOK_S)
            except TimeoutError as exc:
                if self._gone:
                    handing.cancel()
                    raise BrokenPipeError from exc
            else:
                return

    def _write_all(self, write: Callable[[BinaryIO], object]) -> None:
        try:
            write(cast("BinaryIO", self))
            self.flush()
        except BrokenPipeError:
            return  # nobody reads any more
        finally:
            if not self._gone:
                self._put(None)

    async def read(
        self, write: Callable[[BinaryIO], object], threads: Executor | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Let a thread write, and give what it writes.

        Args:
            write: is given the writer's end.
            threads: whose thread writes; `None` = one of those for everything.

        Raises:
            WeftError: whatever stops the writer, after what it had written.
        """
        writing = self._loop.run_in_executor(threads, self._write_all, write)
        try:
            while (piece := await self._pieces.get()) is not None:
                yield piece
            await asyncio.shield(writing)
        finally:
            self._gone = True  # no waiting here: who goes away may have cancelled us
