"""PostgreSQL for the tests of stores: one server of this process's own, and empty stores in it.

Knows how to have an empty store quickly: by emptying the one of the test before. The server ends with the
process. Refuses to know what the tests do with it.
"""

from __future__ import annotations

import atexit
import itertools
from functools import cache

import psycopg
from tests.generated.postgres import Server

from weft.kit.clocks import VirtualClock
from weft.store.engines.postgresql import store as engine
from weft.store.tables import metadata

_numbers = itertools.count(1)
EMPTY = (
    # Quicker than to truncate, which makes new files.
    "; ".join(f"DELETE FROM weft.{name}" for name in metadata.tables)  # noqa: S608 - names of our own
    + "; SELECT setval('weft.runs_seq_seq', 1, false), setval('weft.calls_seq_seq', 1, false)"
)
CUT_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


@cache
def the_server() -> Server:
    """The server of this process; started by the first test that needs one."""
    server = Server()
    atexit.register(server.remove)
    server.start()
    return server


def command(sql: str, *, server: Server | None = None) -> None:
    """Say one statement as the server's owner."""
    with psycopg.connect((server or the_server()).dsn(), autocommit=True) as connection:
        connection.execute(sql)


@cache
def _the_store() -> tuple[str, psycopg.Connection]:
    """A database with a store, and a connection that empties it."""
    url = fresh_database()
    database = engine.open(url, clock=VirtualClock(), threads=False)._database
    database.reader.close()
    database.writer.close()
    connection = psycopg.connect(url, autocommit=True)
    connection.execute("SET session_replication_role = replica")  # triggers would keep the deeds
    atexit.register(connection.close)
    return url, connection


def fresh_database(name: str = "") -> str:
    """Make an empty database; its URL."""
    name = name or f"t{next(_numbers)}"
    command(f"CREATE DATABASE {name}")
    return the_server().dsn(name)


def emptied_store() -> str:
    """Empty the one store that tests use one after the other; its URL. Whoever is still at it is cut off."""
    url, connection = _the_store()
    connection.execute(CUT_OTHERS)
    connection.execute(EMPTY)
    return url
