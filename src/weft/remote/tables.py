"""Tables of a server: hand one over as a stream of bytes, list, look at, rename, forget.

Knows that a file goes over the wire as it is read. Refuses to hold it in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from weft.errors import UnreadableTable
from weft.remote._wire import Ask, Wire, in_pieces
from weft.remote.shapes import Handed, table_of

PIECE = 1 << 18  # bytes that are read at once


class Tables:
    """Everything that can be asked about tables of a server."""

    def __init__(self, wire: Wire) -> None:
        """Ask over this wire."""
        self._wire = wire

    async def upload(self, path: str | Path, *, name: str = "", **reading: str) -> Handed:
        """Hand a file over; it is kept if it can be read.

        Args:
            path: of the file, which is streamed.
            name: what it is called there; its ending names the format. Empty = as the file is.
            reading: `encoding`, `delimiter`, `sheet`, `ragged`; what is left out is found out.

        Raises:
            UnreadableTable: if there is no such file, or it is no table.
        """
        file, size = await asyncio.to_thread(_found, path)
        ask = Ask(
            method="POST",
            path="/tables",
            query={"name": name or file.name, **reading},
            stream=lambda: _pieces_of(file),
            headers={"Idempotency-Key": self._wire.new_key(), "Content-Length": str(size)},
        )
        return await self.hand_over(ask)

    async def hand_over(self, ask: Ask) -> Handed:
        """Send a request whose body is a table."""
        return table_of(await self._wire.ask(ask))

    async def list(self, *, limit: int = 50) -> list[Handed]:
        """The tables that were handed over, the newest first."""
        return [table_of(each) async for each in self._wire.entries("/tables", "tables", most=limit)]

    async def get(self, table: str) -> Handed:
        """What is known about a table.

        Raises:
            UnknownName: if there is none.
        """
        return table_of(await self._wire.ask(Ask(method="GET", path=f"/tables/{table}")))

    async def preview(self, table: str, *, rows: int = 10, **reading: str) -> Mapping[str, Any]:
        """The first rows as plain values, as the table is read or as it would be by these choices."""
        query = {"rows": rows, **reading}
        found: Mapping[str, Any] = await self._wire.ask(
            Ask(method="GET", path=f"/tables/{table}/preview", query=query)
        )
        return found

    async def rename(self, table: str, name: str) -> Handed:
        """Give a table another name of the same format."""
        ask = Ask(method="PATCH", path=f"/tables/{table}", content={"name": name})
        return table_of(await self._wire.ask(ask))

    async def forget(self, table: str) -> None:
        """Remove a table; runs that have read it keep its rows."""
        await self._wire.ask(Ask(method="DELETE", path=f"/tables/{table}"))


def _found(path: str | Path) -> tuple[Path, int]:
    """A file that can be read, and its bytes.

    Raises:
        UnreadableTable: if it cannot.
    """
    file = Path(path).expanduser()
    try:
        with file.open("rb"):
            return file, file.stat().st_size
    except OSError as exc:
        raise UnreadableTable(
            f"`{path}` cannot be read: {exc.strerror or exc}.", hint="check the path.", path=str(path)
        ) from exc


async def _pieces_of(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as opened:
        async for piece in in_pieces(lambda: opened.read(PIECE)):
            yield piece
