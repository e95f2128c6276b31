"""What comes from a server, into a file: complete, or not at all.

Knows that a file takes the old one's place only when the last byte has come, and that a broken
stream is begun anew. Refuses to know what is in it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from weft.errors import Disconnected, UnwritableFile

TRIES = 5  # at a file whose connection breaks off


async def write_pieces(
    begin: Callable[[], AsyncIterator[bytes]], target: str | Path | BinaryIO
) -> Path | None:
    """Write what is streamed to a path, or to a binary stream that stays open.

    Args:
        begin: starts the stream; once more where it broke off and the target is a path.
        target: where to.

    Raises:
        UnwritableFile: if the file cannot be written; an old one is as it was.
        Disconnected: if the stream breaks off again and again.
    """
    if not isinstance(target, str | Path):
        async for piece in begin():
            await asyncio.to_thread(target.write, piece)
        return None
    path = Path(target)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        for tries in range(TRIES):
            try:
                await _fill(part, begin())
                break
            except Disconnected:
                if tries == TRIES - 1:
                    raise
        part.replace(path)
    except OSError as exc:
        raise UnwritableFile(
            f"`{path}` cannot be written: {exc.strerror or exc}.",
            hint="choose another path.",
            path=str(path),
        ) from exc
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return path


async def _fill(part: Path, pieces: AsyncIterator[bytes]) -> None:
    with part.open("wb") as file:
        async for piece in pieces:
            await asyncio.to_thread(file.write, piece)
