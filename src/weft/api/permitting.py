"""What each address needs: one permission, declared beside it; an address without one is a mistake of ours.

Knows how a declaration is written, checked and found again. Refuses to know who has which
permission (`rights.py`) and who somebody is (`guarding.py`).
"""

from __future__ import annotations

from typing import Any, cast

from fastapi import Depends, Request
from fastapi.routing import APIRoute

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
            hint="ask an administrator of the workspace for a role that has it.",
            permission=permission.value,
            workspace=principal.workspace,
        )


def needs(permission: Permission | None) -> Any:
    """Declare what an address needs; goes into its `dependencies`. `None` = nothing, not even to come in."""
    return Depends(_Needs(permission))


def declared(route: APIRoute) -> list[Permission | None]:
    """What was declared for an address: one entry, or our bug."""
    return [each.dependency.permission for each in route.dependencies if isinstance(each.dependency, _Needs)]


def check_declared(routes: list[Any]) -> None:
    """Refuse to serve an address that nobody has thought about.

    Raises:
        RuntimeError: naming each; it is our bug.
    """
    bare = [each.path for each in routes if isinstance(each, APIRoute) and len(declared(each)) != 1]
    if bare:
        raise RuntimeError(f"not one permission is declared for {', '.join(sorted(bare))}")


def principal_of(request: Request) -> Principal:
    """Who asks, as the guard has found out."""
    return cast("Principal", request.state.principal)
