"""Stores in memory, for tests, trials and previews: `memory://`.

Knows SQLite without a file: the same statements, nothing survives. Every write is done at once
on the caller's thread, for there is no disk to wait for. Refuses to share: each opening is new.
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.kit.clocks import Clock
from weft.store.engines._sqlite import memory_database
from weft.store.storing import SqlStore
from weft.store.tables import REVISION


@dataclass(frozen=True, slots=True)
class MemoryEngine:
    """Opens stores that live as long as the process."""

    def open(self, url: str, *, clock: Clock, threads: bool = True, min_free_mb: int = 0) -> SqlStore:  # noqa: ARG002 - the words of the socket
        """Open a new, empty store.

        Args:
            url: `memory://`; whatever follows is ignored.
            clock: handed to the store.
            threads: no effect; writes are always done at once.
            min_free_mb: no effect.
        """
        return SqlStore(memory_database(), clock=clock, threads=False)

    def is_there(self, url: str) -> bool:  # noqa: ARG002 - likewise
        """Always: it needs no place."""
        return True

    def upgrade(self, url: str) -> tuple[int, int]:  # noqa: ARG002 - likewise
        """Nothing to do: every opening is new."""
        return REVISION, REVISION

    def beside(self, url: str, name: str) -> str:  # noqa: ARG002 - likewise
        """The same URL: every opening is a store of its own."""
        return url


store = MemoryEngine()
