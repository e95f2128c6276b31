"""Who may do what: roles, permissions, and somebody who has come in.

Knows the one table of roles and permissions; doors ask it and decide nothing themselves.
Refuses to know how somebody has shown who they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from weft.errors import UnknownName

HOME = "home"
"""The workspace that every server has; on the local server it is the only one."""


class Permission(StrEnum):
    """One kind of act that somebody may be allowed to do in a workspace."""

    LOOK = "look"
    """See runs, rows, templates, tables, metrics and settings; keep tokens of one's own."""
    ESTIMATE = "estimate"
    """Project what a run would take; choose variants. Costs nothing."""
    EXPORT = "export"
    """Take rows and answers out, or a bundle of templates."""
    HAND_OVER = "hand_over"
    """Hand over tables and draft runs that wait for somebody who may start them."""
    WRITE = "write"
    """Write templates and versions of them, and generate code."""
    APPROVE = "approve"
    """Trust what others have written."""
    RUN = "run"
    """Start, pause, resume, cancel and repeat runs, which spends money; forget remembered answers."""
    KEEP_KEYS = "keep_keys"
    """Set and remove the keys of providers; nobody can read one."""
    GOVERN = "govern"
    """Say who is a member with which roles, what may be spent, and end anybody's tokens."""
    AUDIT = "audit"
    """Read the log of deeds."""
    FOUND = "found"
    """Make workspaces and see all of them; only owners of the server may, whatever their roles."""


class Role(StrEnum):
    """What somebody is in a workspace; a person may be several things."""

    VIEWER = "viewer"
    AUTHOR = "author"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_P = Permission
GRANTS: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({_P.LOOK}),
    Role.AUTHOR: frozenset({_P.LOOK, _P.ESTIMATE, _P.EXPORT, _P.HAND_OVER, _P.WRITE}),
    Role.REVIEWER: frozenset({_P.LOOK, _P.ESTIMATE, _P.EXPORT, _P.APPROVE}),
    Role.OPERATOR: frozenset({_P.LOOK, _P.ESTIMATE, _P.EXPORT, _P.HAND_OVER, _P.RUN}),
    Role.ADMIN: frozenset(Permission) - {_P.FOUND},
}
"""What each role may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who has come in, and where.

    Attributes:
        id: tells people and programs apart, for ever; `local` = this machine's own user.
        name: for people.
        workspace: where they are now.
        roles: what they are there.
        scopes: what they are held to; `None` = whatever the roles allow.
        is_owner: an owner of the server, who may do everything everywhere.
        via: how they came in: `key`, `cookie`, `token`, `command`, `worker`.
        session: the id of the session or the token; empty = there is none.
    """

    id: str
    name: str = ""
    workspace: str = HOME
    roles: frozenset[Role] = frozenset()
    scopes: frozenset[Permission] | None = None
    is_owner: bool = False
    via: str = ""
    session: str = ""

    @property
    def permissions(self) -> frozenset[Permission]:
        """Everything that they may do where they are."""
        granted = frozenset(Permission) if self.is_owner else permissions_of(self.roles)
        return granted if self.scopes is None else granted & self.scopes

    def may(self, permission: Permission) -> bool:
        """Whether they may do this where they are."""
        return permission in self.permissions


LOCAL = Principal(id="local", name="you", is_owner=True, via="key")
"""This machine's own user, who may do everything."""


def permissions_of(roles: frozenset[Role]) -> frozenset[Permission]:
    """What somebody with these roles may do."""
    return frozenset().union(*(GRANTS[role] for role in roles))


def read_roles(words: Collection[str]) -> frozenset[Role]:
    """Roles by their names.

    Raises:
        UnknownName: if one is none; with the nearest.
    """
    return frozenset(map(Role, _known("role", words, [each.value for each in Role])))


def read_permissions(words: Collection[str]) -> frozenset[Permission]:
    """Permissions by their names.

    Raises:
        UnknownName: if one is none; with the nearest.
    """
    return frozenset(map(Permission, _known("permission", words, [each.value for each in Permission])))


def _known(what: str, words: Collection[str], known: list[str]) -> Collection[str]:
    for word in words:
        if word not in known:
            raise UnknownName.among(what, word, known)
    return words
