"""Opening a store on a server: its address, whether it is ours and how old it is.

Knows what a server and a database must be like, and when tables may be changed under others.
Refuses to make a database: that needs rights which a store should not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from weft.errors import BadSetting, IncompatibleStore, WeftError
from weft.store.database import Database
from weft.store.distant.dialect import NUMBERED
from weft.store.distant.dumping import dump
from weft.store.distant.faults import Place, first_line, translate
from weft.store.distant.link import CONNECT_S, SETTINGS, Link, load_driver
from weft.store.migrations.upgrading import upgrade_server
from weft.store.tables import APPLICATION_ID, REVISION

SCHEMA = SETTINGS["search_path"]
APPLICATION = "weft"  # what our sessions are called in `pg_stat_activity`
LEAST_VERSION = 150_000  # PostgreSQL 15, as the server counts
SILENCE_MS = 30_000  # until a line on which nothing is confirmed is taken for cut
ABOUT = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding')"
OURS = "SELECT to_regclass($1::text) IS NOT NULL"
NUMBER = f"SELECT max(version_num) FROM {SCHEMA}.alembic_version"  # noqa: S608 - a name of our own
OTHERS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = $1::text AND pid <> pg_backend_pid()"
)
LOOK = (
    # Reading every value finds a page that cannot be read.
    "SELECT count(*) + coalesce(sum(length(cells)), 0) FROM cells",
    "SELECT count(*) + coalesce(sum(length(answer)), 0) FROM rows",
    "SELECT count(*) + coalesce(sum(length(body)), 0) FROM replies",
    "SELECT count(*) FROM calls",
    "SELECT count(*) FROM answers",
    "SELECT count(*) + coalesce(sum(length(content)), 0) FROM shelves",
    "SELECT count(*) + coalesce(sum(length(facts)), 0) FROM deeds",
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is and how to get in.

    Attributes:
        parameters: of the connection, as libpq names them; a password may be among them.
        place: the same for people.
    """

    parameters: Mapping[str, Any] = field(repr=False)
    place: Place


def address_of(url: str) -> Address:
    """Read a URL such as `postgresql://user:password@host:5432/name?sslmode=require`.

    What it leaves out comes from libpq's own variables and files, such as PGPASSWORD and `~/.pgpass`.

    Raises:
        BadSetting: if it is no address of a PostgreSQL database.
        MissingExtra: if the driver is not installed.
    """
    driver = load_driver()
    try:
        given = driver.conninfo.conninfo_to_dict(url)
    except driver.ProgrammingError as exc:
        raise BadSetting(
            "The store's URL is no address of a PostgreSQL database.",  # not repeated: it may hold a password
            hint="write postgresql://user@host:5432/database; a special character is written as %XX.",
            setting="store",
        ) from exc
    defaults = {
        "connect_timeout": CONNECT_S, "tcp_user_timeout": SILENCE_MS, "keepalives_idle": SILENCE_MS // 1000,
    }  # fmt: skip
    ours = {"application_name": APPLICATION, "client_encoding": "UTF8"}
    return Address({**defaults, **given, **ours}, _place(driver, given))


def _place(driver: Any, given: Mapping[str, Any]) -> Place:
    defaults = {
        each.keyword.decode(): (each.val or b"").decode() for each in driver.pq.Conninfo.get_defaults()
    }
    known = defaults | {name: str(value) for name, value in given.items()}
    user = known.get("user", "")
    host = known.get("host") or known.get("hostaddr") or "localhost"
    return Place(known.get("dbname") or user, host, user)


def open_database(url: str) -> Database:
    """Open a store on a server; make its tables in an empty database, take over older ones if unused.

    Raises:
        BadSetting: for an address, a user, a password or a database that the server does not know.
        IncompatibleStore: made by a newer weft, or by an older one and in use; an older server.
        StoreBusy: if the server does not answer.
        MissingExtra: if the driver is not installed.
    """
    address = address_of(url)
    writer = Link(address.parameters)
    try:
        found = revision_of(writer, address.place)
        if found is None or found < REVISION:
            if found is not None:
                _refuse_if_used(writer, address.place, found)
            _take_steps(address)
    except Exception as exc:
        writer.close()
        ours = translate(exc, address.place, writer.driver)
        if ours is None:
            raise
        raise ours from exc
    except BaseException:
        writer.close()
        raise
    return _database(writer, address)


def is_there(url: str) -> bool:
    """Whether the database holds a store already; nothing is made.

    Raises:
        WeftError: as for `open_database`.
    """
    address = address_of(url)
    link = Link(address.parameters, reads_only=True)
    try:
        return revision_of(link, address.place) is not None
    except Exception as exc:
        ours = translate(exc, address.place, link.driver)
        if ours is None:
            raise
        raise ours from exc
    finally:
        link.close()


def upgrade_database(url: str) -> tuple[int, int]:
    """Bring a store up to date although others may use it; return its revision before and after.

    Raises:
        WeftError: as for `open_database`.
    """
    address = address_of(url)
    link = Link(address.parameters)
    try:
        found = revision_of(link, address.place)
        if found != REVISION:
            _take_steps(address)
    except Exception as exc:
        ours = translate(exc, address.place, link.driver)
        if ours is None:
            raise
        raise ours from exc
    finally:
        link.close()
    return found or 0, REVISION


def revision_of(link: Link, place: Place) -> int | None:
    """Read how old the store is; `None` if there is none.

    Raises:
        IncompatibleStore: made by a newer weft; or the server is too old or cannot hold every text.
    """
    (version, told, encoding), *_ = link.execute(ABOUT).rows
    if version < LEAST_VERSION:
        raise IncompatibleStore(
            f"The server of {place} is PostgreSQL {told}; a store needs version 15 or newer.",
            hint="use a newer server, or a store in a file: sqlite:///weft.db.",
        )
    if encoding != "UTF8":
        raise IncompatibleStore(
            f"The database {place} keeps texts as {encoding}; a store needs UTF-8.",
            hint="make one with: createdb --encoding UTF8 --template template0 NAME",
        )
    if not link.execute(OURS, (f"{SCHEMA}.alembic_version",)).rows[0][0]:
        return None
    found = int(link.execute(NUMBER).rows[0][0] or 0)
    if found > REVISION:
        raise IncompatibleStore(
            f"The store in {place} was made by a newer weft (revision {found}, this one knows {REVISION}).",
            hint="update weft, or use another store; nothing was changed.",
            found=found,
            known=REVISION,
        )
    return found


def _refuse_if_used(link: Link, place: Place, found: int) -> None:
    others = link.execute(OTHERS, (APPLICATION,)).rows[0][0]
    if others:
        raise IncompatibleStore(
            f"The store in {place} was made by an older weft (revision {found} of {REVISION}) and is in use.",
            hint="stop the other processes, make a backup, and run `weft db upgrade`.",
            found=found,
            known=REVISION,
        )


def _take_steps(address: Address) -> None:
    driver = load_driver()
    with driver.connect(**{**address.parameters, "options": _with_path(address.parameters)}) as connection:
        upgrade_server(connection, SCHEMA, APPLICATION_ID)


def _with_path(parameters: Mapping[str, Any]) -> str:
    return f"{parameters.get('options', '')} -c search_path={SCHEMA} -c lock_timeout=30s".strip()


def _database(writer: Link, address: Address) -> Database:
    return Database(
        writer=writer,
        reader=Link(address.parameters, reads_only=True),
        dialect=NUMBERED,
        begin="",
        version=None,
        translate=partial(translate, place=address.place, driver=writer.driver),
        free_mb=lambda: None,
        check=partial(_check, address),
        backup=partial(_dump, address),
    )


def _check(address: Address) -> list[str]:
    link = Link(address.parameters, reads_only=True)
    problems: list[str] = []
    try:
        for query in LOOK:
            try:
                link.execute(query)
            except link.driver.Error as exc:
                ours: WeftError | None = translate(exc, address.place, link.driver)
                problems.append(ours.message if ours else f"{address.place}: {first_line(exc)}")
    finally:
        link.close()
    return problems


def _dump(address: Address, path: Path) -> None:
    dump(address.parameters, path, schema=SCHEMA, place=str(address.place))
