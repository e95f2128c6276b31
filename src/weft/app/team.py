"""The houses of a team: every workspace has a store, a folder and keys of its own.

Knows where each workspace's things lie, that the server's settings hold for all of them, and which
settings no request may choose. A house is opened when it is first asked for, and kept.
Refuses to know who may come in (`principals.py`), and what is in a house.
"""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from pathlib import Path
from random import Random

from weft.app.masters import handed_down
from weft.app.members import MembersDesk
from weft.app.opening import Surroundings, new_random
from weft.app.stores import Stores, workspace_url
from weft.app.tables import SUFFIX as TABLES
from weft.app.tokens import TokensDesk
from weft.app.weft import Weft
from weft.app.workspaces import WorkspacesDesk, unknown
from weft.errors import UnwritableFile
from weft.kit.clocks import Clock, SystemClock
from weft.protocols import Provider, Transport
from weft.settings import CHOSEN, Settings

SUFFIX = ".workspaces"  # of the folder, beside a store that is a file
ELSEWHERE = Path(".weft") / "workspaces"  # where the store is no file
PRIVATE = 0o700

FIXED = frozenset(each.name for each in fields(Settings)) - CHOSEN
"""Settings that hold for all: they name files, addresses, stores and keys, or say how long a server waits."""


class TeamHouses:
    """Opens the house of each workspace of a server.

    Attributes:
        surroundings: of the server.
        clock: tells the time to everybody.
        control: the server's own stores, where members, workspaces and tokens are.
        members, workspaces, tokens: the desks of the whole server.
    """

    def __init__(
        self,
        home: Surroundings,
        *,
        clock: Clock | None = None,
        random: Random | None = None,
        provider: Provider | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Open the server's own stores and nothing else yet.

        Args:
            home: of the server; its environment and its folder serve no workspace.
            clock: `None` = the machine's.
            random: draws ids and labels; `None` = seeded by the system.
            provider: asked instead of the ones that settings name.
            transport: the wire instead of the real one.
        """
        self.surroundings = home
        self.clock = clock or SystemClock()
        self._random = random or new_random()
        self._provider = provider
        self._transport = transport
        self.control = Stores(home.settings, clock=self.clock)
        self.workspaces = WorkspacesDesk(self.control, clock=self.clock)
        self.members = MembersDesk(self.control, clock=self.clock)
        self.tokens = TokensDesk(self.control, clock=self.clock)
        self._houses: dict[str, Weft] = {}
        self._opening = asyncio.Lock()

    async def names(self) -> list[str]:
        """Every workspace that is in use, in order."""
        return [each.name for each in await self.workspaces.listed()]

    async def open(self, workspace: str) -> Weft:
        """The house of a workspace; the same one each time.

        Raises:
            UnknownName: if there is no such workspace, or it was put away.
            UnwritableFile: if its folder cannot be made.
        """
        if (await self.workspaces.get(workspace)).is_archived:
            raise unknown(workspace)
        async with self._opening:
            if workspace not in self._houses:
                self._houses[workspace] = self._build(workspace)
            return self._houses[workspace]

    async def close(self) -> None:
        """Close every house and the server's own stores; harmless when repeated."""
        while self._houses:
            await self._houses.popitem()[1].close()
        await self.control.close()

    def _build(self, workspace: str) -> Weft:
        folder = folder_of(self.surroundings, workspace)
        try:
            folder.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            folder.mkdir(mode=PRIVATE, exist_ok=True)
        except OSError as exc:
            raise UnwritableFile(
                f"The folder of workspace `{workspace}` cannot be made: {exc.strerror or exc}.",
                hint="the server must be able to write beside its store.",
            ) from exc
        return Weft(
            surroundings_of(self.surroundings, workspace),
            clock=self.clock,
            random=self._random,
            provider=self._provider,
            transport=self._transport,
            control=self.control,
        )


def surroundings_of(home: Surroundings, workspace: str) -> Surroundings:
    """What a workspace finds around it: the server's settings, its own store and folder, no environment."""
    store = workspace_url(home.settings.store, workspace)
    return Surroundings(
        settings=replace(home.settings, store=store),
        config=None,
        root=folder_of(home, workspace),
        environment={},
        given=home.given,
        flagged=frozenset(),
        workspace=workspace,
        apart=True,
        fixed=FIXED,
        masters=handed_down(home),
    )


def folder_of(home: Surroundings, workspace: str) -> Path:
    """Where a workspace keeps its templates, variants and tables."""
    return folders_of(home) / workspace


def folders_of(home: Surroundings) -> Path:
    """Where the folders of all workspaces lie; nobody but the server may look into it."""
    path = Stores(home.settings, clock=SystemClock()).path
    return home.root / ELSEWHERE if path is None else path.with_name(path.name + SUFFIX)


def file_places(home: Surroundings) -> tuple[Path, ...]:
    """Where the files of all workspaces and the tables of `home` lie."""
    path = Stores(home.settings, clock=SystemClock()).path
    return (folders_of(home), *(() if path is None else (path.with_name(path.name + TABLES),)))
