"""The desk for remembered answers: how many there are, and forgetting them.

Knows what a person asks about the cache. Refuses to know keys and answers.
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.app.stores import Stores


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFacts:
    """What is remembered.

    Attributes:
        entries: answers, each for one question.
        bytes: their size as kept.
        latest: seconds since the epoch when the newest was remembered; `None` if there is none.
        hits: rows that were answered from memory, over the whole life of the store.
        damaged: entries that were found broken and forgotten.
    """

    entries: int = 0
    bytes: int = 0
    latest: float | None = None
    hits: int = 0
    damaged: int = 0


class CacheDesk:
    """Tells about remembered answers."""

    def __init__(self, stores: Stores) -> None:
        """Look into these stores; nothing is opened yet."""
        self._stores = stores

    async def stats(self) -> CacheFacts:
        """Count remembered answers; all zero where there is no store yet."""
        store = self._stores.existing()
        return CacheFacts() if store is None else CacheFacts(**await store.cache_stats())

    async def clear(self, *, older_than: float | None = None) -> int:
        """Forget remembered answers; return how many. Runs keep their own.

        Args:
            older_than: seconds since the epoch; `None` = all.
        """
        store = self._stores.existing()
        return 0 if store is None else await store.clear_cache(older_than=older_than)
