"""Add the shelves of documents and the log of deeds.

Knows the two tables as they were released, and how each kind of database is told to refuse a change
of the log. Refuses to change: the next change is the next step.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BIG = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
SAID = "deeds are never changed"


def upgrade() -> None:
    """Create both."""
    _create_shelves()
    _create_deeds()
    if op.get_bind().dialect.name == "postgresql":
        _guard_on_a_server()
    else:
        _guard_in_a_file()


def _create_shelves() -> None:
    op.create_table(
        "shelves",
        sa.Column("kind", WORD, primary_key=True),
        sa.Column("id", WORD, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("due_at", sa.Float),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.Float, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_index("shelves_by_state", "shelves", ["kind", "state", "id"])
    due = sa.text("due_at IS NOT NULL")
    op.create_index("shelves_by_due", "shelves", ["kind", "due_at"], sqlite_where=due, postgresql_where=due)


def _create_deeds() -> None:
    op.create_table(
        "deeds",
        sa.Column("number", BIG, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("thing", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
    )
    op.create_index("deeds_by_workspace", "deeds", ["workspace", "number"])


def _guard_in_a_file() -> None:
    for what in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER deeds_stay_on_{what.lower()} BEFORE {what} ON deeds "
            f"BEGIN SELECT RAISE(ABORT, '{SAID}'); END"
        )


def _guard_on_a_server() -> None:
    op.execute(
        "CREATE FUNCTION deeds_stay() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{SAID}' USING ERRCODE = 'insufficient_privilege'; END $$"
    )
    op.execute(
        "CREATE TRIGGER deeds_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON deeds "
        "FOR EACH STATEMENT EXECUTE FUNCTION deeds_stay()"
    )
