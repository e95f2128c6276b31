"""What Alembic runs to take the steps, on the connection that is handed in.

Knows that the transaction is begun and ended by who called.
Refuses to open a connection of its own.
"""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
