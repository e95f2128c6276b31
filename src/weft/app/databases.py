"""The desk for the store as a whole: bring it up to date, look whether its books add up, copy it.

Knows what a person who keeps a store asks for. Refuses to know what kind of database it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from weft.app.stores import Stores
from weft.errors import UnwritableFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgraded:
    """What became of a store.

    Attributes:
        store: its URL, without a password.
        before: the revision of its tables; 0 = there were none.
        after: the newest revision, which this weft knows.
    """

    store: str
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A copy of a store."""

    store: str
    path: Path

    @property
    def bytes(self) -> int:
        """How large it is."""
        return self.path.stat().st_size


class DatabasesDesk:
    """Looks after the store."""

    def __init__(self, stores: Stores) -> None:
        """Look after the store of these; nothing is opened yet."""
        self._stores = stores

    async def upgrade(self) -> Upgraded:
        """Bring the store up to date, or make it in an empty database; harmless when repeated.

        Raises:
            IncompatibleStore: if it was made by a newer weft, or is no weft store.
            UnknownName: if the store is a file and is not there.
        """
        before, after = self._stores.upgrade()
        return Upgraded(store=self._stores.shown, before=before, after=after)

    async def check(self) -> list[str]:
        """Look for damage and whether the books add up; sentences, empty = sound. Reads the whole store.

        Raises:
            UnknownName: if there is no store yet.
        """
        store = self._stores.reading()
        return await store.check() or await store.audit()  # a damaged store adds up to nothing

    async def backup(self, path: Path) -> Backup:
        """Copy the store to a new file, as it stands at one moment; runs may go on meanwhile.

        Raises:
            UnwritableFile: if the file is there already or cannot be written.
            UnknownName: if there is no store yet.
        """
        store = self._stores.reading()
        _refuse_unless_new(path)
        await store.backup(path)
        return Backup(store=self._stores.shown, path=path)


def _refuse_unless_new(path: Path) -> None:
    if path.exists():
        raise UnwritableFile(
            f"`{path}` is there already, and a backup replaces nothing.",
            hint="choose another name.",
            path=str(path),
        )
    if not path.absolute().parent.is_dir():
        raise UnwritableFile(f"The folder of `{path}` is not there.", hint="make it first.", path=str(path))
