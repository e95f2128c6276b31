"""The desk for workspaces: make one, rename it, give it a monthly budget, put it away.

Knows that a workspace is a document on the shelf of the whole server, that its name is for ever and
its title is not, and that every server has `home`. Refuses to open a workspace's house (`team.py`)
and to know who is in it (`members.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from weft.app.stores import Stores
from weft.documents import Document
from weft.errors import ChangedMeanwhile, ImpossibleMove, Mistake, UnknownName
from weft.kit.clocks import Clock
from weft.money import Usd
from weft.rights import HOME

KIND = "workspace"
NAME = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]|[a-z]")
"""Names of workspaces: they become parts of paths, of schemas in a database and of headers."""
LONGEST_TITLE = 200  # characters
MOST = 1_000  # workspaces of one server
TRIES = 20  # at a document that others change too

KEPT, ARCHIVED = "kept", "archived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace as it stands.

    Attributes:
        name: unique for ever.
        title: for people; may be changed.
        monthly_budget: what its runs may spend in a calendar month (UTC); `None` = no limit.
        made_at: seconds since the epoch; 0 for `home` where nobody has said anything about it.
        archived_at: since when nobody comes in and nothing runs; `None` = it is in use.
    """

    name: str
    title: str = ""
    monthly_budget: Usd | None = None
    made_at: float = 0.0
    archived_at: float | None = None

    @property
    def is_archived(self) -> bool:
        """Whether nobody may come in."""
        return self.archived_at is not None


class WorkspacesDesk:
    """Keeps the workspaces of a server."""

    def __init__(self, stores: Stores, *, clock: Clock) -> None:
        """Keep them in these stores, the server's own; nothing is opened yet."""
        self._stores = stores
        self._clock = clock

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    async def listed(self, *, archived: bool = False) -> list[Workspace]:
        """Workspaces in the order of their names; `home` is always among them.

        Args:
            archived: also those that were put away.
        """
        store = self._stores.existing()
        found = [] if store is None else [_read(each) for each in await store.documents(KIND, limit=MOST)]
        if not any(each.name == HOME for each in found):
            found.append(Workspace(name=HOME))
        shown = (each for each in found if archived or not each.is_archived)
        return sorted(shown, key=lambda each: each.name)

    async def get(self, name: str) -> Workspace:
        """One workspace, in use or put away.

        Raises:
            UnknownName: if there is none.
        """
        return (await self._find(name))[0]

    # ── changing ─────────────────────────────────────────────────────────────────────────────────

    async def create(self, name: str, *, title: str = "", monthly_budget: Usd | None = None) -> Workspace:
        """Make a workspace; its folder and store are made when somebody first needs them.

        Raises:
            Mistake: if the name cannot be one.
            ImpossibleMove: if there is one by this name, in use or put away.
        """
        if not NAME.fullmatch(name):
            raise Mistake(
                f"`{name[:60]}` is no name for a workspace.",
                hint="take up to 40 small letters, digits and hyphens, a letter first, such as `support-eu`.",
            )
        made = Workspace(
            name=name,
            title=_title(title),
            monthly_budget=_amount(monthly_budget),
            made_at=self._clock.wall(),
        )
        try:
            await self._stores.open().put(_written(made), expecting=0)
        except ChangedMeanwhile as exc:
            raise ImpossibleMove(
                f"There is a workspace `{name}` already.",
                hint="a name is never used twice; take another one.",
            ) from exc
        return made

    async def change(self, name: str, changes: Mapping[str, Any]) -> Workspace:
        """Give a workspace another title or monthly budget.

        Args:
            name: which one.
            changes: `title` or `monthly_budget` → value, of which `None` takes the limit away; what
                is left out stays.

        Raises:
            UnknownName: if there is none.
        """
        for _ in range(TRIES):
            found, version = await self._find(name)
            changed = replace(found, **changes)
            changed = replace(
                changed, title=_title(changed.title), monthly_budget=_amount(changed.monthly_budget)
            )
            try:
                await self._stores.open().put(_written(changed), expecting=version)
            except ChangedMeanwhile:
                continue
            return changed
        raise _contended(name)

    async def archive(self, name: str, *, undo: bool = False) -> Workspace:
        """Put a workspace away: nobody comes in and nothing runs, but nothing is deleted.

        Args:
            name: which one.
            undo: take it out again.

        Raises:
            UnknownName: if there is none.
            ImpossibleMove: if it is `home`, which every server has.
        """
        if name == HOME and not undo:
            raise ImpossibleMove(f"`{HOME}` cannot be archived.", hint="every server has it.")
        return await self.change(name, {"archived_at": None if undo else self._clock.wall()})

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    async def _find(self, name: str) -> tuple[Workspace, int]:
        """A workspace and the version of its document; 0 = there is none yet."""
        store = self._stores.existing()
        found = None if store is None or not NAME.fullmatch(name) else await store.document(KIND, name)
        if found is not None:
            return _read(found), found.version
        if name == HOME:
            return Workspace(name=HOME), 0
        raise unknown(name)


def unknown(name: str) -> UnknownName:
    """What is said of a workspace that is not there, and of one that is none of the asker's."""
    return UnknownName(
        f"There is no workspace `{name[:60]}`.",
        hint="`GET /api/v1/me` lists yours, `weft workspaces list` those of the server.",
    )


def _contended(name: str) -> ChangedMeanwhile:
    return ChangedMeanwhile(f"Others keep changing workspace `{name}`.", hint="try again.")


def _title(title: str) -> str:
    title = title.strip()
    if len(title) > LONGEST_TITLE or not title.isprintable():
        raise Mistake("This is no title.", hint=f"take one line of up to {LONGEST_TITLE} characters.")
    return title


def _amount(amount: Usd | None) -> Usd | None:
    if amount is not None and amount < 0:
        raise Mistake("A budget cannot be below zero.", hint="0 allows no paid call.")
    return amount


def _written(workspace: Workspace) -> Document:
    return Document(
        kind=KIND,
        id=workspace.name,
        state=ARCHIVED if workspace.is_archived else KEPT,
        content={
            "title": workspace.title,
            "monthly_budget": None if workspace.monthly_budget is None else int(workspace.monthly_budget),
            "made_at": workspace.made_at,
            "archived_at": workspace.archived_at,
        },
    )


def _read(document: Document) -> Workspace:
    told = document.content
    budget = told["monthly_budget"]
    return Workspace(
        name=document.id,
        title=told["title"],
        monthly_budget=None if budget is None else Usd(budget),
        made_at=told["made_at"],
        archived_at=told["archived_at"],
    )
