"""The folder of tables that were handed over: their files, what is known about each, and room for more.

Knows that a table's facts are written last: a table without them does not exist. A file is claimed as
long as somebody writes it, also by another process; what is neither claimed nor known was left by a
crash and is swept away. Refuses to know formats and what a table says.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from random import Random
from typing import Any, BinaryIO

from weft.app.uploading import unwritable
from weft.errors import DiskFull, ImpossibleMove
from weft.ids import draw
from weft.kit import plain_json
from weft.kit.clocks import Clock
from weft.protocols import ReadOptions
from weft.tables.surveying import ColumnFacts

if sys.platform != "win32":
    import fcntl

FACTS = ".json"
DRAFT = ".part"
MARKS = ".marks"
COPY = ".rows"
STALE_S = 86_400.0  # where files cannot be claimed: one that has stood still for a day was left by a crash


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
        rows: all of them, broken ones too; `None` = not counted, by an older weft.
        broken: records among them that are no rows; `None` likewise.
        facts: what is known about each column; none likewise.
        recipe: what opens it again without looking at it.
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
    rows: int | None = None
    broken: int | None = None
    facts: tuple[ColumnFacts, ...] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict)


class TableFolder:
    """The folder; several processes may use it at once."""

    def __init__(self, path: Path, *, clock: Clock, random: Random, most_mb: int, least_free_mb: int) -> None:
        """Nothing is read or made yet.

        Args:
            path: of the folder.
            clock: says how old a file is.
            random: draws names of drafts.
            most_mb: of all tables together.
            least_free_mb: that stay free on the disk.
        """
        self.path = path
        self._clock = clock
        self._random = random
        self._most = most_mb * 1_000_000
        self._least_free = least_free_mb * 1_000_000

    # ── tables ───────────────────────────────────────────────────────────────────────────────────

    def ids(self) -> Iterator[str]:
        """Every table's id, in no order."""
        yield from (each.stem for each in self.path.glob(f"t*{FACTS}"))

    def find(self, table: str) -> KeptTable | None:
        """A table by its id; `None` if there is none, or if its facts make no sense."""
        if not (table.isascii() and table.isalnum()):
            return None
        try:
            return self._read(table, plain_json.load(self._facts(table).read_bytes()))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, kept: KeptTable) -> None:
        """Write a table's facts; at no moment are they half there.

        Raises:
            UnwritableFile: if they cannot be written.
        """
        facts = {name: getattr(kept, name) for name in ("name", "bytes", "digest", "kept_at")}
        facts |= {"columns": list(kept.columns), "notes": list(kept.notes), "read": asdict(kept.read)}
        facts |= {"rows": kept.rows, "broken": kept.broken, "recipe": dict(kept.recipe)}
        facts |= {"facts": [asdict(each) for each in kept.facts]}
        with self.drafting(kept.id, self._facts(kept.id)) as stream:
            stream.write(plain_json.dump(facts))

    def remove(self, kept: KeptTable) -> None:
        """Remove a table."""
        self._facts(kept.id).unlink(missing_ok=True)  # from now on there is no such table
        kept.path.unlink(missing_ok=True)
        self.remove_marks(kept.id)

    def remove_marks(self, table: str, *, but: str = "") -> None:
        """Remove what was built for reading a table, short of what belongs to one reading of it."""
        for kind in (MARKS, COPY):
            for each in self.path.glob(f"{table}.*{kind}"):
                if not but or each.name != self.beside(table, but, kind).name:
                    each.unlink(missing_ok=True)

    def place(self, table: str, name: str) -> Path:
        """The file of a table, by its id and the name that it was given."""
        return self.path / f"{table}{PurePath(name).suffix.lower()}"

    def beside(self, table: str, reading: str, kind: str) -> Path:
        """A file that belongs to one reading of a table."""
        return self.path / f"{table}.{reading[:12]}{kind}"

    # ── writing ──────────────────────────────────────────────────────────────────────────────────

    def draft(self, table: str) -> tuple[Path, BinaryIO]:
        """Begin a file that is nobody else's as long as it is open.

        Raises:
            UnwritableFile: if it cannot be made.
        """
        while True:
            path = self.path / f"{table}.{draw(self._random, 6)}{DRAFT}"
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                place = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except OSError as exc:
                raise unwritable(path, exc) from exc
            stream = os.fdopen(place, "wb")
            _claim(place)
            if path.exists():  # between the two steps somebody may have taken it for an orphan
                return path, stream
            stream.close()

    @contextmanager
    def drafting(self, table: str, path: Path) -> Iterator[BinaryIO]:
        """Write a file that takes its place when it is complete; an error leaves nothing of it.

        Raises:
            UnwritableFile: if it cannot be written.
        """
        draft, stream = self.draft(table)
        try:
            with stream:
                yield stream
                stream.flush()
                draft.replace(path)
        except OSError as exc:
            raise unwritable(path, exc) from exc
        finally:
            draft.unlink(missing_ok=True)

    def check_room(self, more: int) -> None:
        """Refuse what there is no room for.

        Args:
            more: bytes that are still to be written.

        Raises:
            ImpossibleMove: if all tables together would be too large.
            DiskFull: if too little of the disk would stay free.
        """
        used = sum(each.stat().st_size for each in _files(self.path))
        if used + more > self._most:
            raise ImpossibleMove(
                f"Tables take {used:,} bytes of {self._most:,}; there is no room for {more:,} more.",
                hint="forget some first; `tables_mb` in `weft.toml` is the server's limit.",
            )
        place = next(each for each in (self.path, *self.path.parents) if each.exists())
        free = shutil.disk_usage(place).free
        if self._least_free and free - more < self._least_free:
            raise DiskFull(
                f"{free:,} bytes are free where tables are kept; {self._least_free:,} of them stay free.",
                hint="make room on the server's disk.",
            )

    def sweep(self) -> int:
        """Remove what crashes have left; return how many files."""
        known = set(self.ids())
        swept = 0
        for each in _files(self.path):
            is_draft = each.suffix == DRAFT
            if (is_draft or each.name.partition(".")[0] not in known) and self._is_orphan(each):
                with suppress(OSError):
                    each.unlink()
                    swept += 1
        return swept

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    def _facts(self, table: str) -> Path:
        return self.path / f"{table}{FACTS}"

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
            path=self.place(table, facts["name"]),
            rows=facts.get("rows"),
            broken=facts.get("broken"),
            facts=tuple(ColumnFacts(**each) for each in facts.get("facts", ())),
            recipe=facts.get("recipe", {}),
        )

    def _is_orphan(self, path: Path) -> bool:
        """Whether nobody writes a file any more."""
        try:
            if sys.platform == "win32":
                return self._clock.wall() - path.stat().st_mtime > STALE_S
            with path.open("rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # claimed, or gone
            return False
        return True


def _claim(place: int) -> None:
    """Claim an open file; the claim ends with the process, however that ends."""
    if sys.platform != "win32":
        with suppress(OSError):  # some distant disks know no locks
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _files(folder: Path) -> Iterator[Path]:
    """The files of tables in a folder that others change meanwhile."""
    for each in folder.glob("t*.*") if folder.exists() else ():
        with suppress(OSError):
            if each.is_file():
                yield each
