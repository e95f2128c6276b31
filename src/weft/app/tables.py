"""The desk for tables that are handed over: keep one on disk, list, look at, rename, forget.

Knows that a table is a file beside the store with a small JSON file next to it, which is written
last: a table without one does not exist, and what a crash leaves is swept away later. Bytes are
counted as they come. Refuses to know formats (`tables/`) and how bytes travel.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from random import Random
from typing import Any

from weft.app.opening import Surroundings
from weft.app.stores import Stores
from weft.app.uploading import Upload, unwritable
from weft.errors import ImpossibleMove, Mistake, UnknownName, UnreadableTable, WeftError
from weft.ids import derive, draw
from weft.kit import plain_json
from weft.kit.clocks import Clock
from weft.protocols import ReadOptions, Table
from weft.tables.choosing import choose_format
from weft.tables.reading import Preview, open_table, preview

SUFFIX = ".tables"  # of the folder, beside a store that is a file
ELSEWHERE = Path(".weft") / "tables"  # where the store is no file
FACTS = ".json"
DRAFT = ".part"
MOST_BYTES = 200_000_000  # of one table
MOST_COLUMNS = 2_000
MOST_TABLES = 1_000
LONGEST_NAME = 200  # characters
STALE_S = 86_400.0  # an upload that has stood still for a day was left by a crash


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTable:
    """A table that was handed over.

    Attributes:
        id: `t` and twelve characters.
        name: as people call it; its ending names the format.
        digest: SHA-256 of the bytes, hex.
        kept_at: seconds since the epoch, UTC.
        read: how it is read.
        notes: what was found or repaired when it was opened.
        path: the file.
    """

    id: str
    name: str
    bytes: int
    digest: str
    kept_at: float
    columns: tuple[str, ...]
    read: ReadOptions
    notes: tuple[str, ...]
    path: Path


class TablesDesk:
    """Keeps tables that people hand over."""

    def __init__(
        self,
        surroundings: Surroundings,
        stores: Stores,
        *,
        clock: Clock,
        random: Random,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Keep them beside this store; nothing is read or written yet.

        Args:
            surroundings: say where, if the store is no file.
            stores: the house's own.
            clock: dates them.
            random: draws ids.
            most_bytes: of one table.
        """
        store = stores.path
        self.folder = surroundings.root / ELSEWHERE if store is None else store.with_name(store.name + SUFFIX)
        self._clock = clock
        self._random = random
        self._most_bytes = most_bytes

    # ── handing over ─────────────────────────────────────────────────────────────────────────────

    def begin(self, name: str, *, key: str = "") -> Upload:
        """Take a table in, whose bytes are still to come.

        Args:
            name: with an ending that names the format.
            key: the sender's name for this errand; the same key gives the same table. Empty = none.

        Raises:
            UnreadableTable: if the name names no format.
            ImpossibleMove: if there are too many tables.
            UnwritableFile: if the folder or file cannot be made.
        """
        _check_name(name)
        if len(list(self._ids())) >= MOST_TABLES:
            raise ImpossibleMove(f"{MOST_TABLES:,} tables are kept already.", hint="forget some first.")
        table = "t" + (derive(key, 12) if key else draw(self._random, 12))
        draft = self.folder / f"{table}.{draw(self._random, 6)}{DRAFT}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            place = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            stream = os.fdopen(place, "wb")
        except OSError as exc:
            raise unwritable(draft, exc) from exc
        return Upload(id=table, name=name, draft=draft, most_bytes=self._most_bytes, _stream=stream)

    def keep(self, upload: Upload, read: ReadOptions | None = None) -> KeptTable:
        """Keep what came, if it can be opened as a table; otherwise nothing of it stays.

        Args:
            upload: every byte of it was written.
            read: how to read it; `None` = find out.

        Raises:
            Mistake: of every kind that a table can have, by the name that was given.
            ImpossibleMove: if the sender's key stands for another table.
        """
        try:
            size, digest = upload.finish()
            standing = self._find(upload.id)
            if standing is not None:
                return _same(standing, upload.name, digest)
            path = self._place(upload.id, upload.name)
            upload.draft.replace(path)
            try:
                table = _open(path, upload.name, read or ReadOptions())
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            kept = KeptTable(
                id=upload.id,
                name=upload.name,
                bytes=size,
                digest=digest,
                kept_at=self._clock.wall(),
                columns=table.columns,
                read=read or ReadOptions(),
                notes=tuple(_renamed(note, path, upload.name) for note in table.notes),
                path=path,
            )
            self._write(kept)
            return kept
        finally:
            upload.drop()

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    def listed(self) -> list[KeptTable]:
        """Every table, the newest first."""
        found = (self._find(each) for each in self._ids())
        return sorted((each for each in found if each), key=lambda each: (-each.kept_at, each.id))

    def get(self, table: str) -> KeptTable:
        """One table by its id.

        Raises:
            UnknownName: if there is none.
        """
        found = self._find(table)
        if found is None:
            raise UnknownName(f"There is no table `{table[:40]}`.", hint="list the tables that there are.")
        return found

    def preview(self, table: str, *, rows: int = 10, read: ReadOptions | None = None) -> Preview:
        """Read the first rows, as it is read, or as it would be read.

        Args:
            table: its id.
            rows: the most of them.
            read: to try out; `None` = as it stands.

        Raises:
            UnknownName: if there is no such table.
            Mistake: of every kind that a table can have, by its name.
        """
        kept = self.get(table)
        opened = _open(kept.path, kept.name, read or kept.read)
        try:
            found = preview(opened, rows)
        except WeftError as exc:
            raise _told_by_name(exc, kept.path, kept.name) from exc
        return replace(
            found,
            problems=tuple(_renamed(each, kept.path, kept.name) for each in found.problems),
            notes=tuple(_renamed(each, kept.path, kept.name) for each in found.notes),
        )

    # ── changing ─────────────────────────────────────────────────────────────────────────────────

    def change(self, table: str, *, name: str = "", read: ReadOptions | None = None) -> KeptTable:
        """Give it another name of the same format, or read it in another way.

        Args:
            table: its id.
            name: empty = as it is.
            read: `None` = as it is.

        Raises:
            UnknownName: if there is no such table.
            Mistake: if the name means another format, or it cannot be read in this way.
        """
        kept = self.get(table)
        if name:
            _check_name(name)
            if PurePath(name).suffix.lower() != kept.path.suffix:
                raise Mistake(
                    f"`{name}` would be another format than `{kept.name}`.",
                    hint=f"keep its ending `{kept.path.suffix}`.",
                )
        changed = replace(kept, name=name or kept.name, read=read or kept.read)
        opened = _open(kept.path, changed.name, changed.read)
        notes = tuple(_renamed(each, kept.path, changed.name) for each in opened.notes)
        self._write(changed := replace(changed, columns=opened.columns, notes=notes))
        return changed

    def forget(self, table: str) -> None:
        """Remove a table; runs that have read it keep its rows.

        Raises:
            UnknownName: if there is none.
        """
        kept = self.get(table)
        self._facts(table).unlink(missing_ok=True)  # from now on there is no such table
        kept.path.unlink(missing_ok=True)

    # ── files ────────────────────────────────────────────────────────────────────────────────────

    def _ids(self) -> Iterator[str]:
        yield from (each.stem for each in self.folder.glob(f"t*{FACTS}"))

    def _facts(self, table: str) -> Path:
        return self.folder / f"{table}{FACTS}"

    def _place(self, table: str, name: str) -> Path:
        return self.folder / f"{table}{PurePath(name).suffix.lower()}"

    def _find(self, table: str) -> KeptTable | None:
        """A table by its id; `None` if there is none, or if its facts make no sense."""
        if not (table.isascii() and table.isalnum()):
            return None
        try:
            facts = plain_json.load(self._facts(table).read_bytes())
            return self._read(table, facts)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _read(self, table: str, facts: Mapping[str, Any]) -> KeptTable:
        return KeptTable(
            id=table,
            name=facts["name"],
            bytes=facts["bytes"],
            digest=facts["digest"],
            kept_at=facts["kept_at"],
            columns=tuple(facts["columns"]),
            read=ReadOptions(**facts["read"]),
            notes=tuple(facts["notes"]),
            path=self._place(table, facts["name"]),
        )

    def _write(self, kept: KeptTable) -> None:
        """Write a table's facts; at no moment are they half there."""
        facts = {name: getattr(kept, name) for name in ("name", "bytes", "digest", "kept_at")}
        facts |= {"columns": list(kept.columns), "notes": list(kept.notes), "read": asdict(kept.read)}
        path = self._facts(kept.id)
        draft = path.with_suffix(f".{draw(self._random, 6)}{DRAFT}")
        try:
            draft.write_bytes(plain_json.dump(facts))
            draft.replace(path)
        except OSError as exc:
            draft.unlink(missing_ok=True)
            raise unwritable(path, exc) from exc

    def _sweep(self) -> None:
        """Remove what crashes have left."""
        for each in self.folder.glob(f"*{DRAFT}"):
            with suppress(OSError):
                if self._clock.wall() - each.stat().st_mtime > STALE_S:
                    each.unlink()


# ── steps ────────────────────────────────────────────────────────────────────────────────────────


def _check_name(name: str) -> None:
    """Refuse a name that names no format, or that nobody could read.

    Raises:
        UnreadableTable: then.
    """
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or set(name) & {"/", "\\"}:
        raise UnreadableTable(
            "This is no name for a table.", hint="give a file name such as `emails.csv`, without folders."
        )
    try:
        choose_format(PurePath(name))
    except UnknownName as exc:
        raise UnreadableTable(exc.message, hint=exc.hint) from exc


def _open(path: Path, name: str, read: ReadOptions) -> Table:
    """Open a table; what is wrong is told by the name that people know."""
    try:
        table = open_table(path, read)
    except WeftError as exc:
        raise _told_by_name(exc, path, name) from exc
    if len(table.columns) > MOST_COLUMNS:
        raise UnreadableTable(
            f"`{name}` has {len(table.columns):,} columns; at most {MOST_COLUMNS:,} are taken.",
            hint="leave out those that are not needed.",
        )
    return table


def _told_by_name(error: WeftError, path: Path, name: str) -> WeftError:
    facts = {key: value for key, value in error.facts.items() if key != "path"}
    return type(error)(_renamed(error.message, path, name), hint=error.hint, **facts)


def _renamed(sentence: str, path: Path, name: str) -> str:
    return sentence.replace(str(path), name).replace(path.name, name)


def _same(standing: KeptTable, name: str, digest: str) -> KeptTable:
    """The table that a key stands for, if it is the one that came again.

    Raises:
        ImpossibleMove: if it is another one.
    """
    if (standing.name, standing.digest) != (name, digest):
        raise ImpossibleMove(
            f"The key stands for `{standing.name}`, and this is another table.", hint="take a new key."
        )
    return standing
