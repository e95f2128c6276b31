"""Members on the wire: who they are and what they may do in one workspace.

Knows nothing of other workspaces. Refuses to tell who somebody is for their identity provider.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from weft.api.wire.shapes import Asked, Told
from weft.rights import Permission, Role

MEMBER = r"^p[a-z0-9]{16}$"
Email = Annotated[
    str,
    StringConstraints(
        max_length=320, pattern=r"^[^\s@<>\"\\]{1,64}@[^\s@<>\"\\]{1,190}\.[^\s@<>\"\\.]{1,63}$"
    ),
]
Roles = Annotated[list[Annotated[Role, Field(strict=False)]], Field(min_length=1, max_length=5)]


class MemberAsked(Asked):
    """Somebody who shall be let in."""

    email: Email = Field(description="As their identity provider knows it; nothing is sent to it.")
    roles: Roles
    name: Annotated[str, StringConstraints(max_length=200)] = ""


class RolesAsked(Asked):
    """What somebody is from now on, in place of what they were."""

    roles: Roles


class MemberShape(Told):
    """A member of this workspace."""

    id: str
    email: str
    name: str
    roles: list[Role]
    invited_at: float = Field(description="Seconds since the epoch, UTC.")
    signed_in_at: float | None = Field(description="When last; null = never.")


class MembersPage(Told):
    """A page of members, by address."""

    members: list[MemberShape]
    next: str | None


class PlaceShape(Told):
    """A workspace that is open to whoever asks."""

    name: str
    title: str


class MeShape(Told):
    """Who asks, and what they may do."""

    id: str
    name: str
    via: str = Field(description="How they came in: `key`, `cookie` or `token`.")
    is_owner: bool = Field(description="Of the server.")
    workspace: str = Field(description="Where they are now; the header `Weft-Workspace` names another.")
    roles: list[Role]
    permissions: list[Permission]
    workspaces: list[PlaceShape] = Field(description="That they may choose; with a token only its own.")
