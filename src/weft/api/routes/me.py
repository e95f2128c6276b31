"""Who asks: their name, where they are, and what they may do there.

Knows that with a token only its own workspace is told. Refuses to change anything.
"""

from __future__ import annotations

from fastapi import APIRouter, Request

from weft.api.needs import House
from weft.api.permitting import needs, principal_of
from weft.api.wire.members import MeShape, PlaceShape
from weft.app.principals import Principals
from weft.app.workspaces import Workspace
from weft.rights import Permission

routes = APIRouter(tags=["me"])


@routes.get("/me", operation_id="get_me", dependencies=[needs(Permission.LOOK)])
async def get_me(house: House, request: Request) -> MeShape:
    """Tell who asks, in which workspace, with which permissions."""
    who = principal_of(request)
    open_to: list[Workspace] = [await house.workspaces.get(who.workspace)]
    if who.via == "cookie" and (member := await house.members.find(who.id)) is not None:
        open_to = await Principals(house.members, house.tokens, house.workspaces).open_to(member)
    return MeShape(
        id=who.id,
        name=who.name,
        via=who.via,
        is_owner=who.is_owner,
        workspace=who.workspace,
        roles=sorted(who.roles),
        permissions=sorted(who.permissions),
        workspaces=[PlaceShape(name=each.name, title=each.title) for each in open_to],
    )
