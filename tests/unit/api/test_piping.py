from __future__ import annotations

import asyncio
from typing import BinaryIO

import pytest

from weft.api.piping import AHEAD, PIECE, Pipe
from weft.errors import StoreBusy


async def test_reader_gets_every_byte_in_order() -> None:
    """What a thread writes comes out as it was written, in pieces of a usual size."""
    written = bytes(range(256)) * 5_000

    def write(stream: BinaryIO) -> None:
        rest = written
        while rest:
            stream.write(rest[:1_000])
            rest = rest[1_000:]

    pieces = [piece async for piece in Pipe().read(write)]

    assert b"".join(pieces) == written
    assert max(map(len, pieces)) < PIECE + 1_000


async def test_writer_waits_and_ends_with_its_reader() -> None:
    """Memory does not grow with what is written, and a reader who goes away ends the writing."""
    count, ended = 0, asyncio.Event()
    loop = asyncio.get_running_loop()

    def write(stream: BinaryIO) -> None:
        nonlocal count
        try:
            while True:
                stream.write(b"x" * PIECE)
                count += 1
        finally:
            loop.call_soon_threadsafe(ended.set)

    reading = Pipe().read(write)
    await anext(reading)
    await reading.aclose()
    await asyncio.wait_for(ended.wait(), 10)

    assert count <= AHEAD + 2


async def test_trouble_of_the_writer_is_raised_after_its_bytes() -> None:
    """What was written before the trouble is read; then the trouble is raised."""

    def write(stream: BinaryIO) -> None:
        stream.write(b"x" * PIECE)
        raise StoreBusy("The store is busy.")

    reading = Pipe().read(write)

    assert len(await anext(reading)) == PIECE
    with pytest.raises(StoreBusy):
        await anext(reading)
