"""The tables of today are what the migrations make."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from tests.contracts.servers import emptied_store

from weft.store import migrations
from weft.store.engines._sqlite import file_database
from weft.store.tables import CALL_CODES, REVISION, ROW_CODES, metadata


def test_migrations_make_the_tables(tmp_path):
    """P43: after all steps the database has every table, column and index that the code knows, and no other."""
    database = file_database(tmp_path / "weft.db")
    engine = create_engine(f"sqlite:///{tmp_path}/weft.db")
    with engine.connect() as connection:
        found = compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True}), metadata
        )
    engine.dispose()
    database.reader.close()
    database.writer.close()

    assert found == []


def test_migrations_make_the_same_tables_on_a_server():
    """P43: PostgreSQL gets every table, column and index by the same steps, and no other."""
    engine = create_engine(
        emptied_store().replace("postgresql://", "postgresql+psycopg://"),
        connect_args={"options": "-c search_path=weft"},
    )
    with engine.connect() as connection:
        found = compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True}), metadata
        )
    engine.dispose()

    assert found == []


def test_revision_is_the_newest_step():
    """The number that a store is recognised by is that of the last step."""
    steps = sorted(Path(migrations.__file__).parent.glob("versions/[0-9]*.py"))

    assert [int(step.name[:4]) for step in steps] == list(range(1, REVISION + 1))


def test_codes_are_one_to_one():
    """Every state has a number of its own."""
    for codes in (ROW_CODES, CALL_CODES):
        assert sorted(codes.values()) == list(range(6))
