"""Stores of earlier releases, with what was in them, become stores of today."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData, create_engine, insert, select, text
from tests.contracts.errands import Errand
from tests.contracts.servers import fresh_database

from weft.documents import Deed, Document
from weft.kit.clocks import VirtualClock
from weft.run import RunState
from weft.store import migrations
from weft.store.engines.postgresql import store as postgresql
from weft.store.engines.sqlite import store as sqlite
from weft.store.tables import APPLICATION_ID, REVISION

OLD = range(1, REVISION)
"""Every revision that was released before this one."""


def take_steps(engine, revision):
    """Bring an empty database to a revision, as the weft of that time did."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("CREATE SCHEMA weft"))
        config.attributes["connection"] = connection
        command.upgrade(config, f"{revision:04}")
        if engine.dialect.name == "sqlite":
            connection.execute(text(f"PRAGMA application_id = {APPLICATION_ID}"))
            connection.execute(text(f"PRAGMA user_version = {revision}"))


def copy(source, target):
    """Copy what is in one store into another one, as far as that has the tables and columns."""
    here, there = MetaData(), MetaData()
    here.reflect(source)
    there.reflect(target)
    with source.connect() as reading, target.begin() as writing:
        for name, table in there.tables.items():
            if name == "alembic_version" or name not in here.tables:
                continue
            shared = [column for column in here.tables[name].c if column.name in table.c]
            found = [dict(row) for row in reading.execute(select(*shared)).mappings()]
            if found:
                writing.execute(insert(table), found)


@pytest.fixture
async def filled(tmp_path):
    """A store of today with a run that has come to rest, and what it looked like."""
    store = sqlite.open(f"sqlite:///{tmp_path}/today.db", clock=VirtualClock(), threads=False)
    errand = await Errand.begin(store)
    await errand.settled(0, 1)
    await store.move_run(errand.id, RunState.PAUSED, epoch=errand.epoch, reason="asked")
    run, outcomes = await store.run(errand.id), list(store.outcomes(errand.id))
    await store.close()
    return create_engine(f"sqlite:///{tmp_path}/today.db"), run, outcomes


async def check_upgraded(store, run, outcomes):
    """Everything is there, and what is new works."""
    assert await store.run(run.id) == run
    assert list(store.outcomes(run.id)) == outcomes
    assert await store.audit() == []
    assert (await store.grid(run.id)).codes == "ssqqqq"
    await store.put(Document(kind="member", id="u1"), expecting=0)
    await store.log(Deed(at=1.0, actor="u1", act="sign_in"))
    assert await store.check() == []
    await store.close()


@pytest.mark.parametrize("revision", OLD)
async def test_older_file_keeps_what_is_in_it(filled, tmp_path, revision):
    """P43, W57: a file of every earlier release opens with its runs; a copy of it is kept."""
    today, run, outcomes = filled
    old = create_engine(f"sqlite:///{tmp_path}/old.db")
    take_steps(old, revision)
    copy(today, old)
    old.dispose()

    assert sqlite.upgrade(f"sqlite:///{tmp_path}/old.db") == (revision, REVISION)
    store = sqlite.open(f"sqlite:///{tmp_path}/old.db", clock=VirtualClock())

    await check_upgraded(store, run, outcomes)
    assert (tmp_path / f"old.db.revision-{revision}.bak").exists()


@pytest.mark.parametrize("revision", OLD)
async def test_older_store_on_a_server_keeps_what_is_in_it(filled, revision):
    """P43, W57: a store of every earlier release on a server is brought up to date with its runs."""
    today, run, outcomes = filled
    url = fresh_database()
    old = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"),
        connect_args={"options": "-c search_path=weft"},
    )
    take_steps(old, revision)
    copy(today, old)
    old.dispose()

    assert postgresql.upgrade(url) == (revision, REVISION)
    store = postgresql.open(url, clock=VirtualClock())

    await check_upgraded(store, run, outcomes)
