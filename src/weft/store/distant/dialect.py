"""PostgreSQL's dialect as the store speaks it: numbered parameters, every one with its type.

Knows how the statements of the room, which are written once for all databases, read there.
Refuses to know a driver; the text is all that is made here.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Float, LargeBinary
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg, PGDialect_psycopg


class _Bytes(LargeBinary):
    render_bind_cast = True


class _Double(Float[float]):
    render_bind_cast = True


class _Compiler(PGCompiler_psycopg):
    def _on_conflict_target(self, clause: Any, **_: Any) -> str:
        """Name the columns of a clause that was made with the insert of SQLite's dialect."""
        names = [each if isinstance(each, str) else each.name for each in clause.inferred_target_elements]
        return f"({', '.join(names)})"


class Numbered(PGDialect_psycopg):
    """Compiles statements to text with `$1::BIGINT` for parameters, in the order of their use."""

    statement_compiler = _Compiler
    colspecs = {**PGDialect_psycopg.colspecs, LargeBinary: _Bytes, Float: _Double}  # noqa: RUF012 - as SQLAlchemy declares it
    supports_statement_cache = True

    def __init__(self) -> None:
        super().__init__(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # SQLAlchemy's own


NUMBERED = Numbered()
"""One for all stores of a process: statements are compiled once for it."""
