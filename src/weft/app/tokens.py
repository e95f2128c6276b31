"""The desk for tokens: keys with which programs ask a server in the name of a member.

Knows that a token is shown once and kept as its SHA-256, that it is good for one workspace, some
permissions and a limited time, and that it never allows more than its member may do at that moment.
A token that was made with another one dies with it. Refuses to know requests.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from hashlib import sha256

from weft.app.opening import new_secret
from weft.app.stores import Stores
from weft.documents import Document
from weft.errors import ChangedMeanwhile, ImpossibleMove, Mistake, StoreBusy, UnknownName
from weft.ids import derive
from weft.kit.clocks import Clock
from weft.rights import Permission

KIND = "token"
LIVE, REVOKED = "live", "revoked"
PREFIX = "weft_"
TEXT = re.compile(r"weft_[A-Za-z0-9_-]{43}")
DAY_S = 86_400.0
USUAL_DAYS = 90
MOST_DAYS = 366
MOST = 100  # live tokens of one member in one workspace
LONGEST_NAME = 100  # characters
NOTED_S = 60.0  # that a token is in use is written down at most so often
KEPT_S = 90 * DAY_S  # a token that is over is listed for so long
DEPTH = 8  # tokens that were made with one another
PAGE = 500  # documents that are read at once
SWEPT = 50  # old tokens that are taken away when another is made


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is kept; its text is nowhere.

    Attributes:
        id: `k` and twenty characters, derived from the text.
        member: in whose name.
        scopes: what it is held to; to look is always among them.
        made_at, expires_at: seconds since the epoch.
        maker: the token with which it was made; empty = its member has signed in, or a command.
        used_at: when last, to about a minute; `None` = never.
        revoked_at: `None` = it was not.
        version: of the document.
    """

    id: str
    name: str
    member: str
    workspace: str
    scopes: frozenset[Permission]
    made_at: float
    expires_at: float
    maker: str = ""
    used_at: float | None = None
    revoked_at: float | None = None
    version: int = 0
    digest: str = field(default="", repr=False)

    def is_live(self, now: float) -> bool:
        """Whether it opens anything at this time."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made, with its text, which nobody can be told again."""

    token: Token
    text: str = field(repr=False)


class TokensDesk:
    """Makes, finds and ends the tokens of a server."""

    def __init__(self, stores: Stores, *, clock: Clock) -> None:
        """Keep them in these stores, the server's own; nothing is opened yet."""
        self._stores = stores
        self._clock = clock

    # ── making and ending ────────────────────────────────────────────────────────────────────────

    async def create(
        self,
        member: str,
        *,
        workspace: str,
        scopes: Collection[Permission],
        name: str = "",
        days: float = USUAL_DAYS,
        maker: str = "",
    ) -> NewToken:
        """Make a token; its text is told this once.

        Whether the member may do so much is asked by who calls.

        Args:
            member: id of in whose name it asks.
            workspace: the one that it opens.
            scopes: what it is held to.
            name: for people, such as the program that gets it.
            days: how long it is good.
            maker: id of the token with which it is made; then it ends no later than that.

        Raises:
            Mistake: if the days are too many or the name is none.
            ImpossibleMove: if the member has too many tokens there.
        """
        if not 0 < days <= MOST_DAYS:
            raise Mistake(f"A token cannot be good for {days:g} days.", hint=f"give up to {MOST_DAYS} days.")
        if len(name) > LONGEST_NAME or not name.isprintable():
            raise Mistake("This is no name.", hint=f"take one line of up to {LONGEST_NAME} characters.")
        now = self._clock.wall()
        known = [each for each in await self.listed(workspace, member=member) if each.is_live(now)]
        if len(known) >= MOST:
            raise ImpossibleMove(f"There are {MOST} tokens already.", hint="revoke those that nobody uses.")
        text = PREFIX + new_secret()
        ends = now + days * DAY_S
        if maker:
            ends = min(ends, (await self.get(maker)).expires_at)
        made = Token(
            id=id_of(text),
            name=name.strip(),
            member=member,
            workspace=workspace,
            scopes=frozenset(scopes) | {Permission.LOOK},
            made_at=now,
            expires_at=ends,
            maker=maker,
            digest=_digest(text),
        )
        await self._sweep(now)
        return NewToken(_read(await self._stores.open().put(_written(made), expecting=0)), text)

    async def revoke(self, token: str, *, workspace: str | None = None, member: str | None = None) -> Token:
        """End a token for ever, in every process at once; harmless when repeated.

        Args:
            token, workspace, member: as for `get`.

        Raises:
            UnknownName: if there is none.
        """
        while True:
            found = await self.get(token, workspace=workspace, member=member)
            if found.revoked_at is not None:
                return found
            ended = replace(found, revoked_at=self._clock.wall())
            try:
                return _read(await self._stores.open().put(_written(ended), expecting=found.version))
            except ChangedMeanwhile:
                continue  # it was used, or somebody else has ended it

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    async def listed(self, workspace: str | None = None, *, member: str | None = None) -> list[Token]:
        """Tokens, the newest first; those that are over are told for some weeks.

        Args:
            workspace: only those of this one; `None` = of all.
            member: only those of this one; `None` = of all.
        """
        store = self._stores.existing()
        found: list[Token] = []
        after = ""
        while store is not None:
            page = await store.documents(KIND, after=after, limit=PAGE)
            found += map(_read, page)
            if len(page) < PAGE:
                break
            after = page[-1].id
        shown = (
            each for each in found if workspace in {None, each.workspace} and member in {None, each.member}
        )
        return sorted(shown, key=lambda each: (-each.made_at, each.id))

    async def get(self, token: str, *, workspace: str | None = None, member: str | None = None) -> Token:
        """One token by its id, live or over.

        Args:
            token: its id.
            workspace: only if it is one of this workspace; `None` = of any.
            member: only if it is one of this member; `None` = of any.

        Raises:
            UnknownName: if there is none.
        """
        store = self._stores.existing()
        document = None if store is None else await store.document(KIND, token)
        if document is None:
            raise unknown(token)
        found = _read(document)
        if workspace not in {None, found.workspace} or member not in {None, found.member}:
            raise unknown(token)
        return found

    # ── opening ──────────────────────────────────────────────────────────────────────────────────

    async def recognise(self, text: str) -> Token | None:
        """The token of a text, if it opens anything now; `None` otherwise.

        Asks the store each time, so that one that was revoked is dead at once, however many processes
        serve. Notes about once a minute that it is in use.
        """
        if not TEXT.fullmatch(text):
            return None
        store = self._stores.existing()
        document = None if store is None else await store.document(KIND, id_of(text))
        if document is None:
            return None
        found = _read(document)
        now = self._clock.wall()
        is_same = hmac.compare_digest(found.digest, _digest(text))
        if not is_same or not found.is_live(now) or not await self._is_rooted(found, now):
            return None
        if found.used_at is None or now - found.used_at >= NOTED_S:
            await self._note(found, now)
        return found

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    async def _is_rooted(self, token: Token, now: float) -> bool:
        """Whether every token with which this one was made lives too."""
        for _ in range(DEPTH):
            if not token.maker:
                return True
            try:
                token = await self.get(token.maker)
            except UnknownName:
                return False
            if not token.is_live(now):
                return False
        return False

    async def _note(self, token: Token, now: float) -> None:
        """Write down that it is in use; of several who do so at the same time one is enough."""
        try:
            await self._stores.open().put(_written(replace(token, used_at=now)), expecting=token.version)
        except (ChangedMeanwhile, StoreBusy):
            return

    async def _sweep(self, now: float) -> None:
        """Take some tokens away that have been over for long."""
        store = self._stores.open()
        for each in await store.documents(KIND, due_before=now - KEPT_S, limit=SWEPT):
            await store.remove(KIND, each.id)


def id_of(text: str) -> str:
    """The id of the token with this text; it opens nothing, so it may be shown."""
    return "k" + derive(text, 20)


def unknown(token: str) -> UnknownName:
    """What is said of a token that is not there, and of one that is none of the asker's business."""
    return UnknownName(f"There is no token `{token[:60]}`.", hint="list the tokens that there are.")


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _written(token: Token) -> Document:
    return Document(
        kind=KIND,
        id=token.id,
        state=LIVE if token.revoked_at is None else REVOKED,
        due_at=token.expires_at,
        content={
            "name": token.name,
            "member": token.member,
            "workspace": token.workspace,
            "scopes": sorted(token.scopes),
            "made_at": token.made_at,
            "expires_at": token.expires_at,
            "maker": token.maker,
            "used_at": token.used_at,
            "revoked_at": token.revoked_at,
            "sha256": token.digest,
        },
    )


def _read(document: Document) -> Token:
    told = document.content
    return Token(
        id=document.id,
        name=told["name"],
        member=told["member"],
        workspace=told["workspace"],
        scopes=frozenset(Permission(each) for each in told["scopes"]),
        made_at=told["made_at"],
        expires_at=told["expires_at"],
        maker=told["maker"],
        used_at=told["used_at"],
        revoked_at=told["revoked_at"],
        version=document.version,
        digest=told["sha256"],
    )
