"""Stores in one SQLite file: `sqlite:///relative/path.db` or `sqlite:////absolute/path.db`.

Knows how the URL names a file. How the file is opened and recognised is in `_sqlite.py`.
Refuses URLs with a host: a store on a network share would break SQLite's locks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from weft.errors import BadSetting
from weft.kit.clocks import Clock
from weft.store.engines._sqlite import file_database, upgrade_file
from weft.store.storing import SqlStore

PREFIX = "sqlite:///"


@dataclass(frozen=True, slots=True)
class SqliteEngine:
    """Opens stores in SQLite files."""

    def open(self, url: str, *, clock: Clock, threads: bool = True, min_free_mb: int = 0) -> SqlStore:
        """Open a store, create it where there is none, bring an older one up to date.

        An older file is copied to `<file>.revision-<n>.bak` before it is changed.

        Args:
            url: three slashes and a relative path, or four and an absolute one.
            clock: tells dates and waits.
            threads: `False` commits every write at once on the caller's thread.
            min_free_mb: free disk space below which nothing is reserved; 0 = do not look.

        Raises:
            BadSetting: if the URL names no file.
            IncompatibleStore: made by a newer weft, no weft store, or damaged; nothing is changed.
            UnwritableFile: if the file or its folder cannot be written.
            StoreBusy: if another process keeps it locked.
        """
        return SqlStore(file_database(path_of(url)), clock=clock, threads=threads, min_free_mb=min_free_mb)

    def is_there(self, url: str) -> bool:
        """Whether the file is there."""
        return path_of(url).exists()

    def upgrade(self, url: str) -> tuple[int, int]:
        """Bring a store up to date, which every opening does; its revision before and after.

        Raises:
            WeftError: as for `open`.
        """
        return upgrade_file(path_of(url))

    def beside(self, url: str, name: str) -> str:
        """Give the URL of another store of the same kind and place: a file in a folder beside this one.

        >>> store.beside("sqlite:///.weft/weft.db", "sales")
        'sqlite:///.weft/weft.db.workspaces/sales/weft.db'

        Raises:
            BadSetting: if the URL names no file.
        """
        path_of(url)
        return f"{url}.workspaces/{quote(name, safe='')}/weft.db"


def path_of(url: str) -> Path:
    """Read the path of a SQLite URL.

    >>> path_of("sqlite:///.weft/weft.db").as_posix()
    '.weft/weft.db'

    Raises:
        BadSetting: if the URL names no file.
    """
    path = unquote(url.removeprefix(PREFIX))
    if not url.startswith(PREFIX) or not path:
        raise BadSetting(
            f"`{url}` does not name a store.", hint="write sqlite:///path/to/weft.db, or memory://.", url=url
        )
    return Path(path)


store = SqliteEngine()
