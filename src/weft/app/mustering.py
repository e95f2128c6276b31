"""Worker processes of one server: each says at which accounts it asks, and hears how many others do.

Knows that a process is alive as long as its document on the shelf changes: nobody compares the
clocks of two machines. Refuses to know what a pace is (`engine/pacing.py`) and who asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from weft.documents import Document
from weft.kit.clocks import Clock
from weft.protocols import Shelf

KIND = "worker"  # the shelf on which every process lies that walks runs
RENEW_S = 10.0  # between two signs of life
SILENT_S = 30.0  # without one a process does not count any more
GONE_S = 600.0  # without one somebody else takes its document away


@dataclass(slots=True)
class _Seen:
    version: int
    since: float


class Muster:
    """The processes that are alive."""

    def __init__(self, name: str, *, clock: Clock) -> None:
        """Say nothing yet.

        Args:
            name: of this process, which no other has.
            clock: its own; nobody else's counts.
        """
        self._name = name
        self._clock = clock
        self._told: frozenset[str] = frozenset()
        self._told_at = float("-inf")
        self._seen: dict[str, _Seen] = {}

    async def call(self, shelf: Shelf, accounts: Collection[str]) -> Mapping[str, int]:
        """Say at which accounts this process asks; return how many processes ask at each of them.

        Args:
            shelf: of the server's own store.
            accounts: empty = it asks nobody just now, and is taken off the shelf.
        """
        now, asked = self._clock.monotonic(), frozenset(accounts)
        if asked != self._told or (asked and now - self._told_at >= RENEW_S):
            await self._tell(shelf, asked, now)
        if not asked:
            return {}
        count = Counter(dict.fromkeys(asked, 1))
        there = await shelf.documents(KIND)
        self._seen = {each.id: self._seen[each.id] for each in there if each.id in self._seen}
        for other in there:
            if other.id != self._name and await self._is_alive(shelf, other, now):
                count.update(asked.intersection(other.content.get("accounts", ())))
        return count

    async def _tell(self, shelf: Shelf, asked: frozenset[str], now: float) -> None:
        if asked:
            await shelf.put(Document(kind=KIND, id=self._name, content={"accounts": sorted(asked)}))
        else:
            await shelf.remove(KIND, self._name)
        self._told, self._told_at = asked, now

    async def _is_alive(self, shelf: Shelf, other: Document, now: float) -> bool:
        seen = self._seen.get(other.id)
        if seen is None or seen.version != other.version:
            self._seen[other.id] = seen = _Seen(other.version, now)
        if now - seen.since >= GONE_S:
            await shelf.remove(KIND, other.id)
        return now - seen.since < SILENT_S
