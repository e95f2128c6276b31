"""The desk for tables that are handed over: keep one on disk, list, look at, rename, forget.

Knows that a table is read once from end to end before it is kept: what cannot be read to its end, or
passes a ceiling, is refused with the place, and any page of the rest is found at once. Refuses to know
files (`keeping.py`), formats (`tables/`) and how bytes travel.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from random import Random
from threading import Lock
from typing import cast

from weft.app.keeping import COPY, MARKS, KeptTable, TableFolder
from weft.app.naming import check_name, check_same, renamed, told_by_name
from weft.app.opening import Surroundings
from weft.app.stores import Stores
from weft.app.uploading import Upload
from weft.errors import ImpossibleMove, Mistake, StoreBusy, UnknownName, UnreadableTable, WeftError
from weft.ids import derive, draw
from weft.kit.clocks import Clock
from weft.kit.fingerprints import fingerprint
from weft.protocols import MarkedFormat, MarkedTable, ReadOptions, Table
from weft.row import BrokenRow, Row
from weft.tables.choosing import choose_format
from weft.tables.copying import copy_rows, reopen_copy
from weft.tables.marking import MarksFile, find_mark, is_marked, read_page
from weft.tables.reading import Preview, open_table, preview
from weft.tables.surveying import Ceilings, survey

SUFFIX = ".tables"  # of the folder, beside a store that is a file
ELSEWHERE = Path(".weft") / "tables"  # where the store is no file
MOST_BYTES = 10**12  # of one table, whatever `table_mb` says
MOST_TABLES = 1_000
FREE_SHARE = 4  # times `min_free_mb` stay free beside tables: runs must go on where uploads end
SHOWN = 2_000_000  # characters of cells in one page; a longer one ends early


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePage:
    """Some rows from the middle of a table.

    Attributes:
        rows: broken ones too, in the order of the table.
        total: rows of the whole table.
        next: place of the row behind them; `None` = there is none.
    """

    rows: tuple[Row | BrokenRow, ...]
    total: int
    next: int | None


class TablesDesk:
    """Keeps tables that people hand over; may be asked from several threads."""

    def __init__(self, surroundings: Surroundings, stores: Stores, *, clock: Clock, random: Random) -> None:
        """Keep them beside this store; nothing is read or written yet.

        Args:
            surroundings: say where, if the store is no file, and how large tables may be.
            stores: the house's own.
            clock: dates them.
            random: draws ids.
        """
        store, settings = stores.path, surroundings.settings
        self._folder = TableFolder(
            surroundings.root / ELSEWHERE if store is None else store.with_name(store.name + SUFFIX),
            clock=clock,
            random=random,
            most_mb=settings.tables_mb,
            least_free_mb=settings.min_free_mb * FREE_SHARE,
        )
        self._clock = clock
        self._random = random
        self.most_bytes = settings.table_mb * 1_000_000
        self._ceilings = Ceilings(rows=settings.table_rows, cell=settings.table_cell_kb * 1_024)
        self._most_columns = settings.table_columns
        self._renewing = Lock()

    # ── handing over ─────────────────────────────────────────────────────────────────────────────

    def begin(self, name: str, *, key: str = "", size: int = 0) -> Upload:
        """Take a table in, whose bytes are still to come.

        Args:
            name: with an ending that names the format.
            key: the sender's name for this errand; the same key gives the same table. Empty = none.
            size: bytes that are announced; 0 = not known.

        Raises:
            UnreadableTable: if the name names no format.
            ImpossibleMove: if there are too many tables, or they are too large.
            DiskFull: if the disk is nearly full.
            UnwritableFile: if the folder or file cannot be made.
        """
        check_name(name)
        if len(list(self._folder.ids())) >= MOST_TABLES:
            raise ImpossibleMove(f"{MOST_TABLES:,} tables are kept already.", hint="forget some first.")
        self.sweep()
        self._folder.check_room(size)
        table = "t" + (derive(key, 12) if key else draw(self._random, 12))
        draft, stream = self._folder.draft(table)
        return Upload(
            id=table,
            name=name,
            draft=draft,
            most_bytes=self.most_bytes,
            check_room=self._folder.check_room,
            _stream=stream,
        )

    def keep(self, upload: Upload, read: ReadOptions | None = None) -> KeptTable:
        """Keep what came, if it can be read to its end; otherwise nothing of it stays.

        Takes half a minute for a gigabyte, and memory for a piece of it.

        Args:
            upload: every byte of it was written.
            read: how to read it; `None` = find out.

        Raises:
            Mistake: of every kind that a table can have, by the name that was given.
            ImpossibleMove: if the sender's key stands for another table, or it is being taken in now.
        """
        try:
            size, digest = upload.finish()
            standing = self._folder.find(upload.id)
            if standing is not None:
                return check_same(standing, upload.name, digest)
            path = self._folder.place(upload.id, upload.name)
            _put(upload.draft, path)
            try:
                kept = KeptTable(
                    id=upload.id,
                    name=upload.name,
                    bytes=size,
                    digest=digest,
                    kept_at=self._clock.wall(),
                    columns=(),
                    read=read or ReadOptions(),
                    notes=(),
                    path=path,
                )
                kept = self._look_over(kept)
                self._folder.write(kept)
            except BaseException:
                path.unlink(missing_ok=True)
                self._folder.remove_marks(upload.id)
                raise
            return kept
        finally:
            upload.drop()

    def sweep(self) -> int:
        """Remove what crashes have left; return how many files. What others write now stays."""
        return self._folder.sweep()

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    def listed(self) -> list[KeptTable]:
        """Every table, the newest first."""
        found = (self._folder.find(each) for each in self._folder.ids())
        return sorted((each for each in found if each), key=lambda each: (-each.kept_at, each.id))

    def get(self, table: str) -> KeptTable:
        """One table by its id.

        Raises:
            UnknownName: if there is none.
        """
        found = self._folder.find(table)
        if found is None:
            raise UnknownName(
                f"There is no table `{table[:40]}`.", hint="list the tables that there are.", name=table
            )
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
        opened = self._open(kept, read or kept.read)
        try:
            found = preview(opened, rows)
        except WeftError as exc:
            raise told_by_name(exc, kept) from exc
        shown = _bounded(found.rows)
        return replace(
            found,
            rows=shown,
            problems=tuple(renamed(each, kept) for each in found.problems),
            notes=tuple(renamed(each, kept) for each in found.notes),
            more=found.more or len(shown) < len(found.rows),
        )

    def page(self, table: str, *, place: int, rows: int) -> TablePage:
        """Read some rows from a place on, without reading what stands before.

        Args:
            table: its id.
            place: of the first of them, counted from 0.
            rows: the most of them; fewer come where cells are very long.

        Raises:
            UnknownName: if there is no such table.
            Mistake: if the file has been damaged since.
        """
        kept = self.get(table)
        reading = _reading(kept)
        if not self._is_ready(kept):
            kept = self._renew(table)
        mark = find_mark(self._folder.beside(kept.id, reading, MARKS), reading, place=place)
        try:
            found = _bounded(read_page(self._reopen(kept), mark, place=place, rows=rows))
        except WeftError as exc:
            raise told_by_name(exc, kept) from exc
        last, total = place + len(found), kept.rows or 0
        return TablePage(rows=found, total=total, next=last if found and last < total else None)

    # ── changing ─────────────────────────────────────────────────────────────────────────────────

    def change(self, table: str, *, name: str = "", read: ReadOptions | None = None) -> KeptTable:
        """Give it another name of the same format, or read it in another way.

        Args:
            table: its id.
            name: empty = as it is.
            read: `None` = as it is; else the whole table is read once.

        Raises:
            UnknownName: if there is no such table.
            Mistake: if the name means another format, or it cannot be read in this way.
        """
        kept = self.get(table)
        if name:
            check_name(name)
            if PurePath(name).suffix.lower() != kept.path.suffix:
                raise Mistake(
                    f"`{name}` would be another format than `{kept.name}`.",
                    hint=f"keep its ending `{kept.path.suffix}`.",
                    problems=[{"path": "body.name", "message": "names another format."}],
                )
        changed = replace(kept, name=name or kept.name, read=read or kept.read)
        if changed.read != kept.read:
            changed = self._look_over(changed)
        self._folder.write(changed)
        self._folder.remove_marks(table, but=_reading(changed))
        return changed

    def forget(self, table: str) -> None:
        """Remove a table; runs that have read it keep its rows.

        Raises:
            UnknownName: if there is none.
        """
        self._folder.remove(self.get(table))

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    def _look_over(self, kept: KeptTable) -> KeptTable:
        """Read a table once from end to end; its marks are kept, and what was found is told.

        Raises:
            Mistake: of every kind that a table can have, by its name.
        """
        opened = self._open(kept, kept.read)
        notes = tuple(renamed(note, kept) for note in opened.notes)
        reading = _reading(kept)
        marks = self._folder.beside(kept.id, reading, MARKS)
        try:
            marked = self._marked(kept, opened, self._folder.beside(kept.id, reading, COPY))
            with self._folder.drafting(kept.id, marks) as stream:
                found = survey(marked, self._ceilings, keep=MarksFile(stream, reading).keep)
        except WeftError as exc:
            self._folder.remove_marks(kept.id, but="" if kept.rows is None else _reading(self.get(kept.id)))
            raise told_by_name(exc, kept) from exc
        return replace(
            kept,
            columns=opened.columns,
            notes=notes,
            rows=found.rows,
            broken=found.broken,
            facts=found.columns,
            recipe=marked.recipe,
        )

    def _marked(self, kept: KeptTable, opened: Table, copy: Path) -> MarkedTable:
        """The table, or a copy of one that cannot be read from its middle."""
        if hasattr(opened, "rows_from"):
            return cast("MarkedTable", opened)
        with self._folder.drafting(kept.id, copy) as stream:
            copy_rows(opened, stream)
        recipe = {"format": opened.format, "columns": opened.columns, "notes": opened.notes}
        return reopen_copy(copy, kept.path, recipe)

    def _reopen(self, kept: KeptTable) -> MarkedTable:
        """Open a table as it was opened before."""
        chosen = choose_format(kept.path)
        if hasattr(chosen, "reopen"):
            return cast("MarkedFormat", chosen).reopen(kept.path, kept.recipe)
        return reopen_copy(self._folder.beside(kept.id, _reading(kept), COPY), kept.path, kept.recipe)

    def _is_ready(self, kept: KeptTable) -> bool:
        """Whether any page of a table can be found at once."""
        reading = _reading(kept)
        copy = self._folder.beside(kept.id, reading, COPY)
        return (
            kept.rows is not None
            and is_marked(self._folder.beside(kept.id, reading, MARKS), reading)
            and (hasattr(choose_format(kept.path), "reopen") or copy.exists())
        )

    def _renew(self, table: str) -> KeptTable:
        """Look a table over again, whose marks are gone or were made by an older weft.

        Raises:
            StoreBusy: if this or another one is being looked over by somebody else.
        """
        if not self._renewing.acquire(blocking=False):  # nobody's thread is held for half a minute
            raise StoreBusy(
                "A table is being looked over again; its pages come after that.",
                hint="ask again in a moment.",
                retry_after_s=5,
            )
        try:
            kept = self.get(table)
            if not self._is_ready(kept):
                self._folder.write(kept := self._look_over(kept))
        finally:
            self._renewing.release()
        return kept

    def _open(self, kept: KeptTable, read: ReadOptions) -> Table:
        """Open a table; what is wrong is told by the name that people know."""
        try:
            table = open_table(kept.path, read)
        except WeftError as exc:
            raise told_by_name(exc, kept) from exc
        if len(table.columns) > self._most_columns:
            raise UnreadableTable(
                f"`{kept.name}` has {len(table.columns):,} columns; at most {self._most_columns:,} are taken.",
                hint="leave out those that are not needed.",
                problems=[
                    {"path": f"body.column.{self._most_columns + 1}", "message": "is one column too many."}
                ],
            )
        return table


# ── steps ────────────────────────────────────────────────────────────────────────────────────────


def _reading(kept: KeptTable) -> str:
    """The name of a content that is read in one way."""
    return fingerprint("table", {"digest": kept.digest, "read": asdict(kept.read)})


def _bounded(rows: Iterable[Row | BrokenRow]) -> tuple[Row | BrokenRow, ...]:
    """The first rows, as many as one answer can carry; at least one."""
    found: list[Row | BrokenRow] = []
    size = 0
    for row in rows:
        size += sum(len(str(value)) for value in row.cells.values())
        if found and size > SHOWN:
            break
        found.append(row)
    return tuple(found)


def _put(draft: Path, path: Path) -> None:
    """Give a draft its place, unless another has it.

    Raises:
        ImpossibleMove: then: the same table is being taken in by another request.
    """
    try:
        os.link(draft, path)
    except FileExistsError as exc:
        raise ImpossibleMove(
            "The same table is being taken in by another request.", hint="ask again in a moment."
        ) from exc
    except OSError:  # a disk without such links
        draft.replace(path)
    with suppress(OSError):
        draft.unlink()
