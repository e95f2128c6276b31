"""Create the tables of the first release.

Knows the tables as they were released, and two views for people who look with a SQL shell.
Refuses to change: the next change is the next step.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
ROOMY = {"fillfactor": 50}  # PostgreSQL writes a changed row beside the old one if there is room on its page


def upgrade() -> None:
    """Create everything."""
    _create_runs()
    _create_rows()
    _create_calls()
    _create_answers()
    _create_views()


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("seq", BIG, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("budget_usd", sa.BigInteger),
        sa.Column("budget_tokens", sa.BigInteger),
        sa.Column("spent", sa.BigInteger),
        sa.Column("unsure", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("spent_tokens", sa.BigInteger, nullable=False),
        sa.Column("reserved_tokens", sa.BigInteger, nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("unknown_calls", sa.BigInteger, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cached_input_tokens", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("beats", sa.BigInteger, nullable=False),
        sa.Column("elapsed_s", sa.Float, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("counted", sa.Text),
        postgresql_with=ROOMY,
    )


def _create_rows() -> None:
    op.create_table(
        "cells",
        sa.Column("spot", BIG, primary_key=True, autoincrement=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("cells", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "rows",
        sa.Column("spot", BIG, primary_key=True, autoincrement=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("answer", sa.LargeBinary),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("problem_code", sa.Text, nullable=False),
        sa.Column("notes", sa.Text),
        sa.Column("cost", sa.BigInteger),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("call", sa.BigInteger),
        sa.Column("recalled", sa.SmallInteger, nullable=False),
        postgresql_with=ROOMY,
    )


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("seq", BIG, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("places", sa.Text, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("reserved", sa.BigInteger),
        sa.Column("reserved_tokens", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("reserved_at", sa.Float, nullable=False),
        sa.Column("sent_at", sa.Float),
        sa.Column("answered_at", sa.Float),
        sa.Column("ended_at", sa.Float),
        sa.Column("cost", sa.BigInteger),
        sa.Column("estimated", sa.SmallInteger, nullable=False),
        sa.Column("input_tokens", sa.BigInteger),
        sa.Column("output_tokens", sa.BigInteger),
        sa.Column("cached_input_tokens", sa.BigInteger, nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("problem_code", sa.Text, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
    )
    op.create_index("calls_by_run", "calls", ["run", "seq"])
    still_open = sa.text("state < 3")
    op.create_index(
        "calls_open", "calls", ["run", "seq"], sqlite_where=still_open, postgresql_where=still_open
    )
    op.create_table(
        "replies",
        sa.Column("call", BIG, primary_key=True, autoincrement=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("elapsed_s", sa.Float, nullable=False),
        sa.Column("packed", sa.SmallInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )


def _create_answers() -> None:
    op.create_table(
        "answers",
        sa.Column("short", sa.LargeBinary, primary_key=True),
        sa.Column("spot", sa.BigInteger, nullable=False),
        sa.Column("checksum", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "counts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
    )


def _create_views() -> None:
    """Show states in words and places as numbers to people who look with a SQL shell."""
    text = "convert_from({}, 'UTF8')" if op.get_bind().dialect.name == "postgresql" else "CAST({} AS TEXT)"
    op.execute(
        f"""
        CREATE VIEW rows_in_words AS
        SELECT runs.id AS run, rows.spot - runs.seq * 4294967296 AS place, cells.line AS line,
               CASE rows.state WHEN 0 THEN 'waiting' WHEN 2 THEN 'answered' WHEN 3 THEN 'failed'
                    WHEN 4 THEN 'rejected' WHEN 5 THEN 'skipped' END AS state,
               {text.format("cells.cells")} AS cells, {text.format("rows.answer")} AS answer,
               rows.problem_code AS problem_code, rows.problem AS problem, rows.cost / 1e9 AS usd,
               rows.attempts AS attempts, rows.recalled AS recalled, calls.id AS call
        FROM rows JOIN cells ON cells.spot = rows.spot
        JOIN runs ON runs.seq = rows.spot / 4294967296
        LEFT JOIN calls ON calls.seq = rows.call
        """  # noqa: S608 - names of our own
    )
    op.execute(
        """
        CREATE VIEW calls_in_words AS
        SELECT runs.id AS run, calls.id AS call,
               CASE calls.state WHEN 0 THEN 'reserved' WHEN 1 THEN 'sent' WHEN 2 THEN 'answered'
                    WHEN 3 THEN 'settled' WHEN 4 THEN 'void' WHEN 5 THEN 'unknown' END AS state,
               calls.places AS places, calls.reserved / 1e9 AS reserved_usd, calls.cost / 1e9 AS usd,
               calls.input_tokens AS input_tokens, calls.output_tokens AS output_tokens,
               calls.model AS model, calls.problem_code AS problem_code, calls.problem AS problem,
               replies.status AS status
        FROM calls JOIN runs ON runs.seq = calls.run LEFT JOIN replies ON replies.call = calls.seq
        """
    )
