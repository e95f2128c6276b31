"""An open database as the rest of the room sees it, whatever its kind.

Knows which facts an engine must bring: two connections, how a transaction begins, how the
driver's complaints translate. Refuses to know any one driver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine.interfaces import Dialect

from weft.errors import WeftError


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """What an engine hands over once its database is open, recognised and migrated.

    Attributes:
        writer: the only DB-API connection that writes and checkpoints; no implicit transactions.
        reader: the connection for reading; the same object as `writer` where there is only one.
        dialect: how SQLAlchemy compiles statements for it, with positional parameters.
        begin: the statement that begins a transaction that will write.
        version: a query whose value changes whenever another connection has written;
            `None` where there is none, then nothing is kept in memory between transactions.
        translate: the driver's complaint as one of ours; `None` if it is no complaint of the driver.
        free_mb: free space where the database lies, in MB; `None` where that means nothing.
        check: look for damage; sentences, empty = sound. Reads the whole database.
        tidy: do what a moment without a transaction is good for, on any thread; `None` = there is nothing.
        backup: copy the whole store to a file, as it stood at one moment, while others may write.
    """

    writer: Any
    reader: Any
    dialect: Dialect
    begin: str
    version: str | None
    translate: Callable[[Exception], WeftError | None]
    free_mb: Callable[[], float | None]
    check: Callable[[], list[str]]
    backup: Callable[[Path], None]
    tidy: Callable[[], object] | None = None
