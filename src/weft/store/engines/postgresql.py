"""Stores in a PostgreSQL database: `postgresql://user@host:5432/database`; several processes may write.

Knows who writes and who reads such a store. How a server is spoken to is in the folder `distant`.
Refuses to keep a connection's password anywhere but in the connection.
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.kit.clocks import Clock
from weft.store.distant.opening import is_there, open_database, upgrade_database
from weft.store.distant.reading import DistantReader
from weft.store.distant.writing import DistantWriter
from weft.store.storing import SqlStore


@dataclass(frozen=True, slots=True)
class PostgresqlEngine:
    """Opens stores in PostgreSQL databases."""

    def open(self, url: str, *, clock: Clock, threads: bool = True, min_free_mb: int = 0) -> SqlStore:  # noqa: ARG002 - the server's disk is not ours to look at
        """Open a store; make its tables in an empty database, bring older ones up to date if unused.

        Args:
            url: as libpq reads it; what it leaves out comes from PGHOST, PGPASSWORD, `~/.pgpass` and the like.
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


store = PostgresqlEngine()
