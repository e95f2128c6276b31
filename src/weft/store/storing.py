"""The whole store over one database: the promises of `weft.protocols.Store` put together.

Knows how its parts share a writer and a reader, and in which order they close.
Refuses to know the kind of database and the rules of each part.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from weft.kit.clocks import Clock
from weft.store.answers import AnswersPart
from weft.store.auditing import audit
from weft.store.database import Database
from weft.store.deeds import DeedsPart
from weft.store.figures import FiguresPart
from weft.store.ledger import LedgerPart
from weft.store.outcomes import OutcomesPart
from weft.store.owners import is_surely_dead
from weft.store.reading import Reader
from weft.store.rows import RowsPart
from weft.store.runs import RunsPart
from weft.store.shelves import ShelvesPart
from weft.store.space import FreeSpace
from weft.store.watching import WatchPart
from weft.store.writing import Writer, Writing


class SqlStore(
    RunsPart, RowsPart, OutcomesPart, WatchPart, FiguresPart, AnswersPart, LedgerPart, ShelvesPart, DeedsPart
):
    """A store in a SQL database; every promise is in the part that keeps it."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        threads: bool = True,
        min_free_mb: int = 0,
        is_dead: Callable[[str], bool] = is_surely_dead,
        hands: tuple[Writing, Reader] | None = None,
    ) -> None:
        """Put a store over an open database, which it closes in the end.

        Args:
            clock: tells dates, and how long is waited for a full disk or a doubtful owner.
            threads: `False` commits every write at once on the caller's thread.
            min_free_mb: free disk space below which nothing is reserved; 0 = do not look.
            is_dead: whether an owner is surely gone.
            hands: who writes and who reads; `None` = this process alone, on its own machine.
        """
        self._database = database
        self._clock = clock
        self._held = 0
        self._is_dead = is_dead
        self._space = FreeSpace(database.free_mb, clock, least_mb=min_free_mb)
        self._writer, self._reader = hands or _own_hands(database, threads=threads)

    async def check(self) -> list[str]:
        """Look the whole database over for damage, and its log of deeds; sentences, empty = sound."""
        found = await self._reader.apart(lambda _: self._database.check())
        return found or await self.verify_deeds()

    async def audit(self) -> list[str]:
        """Look whether the books of every run add up; sentences, empty = they do."""
        return await self._reader.apart(audit)

    async def backup(self, path: Path) -> None:
        """Copy the whole store to a file as it stands at one moment, while others may write.

        Raises:
            UnwritableFile: if it cannot be written; whatever is at `path` stays as it is.
        """
        await self._reader.apart(lambda _: self._database.backup(path))

    async def close(self) -> None:
        """Finish what is written and let go; harmless when repeated.

        Whatever still waits for room on a full disk is given up with `DiskFull`.
        """
        if self._writer.is_closed:
            return
        self._writer.close()
        self._reader.close()
        if self._database.reader is not self._database.writer:
            self._database.reader.close()
        self._database.writer.close()  # last, for the last connection checkpoints


def _own_hands(database: Database, *, threads: bool) -> tuple[Writing, Reader]:
    shared = database.reader is database.writer
    writer = Writer(database, threads=threads and not shared)
    return writer, Reader(database, writer.lock if shared else threading.RLock())
