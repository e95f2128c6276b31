"""Add the feed of changes, and what a run tells about itself for it.

Knows the table and the columns as they were released; runs that are there get the times of their
calls, and a feed that begins now. Refuses to change: the next change is the next step.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BIG = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")


def upgrade() -> None:
    """Create the table, add the columns and fill in the times."""
    op.create_table(
        "changes",
        sa.Column("mark", BIG, primary_key=True, autoincrement=False),
        sa.Column("places", sa.Text, nullable=False),
    )
    op.add_column("runs", sa.Column("changed", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("wish", sa.Text, nullable=False, server_default=""))
    op.add_column("runs", sa.Column("first_start", sa.Float))
    op.add_column("runs", sa.Column("last_completion", sa.Float))
    op.execute(
        """
        UPDATE runs SET
            first_start = (SELECT min(sent_at) FROM calls WHERE calls.run = runs.seq),
            last_completion = (SELECT max(ended_at) FROM calls WHERE calls.run = runs.seq AND calls.state = 3)
        """
    )
