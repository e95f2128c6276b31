"""Bring a database up to the newest revision; the only file that knows Alembic from outside.

Knows that all steps happen in one transaction: either the new store or the old one, and that two
processes may try at once. Refuses to know what the steps do, which are the same for every kind of
database. Alembic is loaded only when there is something to do.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

TURN = "SELECT pg_advisory_xact_lock({}, hashtext('{}'))"
"""Waits until nobody else upgrades this schema; a server takes changes of tables from several at once."""


def upgrade(connection: sqlite3.Connection, revision: int, application_id: int) -> None:
    """Take every step that the database lacks; harmless if another process was faster.

    Args:
        connection: without implicit transactions (`isolation_level=None`).
        revision: the newest revision, noted as `user_version`.
        application_id: noted so that the file is known as ours.
    """
    from sqlalchemy import create_engine, event  # noqa: PLC0415 - the engine is for Alembic alone
    from sqlalchemy.pool import StaticPool  # noqa: PLC0415 - likewise

    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def begin(opened: Any) -> None:
        opened.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.begin() as opened:
        _take_steps(opened)
        opened.exec_driver_sql(f"PRAGMA application_id = {application_id:d}")
        opened.exec_driver_sql(f"PRAGMA user_version = {revision:d}")


def upgrade_server(connection: Any, schema: str, application_id: int) -> None:
    """Take every step that a database on a server lacks; harmless if another process was faster.

    Args:
        connection: of psycopg, as it comes, and with `schema` first in its search path; left open.
        schema: where the tables are; made where there is none.
        application_id: numbers, with the schema, the lock that lets one upgrade at a time.

    Raises:
        Exception: the driver's own complaint.
    """
    from sqlalchemy import create_engine  # noqa: PLC0415 - the engine is for Alembic alone
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - likewise
    from sqlalchemy.pool import StaticPool  # noqa: PLC0415 - likewise

    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
    try:
        with engine.begin() as opened:
            opened.exec_driver_sql(TURN.format(application_id, schema))
            opened.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            _take_steps(opened)
    except DBAPIError as exc:
        raise (exc.orig or exc) from exc


def _take_steps(opened: Any) -> None:
    from alembic import command  # noqa: PLC0415 - 160 ms that an up-to-date store does not pay
    from alembic.config import Config  # noqa: PLC0415 - likewise

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = opened
    command.upgrade(config, "head")
