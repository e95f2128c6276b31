"""SQLite as the store needs it: opened, recognised, brought up to date, never harmed.

Knows its pragmas, its error codes and its file. Refuses to know what is written.

One connection writes and checkpoints, another only reads: releases before 3.51.3 can damage a
file in WAL mode when two connections of a process race at a checkpoint. No memory mapping.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from weft.errors import DiskFull, IncompatibleStore, StoreBusy, UnwritableFile, WeftError
from weft.store.database import Database
from weft.store.migrations.upgrading import upgrade
from weft.store.tables import APPLICATION_ID, REVISION

SWITCH_TRIES = 100  # each waits for whoever holds the file; a switch takes a millisecond
BUSY_MS = 30_000  # how long another process may keep the file locked (L7)
CHECK_BELOW_BYTES = 8 << 20  # a file up to this size is looked over at every opening, in under 20 ms
WRITER_CACHE_KIB = 16 << 10  # full long before 100,000 rows, so that memory does not grow beyond
READER_CACHE_KIB = 8 << 10
CHECKPOINT_PAGES = 16_000  # 64 MB: long before, the writer finds a moment for it in which nobody waits
WAL_LIMIT_BYTES = 64 << 20  # what a checkpoint leaves of the log file


def file_database(path: Path) -> Database:
    """Open a store's file for writing and reading; create or migrate it where needed.

    Raises:
        IncompatibleStore: made by a newer weft, no weft store, or damaged; nothing is changed.
        UnwritableFile: if the file or its folder cannot be written.
        StoreBusy: if another process keeps it locked.
    """
    _create(path)
    translate = partial(_translate, path)
    opened: list[sqlite3.Connection] = []
    try:
        writer = _connect(path, opened)
        _recognise(writer, path)
        _prepare(writer, path)
        if _revision(writer) < REVISION:
            _migrate(writer, path)
        reader = _connect(path, opened)
        reader.execute("PRAGMA query_only = ON")
        reader.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
    except BaseException as exc:
        for each in opened:
            each.close()
        ours = translate(exc) if isinstance(exc, Exception) else None
        if ours is None:
            raise
        raise ours from exc
    return _database(writer, reader, path)


def upgrade_file(path: Path) -> tuple[int, int]:
    """Open a store's file, which brings it up to date; its revision before and after.

    Raises:
        WeftError: as for `file_database`.
    """
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        try:
            found = _revision(connection)
        except sqlite3.DatabaseError:
            found = 0  # opening it says what is wrong
    database = file_database(path)
    database.reader.close()
    database.writer.close()
    return found, REVISION


def memory_database() -> Database:
    """Open a new store in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.deserialize(_empty_store())
    return _database(connection, connection, None)


@cache
def _empty_store() -> bytes:
    """A store without rows, made by the migrations once in a process: a simulation opens thousands."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        upgrade(connection, REVISION, APPLICATION_ID)
        return connection.serialize()


@cache
def _first_statements() -> tuple[str, ...]:
    """What makes an empty file the same store, in one transaction."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(_empty_store())
        _, *statements, _ = connection.iterdump()  # without its own transaction
        return (
            *statements,
            f"PRAGMA application_id = {APPLICATION_ID:d}",
            f"PRAGMA user_version = {REVISION:d}",
        )


def _database(writer: sqlite3.Connection, reader: sqlite3.Connection, path: Path | None) -> Database:
    return Database(
        writer=writer,
        reader=reader,
        dialect=SQLiteDialect_pysqlite(),
        begin="BEGIN IMMEDIATE",  # a deferred one fails at once when two processes want to write
        version="PRAGMA data_version",
        translate=partial(_translate, path or Path(":memory:")),
        free_mb=partial(_free_mb, path),
        check=partial(_check, reader, path),
        backup=partial(_backup, reader),
        tidy=partial(_one, writer, "PRAGMA wal_checkpoint(PASSIVE)"),
    )


# ── the file ─────────────────────────────────────────────────────────────────────────────────────


def _touch(path: Path) -> None:
    """Make a file where there is none, which nobody else may read at any moment."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _create(path: Path) -> None:
    """Make folder and file where there are none, readable by their owner only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _touch(path)
    except OSError as exc:
        raise UnwritableFile(
            f"The store `{path}` cannot be written: {exc.strerror or exc}.",
            hint="choose another place with `--store sqlite:///path/to/weft.db` or WEFT_STORE.",
            path=str(path),
        ) from exc


def _connect(path: Path, opened: list[sqlite3.Connection]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000, cached_statements=256
    )
    opened.append(connection)
    return connection


def _recognise(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not ours, without changing it."""
    tables = _one(connection, "SELECT count(*) FROM sqlite_master")
    ours = _one(connection, "PRAGMA application_id") == APPLICATION_ID
    if tables and not ours:
        raise IncompatibleStore(
            f"`{path}` is a database, but no weft store.", hint="choose another file.", path=str(path)
        )
    revision = _revision(connection)
    if revision > REVISION:
        raise IncompatibleStore(
            f"The store `{path}` was made by a newer weft (revision {revision}, this one knows {REVISION}).",
            hint="update weft, or use another store; nothing was changed.",
            path=str(path), found=revision, known=REVISION,
        )  # fmt: skip
    if path.stat().st_size <= CHECK_BELOW_BYTES:
        problems = _check(connection, path)
        if problems:
            raise _damaged(path, problems[0])


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    mode = _write_ahead(connection)
    if mode != "wal":
        raise UnwritableFile(
            f"The store `{path}` lies where SQLite cannot lock it safely.",
            hint="choose a place on a local disk with `--store`.", path=str(path), journal_mode=mode,
        )  # fmt: skip
    for pragma in (
        "synchronous = FULL",  # a commit that returned survives a power cut
        f"cache_size = -{WRITER_CACHE_KIB}",
        f"journal_size_limit = {WAL_LIMIT_BYTES}",
        f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: sqlite3.Connection) -> str:
    """Switch to write-ahead logging; return the mode that is in force.

    SQLite does not wait for others here, as it does everywhere else: whoever opens the file at the
    same moment makes the switch fail at once. So we wait our turn by an empty transaction, which
    does wait, and try again.
    """
    for _ in range(SWITCH_TRIES):
        try:
            return str(_one(connection, "PRAGMA journal_mode = WAL"))
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorname != "SQLITE_BUSY":
                raise
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
    return str(_one(connection, "PRAGMA journal_mode = WAL"))


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a new or older store up to date, keeping a copy; safe if two processes try at once."""
    if not _one(connection, "SELECT count(*) FROM sqlite_master"):
        _fill(connection)
    if _revision(connection) < REVISION:
        found = _revision(connection)
        kept = path.with_name(f"{path.name}.revision-{found}.bak")
        _touch(kept)
        with closing(sqlite3.connect(kept)) as copy:
            connection.backup(copy)
        upgrade(connection, REVISION, APPLICATION_ID)


def _fill(connection: sqlite3.Connection) -> None:
    """Make an empty file a store, unless another process was faster."""
    statements = _first_statements()
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _one(connection, "SELECT count(*) FROM sqlite_master"):
            for statement in statements:
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # on a full disk it is rolled back already
            connection.execute("ROLLBACK")
        raise


def _revision(connection: sqlite3.Connection) -> int:
    return int(_one(connection, "PRAGMA user_version"))


def _one(connection: sqlite3.Connection, sql: str) -> Any:
    return connection.execute(sql).fetchone()[0]


def _check(connection: sqlite3.Connection, path: Path | None) -> list[str]:
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(20)")]
    except sqlite3.DatabaseError as exc:
        found = [str(exc)]
    return [] if found == ["ok"] else [f"{path or 'memory'}: {each}" for each in found]


def _free_mb(path: Path | None) -> float | None:
    if path is None:
        return None
    with suppress(OSError):
        return shutil.disk_usage(path.parent).free / 1e6
    return None


def _backup(connection: sqlite3.Connection, to: Path) -> None:
    """Copy the store by SQLite's own backup, a few pages at a time, beside its place and then to it.

    Raises:
        UnwritableFile: if the copy cannot be written.
    """
    part = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        _touch(part)
        with closing(sqlite3.connect(part)) as copy:
            connection.backup(copy)
        part.replace(to)
    except (OSError, sqlite3.Error) as exc:
        raise UnwritableFile(
            f"The backup `{to}` cannot be written: {exc}.", hint="choose another place.", path=str(to)
        ) from exc
    finally:
        part.unlink(missing_ok=True)


# ── what went wrong ──────────────────────────────────────────────────────────────────────────────


def _translate(path: Path, exc: Exception) -> WeftError | None:
    """Give SQLite's complaint as one of ours; `None` where it is a mistake of this program."""
    name = getattr(exc, "sqlite_errorname", "") if isinstance(exc, sqlite3.Error) else ""
    if name == "SQLITE_FULL" or name.startswith("SQLITE_IOERR"):
        return DiskFull(
            f"The store `{path}` cannot be written: {exc}.",
            hint="free some space on its disk.",
            path=str(path),
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreBusy(
            f"The store `{path}` was locked by another process for {BUSY_MS // 1000} s.",
            hint="try again; if it lasts, look for a process that keeps the file open.", path=str(path),
        )  # fmt: skip
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return UnwritableFile(
            f"The store `{path}` cannot be written: {exc}.",
            hint="check the rights on the file and its folder, or choose another place with `--store`.",
            path=str(path),
        )
    if name == "SQLITE_NOTADB":
        return IncompatibleStore(f"`{path}` is no weft store.", hint="choose another file.", path=str(path))
    if name.startswith("SQLITE_CORRUPT"):
        return _damaged(path, str(exc))
    return None


def _damaged(path: Path, problem: str) -> IncompatibleStore:
    return IncompatibleStore(
        f"The store `{path}` is damaged: {problem}.",
        hint="keep a copy; `sqlite3 FILE .recover` saves what is whole. Nothing was changed.",
        path=str(path),
    )
