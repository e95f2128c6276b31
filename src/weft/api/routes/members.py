"""Members of a workspace: list, invite, change their roles, let them go.

Knows one workspace, the one in which whoever asks is, and that nobody gives a role that may do more
than they may as they come in: a token that is held to little makes nobody mighty. Refuses to tell
whether somebody is known elsewhere, and to make owners of the server, which only a command does.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import JSONResponse, Response

from weft.api.needs import AnOffice, House
from weft.api.paging import USUAL, Cursor, Limit, page
from weft.api.permitting import needs, principal_of
from weft.api.repeating import IdempotencyKey
from weft.api.wire.members import MEMBER, MemberAsked, MemberShape, MembersPage, RolesAsked
from weft.app.members import Member
from weft.errors import NotAllowed
from weft.rights import Permission, Principal, Role, permissions_of

routes = APIRouter(tags=["members"])
MemberPath = Annotated[str, Path(pattern=MEMBER)]


@routes.get("/members", operation_id="list_members", dependencies=[needs(Permission.GOVERN)])
async def list_members(
    house: House, request: Request, *, limit: Limit = USUAL, cursor: Cursor = ""
) -> MembersPage:
    """List the members of this workspace, by address."""
    here = principal_of(request).workspace
    known = await house.members.listed(here)
    found, following = page(known, listed="members", cursor=cursor, limit=limit, key=_key)
    return MembersPage(members=[_told(each, here) for each in found], next=following)


@routes.post(
    "/members",
    operation_id="invite_member",
    dependencies=[needs(Permission.GOVERN)],
    status_code=HTTPStatus.CREATED,
)
async def invite_member(
    office: AnOffice, request: Request, asked: MemberAsked, *, idempotency_key: IdempotencyKey = ""
) -> MemberShape:
    """Let somebody come into this workspace once they have signed in with this address."""
    here = principal_of(request).workspace
    _check_gift(principal_of(request), asked.roles)

    async def invite() -> Response:
        roles = {here: frozenset(asked.roles)}
        made = await office.house.members.invite(asked.email, roles, name=asked.name)
        return JSONResponse(_told(made, here).model_dump(mode="json"), status_code=HTTPStatus.CREATED)

    return await office.repeats.once(request, idempotency_key, invite)  # type: ignore[return-value]  # its shape is told above


@routes.put("/members/{member}/roles", operation_id="change_member", dependencies=[needs(Permission.GOVERN)])
async def change_member(
    house: House, request: Request, *, member: MemberPath, asked: RolesAsked
) -> MemberShape:
    """Say what a member is in this workspace from now on."""
    here = principal_of(request).workspace
    _check_gift(principal_of(request), asked.roles)
    return _told(await house.members.change(member, frozenset(asked.roles), workspace=here), here)


@routes.delete(
    "/members/{member}",
    operation_id="remove_member",
    dependencies=[needs(Permission.GOVERN)],
    status_code=HTTPStatus.NO_CONTENT,
)
async def remove_member(house: House, request: Request, member: MemberPath) -> None:
    """Let a member go from this workspace; their sessions and tokens open nothing here any more."""
    await house.members.remove(member, workspace=principal_of(request).workspace)


def _check_gift(giver: Principal, roles: Iterable[Role]) -> None:
    """Refuse to give roles that may do more than who gives them.

    Raises:
        NotAllowed: naming a permission that they lack.
    """
    lacking = sorted(permissions_of(frozenset(roles)) - giver.permissions)
    if lacking:
        raise NotAllowed(
            f"A role that has the permission `{lacking[0]}` is not given by somebody who does not have it in "
            f"`{giver.workspace}`.",
            hint="sign in, or take a token that is held to no less.",
            permission=lacking[0].value,
            workspace=giver.workspace,
        )


def _key(member: Member) -> str:
    return f"{member.email} {member.id}"


def _told(member: Member, workspace: str) -> MemberShape:
    return MemberShape(
        id=member.id,
        email=member.email,
        name=member.name,
        roles=sorted(member.roles_in(workspace)),
        invited_at=member.invited_at,
        signed_in_at=member.signed_in_at,
    )
