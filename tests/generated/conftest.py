"""Real services for the tests of generated modules; each fixture is written in its own file beside."""

from __future__ import annotations

from tests.generated.postgres import postgres, postgres_server

__all__ = ["postgres", "postgres_server"]
