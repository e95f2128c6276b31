"""Workspaces on the wire: names, titles, and how the month's money stands.

Knows amounts as exact dollars in text. Refuses to tell what is in a workspace.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from weft.api.wire.settings import Dollars
from weft.api.wire.shapes import Asked, Told

WORKSPACE = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"
Title = Annotated[str, StringConstraints(max_length=200)]


class WorkspaceAsked(Asked):
    """A workspace that shall be made."""

    name: Annotated[str, StringConstraints(pattern=WORKSPACE)] = Field(description="For ever.")
    title: Title = ""
    monthly_budget_usd: Dollars | None = Field(default=None, description="null = no limit.")


class WorkspaceChangeAsked(Asked):
    """What shall be otherwise; what is left out stays."""

    title: Title | None = None
    monthly_budget_usd: Dollars | None = Field(default=None, description="null takes the limit away.")


class WorkspaceShape(Told):
    """A workspace."""

    name: str
    title: str
    monthly_budget_usd: str | None = Field(description="null = no limit.")
    made_at: float = Field(description="Seconds since the epoch, UTC.")
    archived_at: float | None


class StandingShape(WorkspaceShape):
    """A workspace, and how its month stands; without a monthly budget nothing is counted."""

    month: str = Field(description="Such as `2026-11`, UTC.")
    spent_usd: str = Field(description="By runs that have come to rest in this month.")
    set_aside_usd: str = Field(description="By runs that have not; what they do not spend returns.")
    left_usd: str | None = Field(description="What another run may state; null = anything.")


class WorkspacesPage(Told):
    """A page of workspaces, by name."""

    workspaces: list[WorkspaceShape]
    next: str | None
