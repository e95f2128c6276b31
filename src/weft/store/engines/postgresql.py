"""Stores in a PostgreSQL database: `postgresql://user@host:5432/database`; several processes may write.

Knows who writes and who reads such a store, and that with `?schema=name` it lies in that schema, so
that several stand side by side in one database. How a server is spoken to is in the folder `distant`.
Refuses to keep a connection's password anywhere but in the connection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

from weft.kit.clocks import Clock
from weft.store.distant.opening import is_there, open_database, split_schema, upgrade_database
from weft.store.distant.reading import DistantReader
from weft.store.distant.writing import DistantWriter
from weft.store.storing import SqlStore

PLAIN = re.compile(r"(?=.{1,40}$)[a-z0-9]+(-[a-z0-9]+)*")
"""Names that stand in a schema's name, with `_` for `-`; others get a mark behind `__`."""
UNFIT = re.compile(r"[^a-z0-9]+")
MARK, SHOWN = 12, 20  # characters of the mark, and of the name before it


@dataclass(frozen=True, slots=True)
class PostgresqlEngine:
    """Opens stores in PostgreSQL databases."""

    def open(self, url: str, *, clock: Clock, threads: bool = True, min_free_mb: int = 0) -> SqlStore:  # noqa: ARG002 - the server's disk is not ours to look at
        """Open a store; make its tables in an empty database, bring older ones up to date if unused.

        Args:
            url: as libpq reads it, and `schema`; what it leaves out comes from PGHOST, PGPASSWORD, `~/.pgpass` and the like.
            clock: tells dates and waits.
            threads: `False` does everything at once on the caller's thread.
            min_free_mb: no effect.

        Raises:
            BadSetting: for an address, a user, a password or a database that is not known.
            IncompatibleStore: made by a newer weft, or by an older one and in use.
            StoreBusy: if the server does not answer.
            MissingExtra: if the driver is not installed.
        """
        database = open_database(url)
        hands = DistantWriter(database, threads=threads), DistantReader(database, threads=threads)
        return SqlStore(database, clock=clock, hands=hands)

    def is_there(self, url: str) -> bool:
        """Whether the database holds a store already; nothing is made."""
        return is_there(url)

    def upgrade(self, url: str) -> tuple[int, int]:
        """Bring a store up to date, also while others use it; its revision before and after."""
        return upgrade_database(url)

    def beside(self, url: str, name: str) -> str:
        """Give the URL of another store of the same kind and place: a schema of its own.

        >>> store.beside("postgresql://me@db/weft?sslmode=require", "sales")
        'postgresql://me@db/weft?sslmode=require&schema=weft_sales'

        Raises:
            BadSetting: if the name does not fit into one.
        """
        plain, schema = split_schema(url)
        made = f"{plain}{'&' if '?' in plain else '?'}schema={schema}_{_plain(name)}"
        split_schema(made)
        return made


def _plain(name: str) -> str:
    """A name as part of a schema's; two names never give one."""
    if PLAIN.fullmatch(name):
        return name.replace("-", "_")
    mark = sha256(name.encode()).hexdigest()[:MARK]
    return f"{UNFIT.sub('_', name.lower())[:SHOWN]}__{mark}"


store = PostgresqlEngine()
