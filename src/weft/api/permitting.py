"""What each address needs: one permission, declared beside it; an address without one is a mistake of ours.

Knows how a declaration is written, checked and found again. Refuses to know who has which
permission (`rights.py`) and who somebody is (`guarding.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from weft.errors import NotAllowed
from weft.rights import Permission, Principal


class _Needs:
    """Lets through who has one permission; everybody where it is `None`."""

    def __init__(self, permission: Permission | None) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> None:
        if self.permission is not None:
            check(principal_of(request), self.permission)


def check(principal: Principal, permission: Permission) -> None:
    """Refuse what somebody may not do where they are.

    Raises:
        NotAllowed: naming the permission.
    """
    if not principal.may(permission):
        raise NotAllowed(
            f"This needs the permission `{permission}`, which you do not have in `{principal.workspace}`.",
            hint="ask an administrator of the workspace for a role that has it; a token needs it in its scopes too.",
            permission=permission.value,
            workspace=principal.workspace,
        )


def needs(permission: Permission | None) -> Any:
    """Declare what an address needs; goes into its `dependencies`. `None` = nothing, not even to come in."""
    return Depends(_Needs(permission))


def declared(route: APIRoute) -> list[Permission | None]:
    """What was declared for an address: one entry, or our bug."""
    return [each.dependency.permission for each in route.dependencies if isinstance(each.dependency, _Needs)]


@dataclass(frozen=True, slots=True)
class Address:
    """One address of the server as it was declared.

    Attributes:
        prefix: what its path begins with, besides what it says itself.
        needs: `None` = it is for anybody.
    """

    prefix: str
    route: APIRoute
    needs: Permission | None

    @property
    def path(self) -> str:
        """The whole path, with its parameters in braces."""
        return self.prefix + self.route.path

    def is_meant(self, scope: Scope) -> bool:
        """Whether a request is to it, with a method that it takes."""
        path: str = scope["path"]
        asked = {**scope, "path": path.removeprefix(self.prefix), "root_path": ""}
        return path.startswith(self.prefix) and self.route.matches(asked)[0] is Match.FULL


def addresses_of(routers: Iterable[tuple[str, APIRouter]]) -> list[Address]:
    """Every address of some routers, each with what it needs.

    Args:
        routers: what their paths begin with, and the router.

    Raises:
        RuntimeError: if one has not declared exactly one permission, or is of a kind that could not
            be looked into; it is our bug.
    """
    found, bare = [], []
    for prefix, router in routers:
        for each in router.routes:
            said = declared(each) if isinstance(each, APIRoute) else []
            if isinstance(each, APIRoute) and len(said) == 1:
                found.append(Address(prefix, each, said[0]))
            else:
                bare.append(f"{prefix}{getattr(each, 'path', each)}")
    if bare:
        raise RuntimeError(f"not one permission is declared for {', '.join(sorted(bare))}")
    return found


def principal_of(request: Request) -> Principal:
    """Who asks, as the guard has found out."""
    return cast("Principal", request.state.principal)
