"""Bring a database up to the newest revision; the only file that knows Alembic from outside.

Knows that all steps happen in one transaction: either the new store or the old one.
Refuses to know what the steps do. Alembic is loaded only when there is something to do.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any


def upgrade(connection: sqlite3.Connection, revision: int, application_id: int) -> None:
    """Take every step that the database lacks; harmless if another process was faster.

    Args:
        connection: without implicit transactions (`isolation_level=None`).
        revision: the newest revision, noted as `user_version`.
        application_id: noted so that the file is known as ours.
    """
    from alembic import command  # noqa: PLC0415 - 160 ms that an up-to-date store does not pay
    from alembic.config import Config  # noqa: PLC0415 - likewise
    from sqlalchemy import create_engine, event  # noqa: PLC0415 - the engine is for Alembic alone
    from sqlalchemy.pool import StaticPool  # noqa: PLC0415 - likewise

    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def begin(opened: Any) -> None:
        opened.exec_driver_sql("BEGIN IMMEDIATE")

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    with engine.begin() as opened:
        config.attributes["connection"] = opened
        command.upgrade(config, "head")
        opened.exec_driver_sql(f"PRAGMA application_id = {application_id:d}")
        opened.exec_driver_sql(f"PRAGMA user_version = {revision:d}")
