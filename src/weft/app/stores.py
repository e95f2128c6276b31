"""The house's one store: opened on first use, closed with the house.

Knows which kind of store a URL names, and whether it is there already. Refuses to know what is in
it. Looking at things never makes a store; only a run does.
"""

from __future__ import annotations

import re
from pathlib import Path
from threading import Lock
from typing import Protocol
from urllib.parse import unquote

from weft.errors import BadSetting, UnknownName
from weft.kit.clocks import Clock
from weft.kit.registries import Registry
from weft.protocols import Store
from weft.rights import HOME
from weft.settings import Settings

FILES = "sqlite"  # the scheme whose stores are files


class Engine(Protocol):
    """A drop-in of `store/engines`: opens one kind of store."""

    def open(self, url: str, *, clock: Clock, min_free_mb: int = 0) -> Store:
        """Open a store, and make it where there is none."""

    def is_there(self, url: str) -> bool:
        """Whether a store is there already; nothing is made."""

    def upgrade(self, url: str) -> tuple[int, int]:
        """Bring a store up to date; the revision of its tables before and after, 0 = there were none."""

    def beside(self, url: str, name: str) -> str:
        """The URL of another store of the same kind, kept in the same place under a name."""


ENGINES: Registry[Engine] = Registry("weft.store.engines", "store", what="kind of store", group="weft.stores")
"""Every kind of store; its name is the scheme of its URLs."""
ALIASES = {"postgres": "postgresql"}
"""Other spellings of a scheme that people are used to."""
WORKSPACE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""Ids of workspaces: safe as the name of a folder"""

_PASSWORD = re.compile(r"(?<=://)([^:/?#@]*):[^/?#]*@|(?<=[?&])(password=)[^&#]*")


def hide_password(url: str) -> str:
    """Give a URL as it may be shown.

    >>> hide_password("postgresql://me:secret@db.example/weft")
    'postgresql://me@db.example/weft'
    """
    return _PASSWORD.sub(lambda found: f"{found[1]}@" if found[1] is not None else f"{found[2]}…", url)


def engine_of(url: str) -> Engine:
    """Find who opens the stores of a URL.

    Raises:
        BadSetting: if it names no kind of store.
    """
    scheme, found, _ = url.partition("://")
    scheme = ALIASES.get(scheme, scheme)
    if not found or scheme not in ENGINES:
        kinds = ", ".join(f"{name}://" for name in ENGINES.names())
        raise BadSetting(
            f"`{hide_password(url)}` names no store.", hint=f"kinds of stores: {kinds}.", setting="store"
        )
    return ENGINES.get(scheme)


def workspace_url(url: str, workspace: str) -> str:
    """Give the URL of a workspace's own store, which lies beside the server's.

    A file gets a file of its own in `<file>.workspaces/<id>/`; a database on a server gets a schema
    of its own, `weft_<id>`, in the same database, reached with the same address and password. The
    workspace `home` is in the server's store itself.

    >>> workspace_url("sqlite:////srv/weft/weft.db", "sales")
    'sqlite:////srv/weft/weft.db.workspaces/sales/weft.db'

    Raises:
        BadSetting: if the URL names no kind of store, or what is given is no id.
    """
    if not WORKSPACE.fullmatch(workspace):
        raise BadSetting(
            f"`{workspace[:60]}` cannot be the id of a workspace.",
            hint="take up to 63 lower-case letters, digits and `-`, beginning with a letter or digit.",
        )
    return url if workspace == HOME else engine_of(url).beside(url, workspace)


class Stores:
    """Opens the store that the settings name, once."""

    def __init__(self, settings: Settings, *, clock: Clock) -> None:
        """Open nothing yet."""
        self.url = settings.store
        self._least_mb = settings.min_free_mb
        self._clock = clock
        self._store: Store | None = None
        self._opening = Lock()

    @property
    def path(self) -> Path | None:
        """The file of the store; `None` where it is no file."""
        scheme, _, rest = self.url.partition("://")
        return Path(unquote(rest.removeprefix("/"))) if scheme == FILES else None

    @property
    def shown(self) -> str:
        """The store for people: a file's path, or the URL without its password."""
        return str(self.path) if self.path is not None else hide_password(self.url)

    def open(self) -> Store:
        """The store; made where there is none.

        Raises:
            BadSetting: if the URL names no kind of store.
            IncompatibleStore: if it was made by a newer weft, or is no weft store.
            UnwritableFile: if its file or folder cannot be written.
        """
        with self._opening:  # two requests of a server may be the first
            if self._store is None:
                self._store = self._engine().open(self.url, clock=self._clock, min_free_mb=self._least_mb)
            return self._store

    def is_there(self) -> bool:
        """Whether there is a store; nothing is made or kept open."""
        return self._store is not None or self._engine().is_there(self.url)

    def existing(self) -> Store | None:
        """The store if it is there; `None` if it would have to be made first."""
        return self.open() if self.is_there() else None

    def upgrade(self) -> tuple[int, int]:
        """Bring the store up to date; the revision of its tables before and after.

        Raises:
            UnknownName: if it is a file that is not there.
        """
        if self.path is not None and not self.path.exists():
            raise self._absent()
        return self._engine().upgrade(self.url)

    def _engine(self) -> Engine:
        return engine_of(self.url)

    def reading(self) -> Store:
        """The store, for looking at what must be in it.

        Raises:
            UnknownName: if there is no store yet, so that nothing can be in it.
        """
        store = self.existing()
        if store is None:
            raise self._absent()
        return store

    def _absent(self) -> UnknownName:
        return UnknownName(
            f"There is no run yet: nothing was found at `{self.shown}`.",
            hint="`weft run` starts one; `--store` names another store.",
            store=self.shown,
        )

    async def close(self) -> None:
        """Close the store if it was opened; harmless when repeated."""
        if self._store is not None:
            store, self._store = self._store, None
            await store.close()


class Borrowed(Stores):
    """Stores of somebody else, who closes them."""

    def __init__(self, lender: Stores) -> None:
        """Lend the lender's store."""
        self._lender = lender
        self.url = lender.url

    def open(self) -> Store:
        """The lender's store, as in `Stores.open`."""
        return self._lender.open()

    def is_there(self) -> bool:
        """Whether the lender has a store, as in `Stores.is_there`."""
        return self._lender.is_there()

    def existing(self) -> Store | None:
        """The lender's store, as in `Stores.existing`."""
        return self._lender.existing()

    def reading(self) -> Store:
        """The lender's store, as in `Stores.reading`."""
        return self._lender.reading()

    def upgrade(self) -> tuple[int, int]:
        """The lender's store, as in `Stores.upgrade`."""
        return self._lender.upgrade()

    async def close(self) -> None:
        """Leave the store to its owner."""
