"""The houses of a team: every workspace has a store, a folder and keys of its own.

Knows where each workspace's things lie, that the server's settings hold for all of them, and which
settings no request may choose. A house is opened when it is first asked for, and kept.
Refuses to know who may come in (`principals.py`), and what is in a house.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import fields, replace
from pathlib import Path
from random import Random
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from weft.app.opening import Surroundings, new_random, sqlite_url
from weft.app.stores import FILES, Stores
from weft.app.weft import Weft
from weft.app.workspaces import WorkspacesDesk, unknown
from weft.errors import UnwritableFile
from weft.kit.clocks import Clock, SystemClock
from weft.protocols import Provider, Transport
from weft.rights import HOME
from weft.settings import Settings

SUFFIX = ".workspaces"  # of the folder, beside a store that is a file
ELSEWHERE = Path(".weft") / "workspaces"  # where the store is no file
STORE = "weft.db"
PRIVATE = 0o700

CHOSEN = frozenset(
    {
        "model",
        "base_url",  # one of `allowed_base_urls`
        "key_name",
        "structured",
        "rows_per_call",
        "input_tokens_per_call",
        "output_tokens_per_call",
        "concurrency",
        "rpm",
        "tpm",
        "budget_usd",
        "budget_tokens",
        "until_budget",
        "max_failed_share",
        "temperature",
        "top_p",
        "seed",
        "reasoning_effort",
        "reasoning_tokens",
        "strict_model",
    }
)
"""Settings that somebody may choose for a request; what they change is theirs alone."""
FIXED = frozenset(each.name for each in fields(Settings)) - CHOSEN
"""Settings that hold for all: they name files, addresses, stores and keys, or say how long a server waits."""


class TeamHouses:
    """Opens the house of each workspace of a server."""

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
            folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
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
    store = store_of(home, workspace)
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
        masters=home.masters,
    )


def folder_of(home: Surroundings, workspace: str) -> Path:
    """Where a workspace keeps its templates, variants and tables."""
    path = _store_path(home)
    below = home.root / ELSEWHERE if path is None else path.with_name(path.name + SUFFIX)
    return below / workspace


def store_of(home: Surroundings, workspace: str) -> str:
    """The URL of a workspace's store: the server's for `home`, else a file or a schema of its own.

    >>> schema_of("support-eu")
    'weft_support_eu'
    """
    url = home.settings.store
    if workspace == HOME:
        return url
    if _store_path(home) is not None:
        return sqlite_url(folder_of(home, workspace) / STORE)
    parts = urlsplit(url)
    query = [each for each in parse_qsl(parts.query, keep_blank_values=True) if each[0] != "schema"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("schema", schema_of(workspace))])))


def schema_of(workspace: str) -> str:
    """The schema of a workspace in a shared database; no two workspaces have the same."""
    return "weft_" + re.sub("-", "_", workspace)  # names of workspaces have no underscore


def _store_path(home: Surroundings) -> Path | None:
    scheme = home.settings.store.partition("://")[0]
    return Stores(home.settings, clock=SystemClock()).path if scheme == FILES else None
