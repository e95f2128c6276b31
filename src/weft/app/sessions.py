"""The desk for sessions of people who have signed in: one document each, and no secret in the store.

Knows how long a session is good for and that it ends everywhere within seconds when somebody ends
it, however many processes serve. What a process remembers spares the store a look at every request.
Refuses to know how somebody has shown who they are (`signing_in.py`), what they may do
(`weft.rights`), and cookies (`api/`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from weft.app.stores import Stores
from weft.documents import Document
from weft.errors import ChangedMeanwhile, StoreBusy
from weft.kit.caches import TtlLruCache
from weft.kit.clocks import Clock
from weft.protocols import Shelf

KIND = "session"
IDLE_S = 12 * 3_600.0  # a session that nobody has used for so long is over
LIFE_S = 7 * 86_400.0  # and so is any session after so long
RENEW_S = 60.0  # that somebody was seen is written down at most so often
REMEMBERED_S = 2.0  # what was ended in another process is over here after so long; the promise is 5 s
REMEMBERED = 10_000  # sessions that a process remembers
MOST = 20  # sessions of one person; with another one the one that was used longest ago ends
SLACK_S = 300.0  # by which the clocks of two machines may differ
SWEPT = 100  # sessions that have had their time and are taken away when another begins
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One person's visit.

    Attributes:
        id: SHA-256 of the secret that the browser has; opens nothing, so it may be shown.
        person: the id of the member.
        born: when it began, seconds since the epoch. seen: when it was last used, to about a minute.
        workspace: the one that was chosen last; empty = none yet.
        version: of its document.
    """

    id: str
    person: str
    born: float
    seen: float
    workspace: str = ""
    version: int = 0

    @property
    def ends_at(self) -> float:
        """When it is over unless it is used again, seconds since the epoch."""
        return min(self.seen + IDLE_S, self.born + LIFE_S)


class SessionsDesk:
    """Opens, finds and ends the sessions of a server."""

    def __init__(self, stores: Stores, *, clock: Clock, draw: Callable[[], str]) -> None:
        """Keep them in these stores, the server's own; nothing is opened yet.

        Args:
            stores: shared by every process that serves.
            clock: wall time for their lives, monotonic time for what is remembered.
            draw: gives secrets of 43 characters that nobody can guess.
        """
        self._stores = stores
        self._clock = clock
        self._draw = draw
        self._known: TtlLruCache[str, Session | None] = TtlLruCache(
            REMEMBERED, ttl_s=REMEMBERED_S, clock=clock
        )

    async def open(self, person: str, *, workspace: str = "") -> tuple[Session, str]:
        """Begin a session; it, and the secret for the browser, which is kept nowhere.

        Also takes away sessions that have had their time, and the oldest of a person who has too many.
        """
        now = self._clock.wall()
        await self.sweep()
        others = sorted(await self.of(person), key=lambda each: each.seen)
        for each in others[: max(0, len(others) - MOST + 1)]:
            await self.end(each.id)
        secret = self._draw()
        session = Session(id=id_of(secret), person=person, born=now, seen=now, workspace=workspace)
        return _read(await self._shelf.put(_written(session), expecting=0)), secret

    async def find(self, secret: str) -> Session | None:
        """The session of a browser's secret; `None` = there is none, or it is over.

        Looks into the store every few seconds, and writes at most once a minute.
        """
        if not _SECRET.fullmatch(secret):
            return None
        name = id_of(secret)
        found = await self._known.get_or_await(name, lambda: self._look_up(name))
        if found is None or not self._lives(found):
            return None
        return await self._seen(found)

    async def choose(self, session: Session, workspace: str) -> Session:
        """Remember which workspace somebody is in; whether they may be there is not asked here.

        Raises:
            ChangedMeanwhile: if the session has ended or was changed since it was found.
        """
        changed = Session(
            id=session.id,
            person=session.person,
            born=session.born,
            seen=self._clock.wall(),
            workspace=workspace,
        )
        kept = await self._shelf.put(_written(changed), expecting=session.version)
        self._known.invalidate(session.id)
        return _read(kept)

    async def end(self, session: str) -> bool:
        """End a session by its id; whether there was one. Here at once, elsewhere within seconds."""
        ended = await self._shelf.remove(KIND, session)
        self._known.invalidate(session)
        return ended

    async def end_secret(self, secret: str) -> bool:
        """End a session by its secret; whether there was one."""
        return bool(_SECRET.fullmatch(secret)) and await self.end(id_of(secret))

    async def end_all(self, person: str) -> int:
        """End every session of a person; return how many."""
        ended = 0
        while found := await self._shelf.documents(KIND, state=person, limit=SWEPT):
            for each in found:
                ended += await self.end(each.id)
        return ended

    async def of(self, person: str) -> list[Session]:
        """The sessions of a person that are not over, in the order of their ids."""
        found: list[Session] = []
        after = ""
        while page := await self._shelf.documents(KIND, state=person, after=after, limit=SWEPT):
            after = page[-1].id
            found += filter(self._lives, map(_read, page))
        return found

    async def sweep(self) -> int:
        """Take some sessions away that have had their time; return how many."""
        over = await self._shelf.documents(KIND, due_before=self._clock.wall(), limit=SWEPT)
        for each in over:
            await self.end(each.id)
        return len(over)

    @property
    def _shelf(self) -> Shelf:
        return self._stores.open()

    async def _look_up(self, name: str) -> Session | None:
        found = await self._shelf.document(KIND, name)
        return None if found is None else _read(found)

    def _lives(self, session: Session) -> bool:
        """Whether it is not over; one from the future was made by a clock that nobody should trust."""
        return session.seen - SLACK_S <= self._clock.wall() < session.ends_at

    async def _seen(self, session: Session) -> Session | None:
        """Write down that it is in use, where that was a minute ago; `None` = it has ended meanwhile."""
        now = self._clock.wall()
        if now - session.seen < RENEW_S:
            return session
        renewed = Session(
            id=session.id, person=session.person, born=session.born, seen=now, workspace=session.workspace
        )
        try:
            kept = _read(await self._shelf.put(_written(renewed), expecting=session.version))
        except ChangedMeanwhile:  # another request was quicker, or somebody has ended it
            self._known.invalidate(session.id)
            return await self._look_up(session.id)
        except StoreBusy:
            return session  # the next request may write it down
        self._known.invalidate(session.id)  # not put: it may have ended since it was written
        return kept


def id_of(secret: str) -> str:
    """The id of the session that a secret opens: SHA-256, hex."""
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _written(session: Session) -> Document:
    return Document(
        kind=KIND,
        id=session.id,
        state=session.person,
        due_at=session.ends_at,
        content={
            "person": session.person,
            "born": session.born,
            "seen": session.seen,
            "workspace": session.workspace,
        },
    )


def _read(document: Document) -> Session:
    told = document.content
    return Session(
        id=document.id,
        person=str(told["person"]),
        born=float(told["born"]),
        seen=float(told["seen"]),
        workspace=str(told["workspace"]),
        version=document.version,
    )
