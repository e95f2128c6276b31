"""Opening a store on a server: its address, whether it is ours and how old it is.

Knows what a server and a database must be like, and when tables may be changed under others.
Refuses to make a database: that needs rights which a store should not have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from weft.errors import BadSetting, IncompatibleStore, WeftError
from weft.store.database import Database
from weft.store.distant.dialect import NUMBERED
from weft.store.distant.dumping import dump
from weft.store.distant.faults import Place, first_line, translate
from weft.store.distant.link import CONNECT_S, Link, load_driver
from weft.store.migrations.upgrading import upgrade_server
from weft.store.tables import APPLICATION_ID, REVISION

SCHEMA = "weft"  # where the tables are, unless the address says otherwise
APPLICATION = "weft"  # what our sessions are called in `pg_stat_activity`, with the schema if it is another
NAME = re.compile(r"[a-z_][a-z0-9_]*")
LONGEST = 48  # characters of a schema's name; PostgreSQL cuts sessions' names at 63
RESERVED = re.compile(r"pg_|information_schema$|public$")
LEAST_VERSION = 150_000  # PostgreSQL 15, as the server counts
SILENCE_MS = 30_000  # until a line on which nothing is confirmed is taken for cut
ABOUT = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding')"
OURS = "SELECT to_regclass($1::text) IS NOT NULL"
NUMBER = 'SELECT max(version_num) FROM "{}".alembic_version'
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
        schema: where in the database the tables are.
    """

    parameters: Mapping[str, Any] = field(repr=False)
    place: Place
    schema: str = SCHEMA

    @property
    def application(self) -> str:
        """What the sessions of this store are called, and of no other in the same database."""
        return str(self.parameters["application_name"])

    def link(self, *, reads_only: bool = False) -> Link:
        """A line to the server that looks into the store's own schema."""
        return Link(self.parameters, schema=self.schema, reads_only=reads_only)


def address_of(url: str) -> Address:
    """Read a URL such as `postgresql://user:password@host:5432/name?sslmode=require&schema=weft_team`.

    What it leaves out comes from libpq's own variables and files, such as PGPASSWORD and `~/.pgpass`.
    `schema` is ours: several stores may be in one database, each in a schema.

    Raises:
        BadSetting: if it is no address of a PostgreSQL database.
        MissingExtra: if the driver is not installed.
    """
    driver = load_driver()
    url, schema = split_schema(url)
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
    called = APPLICATION if schema == SCHEMA else f"{APPLICATION}/{schema}"
    ours = {"application_name": called, "client_encoding": "UTF8"}
    return Address({**defaults, **given, **ours}, _place(driver, given, schema), schema)


def split_schema(url: str) -> tuple[str, str]:
    """Take the schema out of a URL; what is left is libpq's.

    >>> split_schema("postgresql://db/weft?schema=weft_team&sslmode=require")
    ('postgresql://db/weft?sslmode=require', 'weft_team')

    Raises:
        BadSetting: if it is no plain name, or one of PostgreSQL's own.
    """
    plain, _, query = url.partition("?")
    parts = [part for part in query.split("&") if part]
    named = [part.partition("=")[2] for part in parts if part.partition("=")[0] == "schema"]
    rest = "&".join(part for part in parts if part.partition("=")[0] != "schema")
    url = f"{plain}?{rest}" if rest else plain
    if not named:
        return url, SCHEMA
    schema = unquote(named[-1])
    if not NAME.fullmatch(schema) or len(schema) > LONGEST or RESERVED.match(schema) or len(named) > 1:
        raise BadSetting(
            f"`{schema[:LONGEST]}` cannot be the schema of a store.",
            hint=f"write one `schema=` with up to {LONGEST} lower-case letters, digits and `_`, such as weft_team; "
            "`public` and what begins with `pg_` are PostgreSQL's own.",
            setting="store",
        )
    return url, schema


def _place(driver: Any, given: Mapping[str, Any], schema: str) -> Place:
    defaults = {
        each.keyword.decode(): (each.val or b"").decode() for each in driver.pq.Conninfo.get_defaults()
    }
    known = defaults | {name: str(value) for name, value in given.items()}
    user = known.get("user", "")
    host = known.get("host") or known.get("hostaddr") or "localhost"
    return Place(known.get("dbname") or user, host, user, "" if schema == SCHEMA else schema)


def open_database(url: str) -> Database:
    """Open a store on a server; make its tables in an empty database, take over older ones if unused.

    Raises:
        BadSetting: for an address, a user, a password or a database that the server does not know.
        IncompatibleStore: made by a newer weft, or by an older one and in use; an older server.
        StoreBusy: if the server does not answer.
        MissingExtra: if the driver is not installed.
    """
    address = address_of(url)
    writer = address.link()
    try:
        found = revision_of(writer, address)
        if found is None or found < REVISION:
            if found is not None:
                _refuse_if_used(writer, address, found)
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
    link = address.link(reads_only=True)
    try:
        return revision_of(link, address) is not None
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
    link = address.link()
    try:
        found = revision_of(link, address)
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


def revision_of(link: Link, address: Address) -> int | None:
    """Read how old the store is; `None` if there is none.

    Raises:
        IncompatibleStore: made by a newer weft; or the server is too old or cannot hold every text.
    """
    place = address.place
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
    if not link.execute(OURS, (f'"{address.schema}".alembic_version',)).rows[0][0]:
        return None
    found = int(link.execute(NUMBER.format(address.schema)).rows[0][0] or 0)
    if found > REVISION:
        raise IncompatibleStore(
            f"The store in {place} was made by a newer weft (revision {found}, this one knows {REVISION}).",
            hint="update weft, or use another store; nothing was changed.",
            found=found,
            known=REVISION,
        )
    return found


def _refuse_if_used(link: Link, address: Address, found: int) -> None:
    others = link.execute(OTHERS, (address.application,)).rows[0][0]
    if others:
        raise IncompatibleStore(
            f"The store in {address.place} was made by an older weft (revision {found} of {REVISION}) and is in use.",
            hint="stop the other processes, make a backup, and run `weft db upgrade`.",
            found=found,
            known=REVISION,
        )


def _take_steps(address: Address) -> None:
    driver = load_driver()
    with driver.connect(**{**address.parameters, "options": _with_path(address)}) as connection:
        upgrade_server(connection, address.schema, APPLICATION_ID)


def _with_path(address: Address) -> str:
    given = address.parameters.get("options", "")
    return f'{given} -c search_path="{address.schema}" -c lock_timeout=30s'.strip()


def _database(writer: Link, address: Address) -> Database:
    return Database(
        writer=writer,
        reader=address.link(reads_only=True),
        dialect=NUMBERED,
        begin="",
        version=None,
        translate=partial(translate, place=address.place, driver=writer.driver),
        free_mb=lambda: None,
        check=partial(_check, address),
        backup=partial(_dump, address),
    )


def _check(address: Address) -> list[str]:
    link = address.link(reads_only=True)
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
    dump(address.parameters, path, schema=address.schema, place=str(address.place))
