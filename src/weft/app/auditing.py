"""The desk for the log of deeds: write one down, list the newest, look whether the log is whole.

Knows that the log of a whole server is in its own store, whichever workspace a deed is about, and
that only the last number and digest, noted somewhere else, prove that nobody has written all of it anew.
Refuses to know how lines are chained (`store/deeds.py`) and what must leave one (`api/recording.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weft.app.stores import Stores
from weft.documents import Deed
from weft.errors import Mistake
from weft.kit.clocks import Clock
from weft.rights import Principal

AT_ONCE = 1_000  # deeds of one query
MOST_LOOKED_AT = 20_000  # deeds that one question looks at; the next page goes on behind them
DENIED = "denied"
NEWEST = 2**62  # above every number
NOTED = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{16,64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which deeds are meant; empty = whichever.

    Attributes:
        workspace: where; `None` = everywhere.
        before: only those with a lower number; `None` = from the newest.
        limit: the most of them.
    """

    workspace: str | None = None
    actor: str = ""
    act: str = ""
    outcome: str = ""
    before: int | None = None
    limit: int = 50

    def has(self, deed: Deed) -> bool:
        """Whether a deed is meant, wherever it was done."""
        asked = ((self.actor, deed.actor), (self.act, deed.act), (self.outcome, deed.outcome))
        return all(want in ("", found) for want, found in asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Deeds, the newest first.

    Attributes:
        next: as `before` of the next question; `None` = there are no more.
    """

    deeds: tuple[Deed, ...]
    next: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """How the log was found.

    Attributes:
        store: whose it is, without a password.
        count: number of the last deed; 0 = there is none.
        digest: of the last deed. Noted somewhere else, it proves later that nothing before it has changed.
        problems: sentences about deeds that were changed, removed or put in; empty = the log is whole.
    """

    store: str
    count: int
    digest: str
    problems: tuple[str, ...]

    @property
    def note(self) -> str:
        """What to note somewhere else: `812:3f9c…`; empty where there is no deed."""
        return f"{self.count}:{self.digest}" if self.count else ""


class AuditDesk:
    """Keeps the log of what people and programs have done on a server."""

    def __init__(self, stores: Stores, *, clock: Clock) -> None:
        """Keep it in the store of these; nothing is opened yet.

        Args:
            clock: tells when a deed was done.
        """
        self._stores = stores
        self._clock = clock

    async def record(
        self,
        principal: Principal,
        act: str,
        *,
        thing: str = "",
        outcome: str = "done",
        facts: Mapping[str, Any] | None = None,
    ) -> Deed:
        """Write a deed down; it is durable when this returns.

        Args:
            principal: who, and where; an empty id = nobody who had shown who they are.
            act: such as `create_run`.
            thing: to what, such as `runs/r3k…`; never what it says.
            outcome: `done`, `denied`, or a code of the refusal.
            facts: plain JSON; never a secret, never a cell.

        Raises:
            StoreBusy, DiskFull: if it cannot be written; then what it is about must not be done.
        """
        deed = Deed(
            at=self._clock.wall(),
            actor=principal.id,
            act=act,
            thing=thing,
            workspace=principal.workspace if principal.id else "",
            outcome=outcome,
            facts=facts or {},
        )
        return await self._stores.open().log(deed)

    async def find(self, wanted: Wanted) -> Listed:
        """List deeds, the newest first; a store that is not there yet has none.

        Looks at no more than 20,000 deeds; where fewer than `limit` of these are meant, there are fewer.
        """
        store = self._stores.existing()
        found: list[Deed] = []
        before, looked_at = wanted.before or NEWEST, 0
        while store is not None and looked_at < MOST_LOOKED_AT:
            some = await store.deeds(before=before, workspace=wanted.workspace, limit=AT_ONCE)
            for deed in some:
                if len(found) == wanted.limit:
                    return Listed(deeds=tuple(found), next=before)
                before = deed.number
                if wanted.has(deed):
                    found.append(deed)
            looked_at += len(some)
            if len(some) < AT_ONCE:
                return Listed(deeds=tuple(found), next=None)
        return Listed(deeds=tuple(found), next=None if store is None else before)

    async def verify(self, *, noted: str = "") -> Verified:
        """Look over the whole log for deeds that were changed, removed or put in.

        Args:
            noted: number and digest of a deed as they were told earlier, such as `812:3f9c…`; that deed
                must still be there as it was.

        Raises:
            Mistake: if what was noted has another form.
            UnknownName: if there is no store.
        """
        expected = _read_noted(noted) if noted else None
        store = self._stores.reading()
        problems = await store.verify_deeds()
        if expected is not None:
            number, digest = expected
            known = await store.deeds(after=number - 1, limit=1)
            if not known or known[0].number != number or not known[0].digest.startswith(digest):
                problems.append(f"Deed {number} is not the one that was noted: the log was written anew.")
        last = await store.deeds(before=NEWEST, limit=1)
        return Verified(
            store=self._stores.shown,
            count=last[0].number if last else 0,
            digest=last[0].digest if last else "",
            problems=tuple(problems),
        )


def _read_noted(noted: str) -> tuple[int, str]:
    found = NOTED.fullmatch(noted.strip().lower())
    if found is None:
        raise Mistake(
            f"`{noted[:80]}` is no number and digest of a deed.",
            hint="write both as they were told, with a colon between: 812:3f9c0a…",
        )
    return int(found[1]), found[2]
