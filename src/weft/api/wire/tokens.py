"""Tokens on the wire: what each opens and how long; its text once, when it is made.

Knows permissions by name. Refuses to tell the text of a token that exists.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from weft.api.wire.shapes import Asked, Told
from weft.app.tokens import MOST_DAYS, USUAL_DAYS
from weft.rights import Permission

TOKEN = r"^k[a-z0-9]{20}$"  # noqa: S105 - a pattern of ids, which open nothing


class TokenAsked(Asked):
    """A token of one's own for the workspace in which one is."""

    name: Annotated[str, StringConstraints(max_length=100)] = ""
    scopes: list[Annotated[Permission, Field(strict=False)]] = Field(
        min_length=1, max_length=20, description="What it is held to; to `look` is always among them."
    )
    days: int = Field(default=USUAL_DAYS, ge=1, le=MOST_DAYS)


class TokenShape(Told):
    """A token."""

    id: str
    name: str
    member: str
    scopes: list[Permission]
    made_at: float = Field(description="Seconds since the epoch, UTC.")
    expires_at: float
    used_at: float | None = Field(description="When last, to about a minute; null = never.")
    revoked_at: float | None


class NewTokenShape(TokenShape):
    """A token that was just made."""

    text: str = Field(description="What a program sends; it is told this once.")


class TokensPage(Told):
    """A page of tokens, by id."""

    tokens: list[TokenShape]
    next: str | None
