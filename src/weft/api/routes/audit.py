"""The log of deeds: its newest pages, and whether it is whole.

Knows that an administrator reads the deeds of their own workspace and an owner of the server all of them.
Refuses to write: deeds come from what is done.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from weft.api.needs import House
from weft.api.paging import USUAL, Cursor, Limit, read_cursor, write_cursor
from weft.api.permitting import needs, principal_of
from weft.api.wire.audit import AuditPage, DeedShape, VerificationShape
from weft.app.auditing import Wanted
from weft.errors import UnknownName
from weft.rights import Permission, Principal

routes = APIRouter(tags=["audit"])

LONGEST = 200
Filter = Annotated[str, Query(max_length=LONGEST, description="Empty = whichever.")]
Noted = Annotated[
    str,
    Query(
        max_length=84,
        pattern=r"^([1-9][0-9]{0,17}:[0-9a-f]{16,64})?$",
        description="Number and digest of a deed as they were noted earlier, such as 812:3f9c…",
    ),
]


def wanted(
    request: Request, *, workspace: Filter = "", actor: Filter = "", act: Filter = "", outcome: Filter = ""
) -> Wanted:
    """Which deeds are meant, of those that somebody may read.

    Raises:
        UnknownName: if the workspace is none of theirs.
    """
    where = _where(principal_of(request), workspace)
    return Wanted(workspace=where, actor=actor, act=act, outcome=outcome)


@routes.get("/audit", operation_id="list_deeds", dependencies=[needs(Permission.AUDIT)])
async def list_deeds(
    house: House,
    *,
    asked: Annotated[Wanted, Depends(wanted)],
    limit: Limit = USUAL,
    cursor: Cursor = "",
) -> AuditPage:
    """List what was done, the newest first. A page may be shorter than `limit` although there are more."""
    listed = "\x00".join(("deeds", asked.workspace or "", asked.actor, asked.act, asked.outcome))
    before = read_cursor(listed, cursor)
    found = await house.audit.find(
        replace(asked, before=None if before is None else int(before), limit=limit)
    )
    return AuditPage(
        deeds=[DeedShape(**asdict(each)) for each in found.deeds],
        next=None if found.next is None else write_cursor(listed, found.next),
    )


@routes.get("/audit/verification", operation_id="verify_deeds", dependencies=[needs(Permission.AUDIT)])
async def verify_deeds(house: House, *, noted: Noted = "") -> VerificationShape:
    """Look whether deeds of the server were changed, removed or put in; reads the whole log."""
    found = await house.audit.verify(noted=noted)
    return VerificationShape(
        whole=not found.problems, count=found.count, digest=found.digest, problems=list(found.problems)
    )


def _where(principal: Principal, asked: str) -> str | None:
    """The workspace whose deeds are shown; `None` = all of them.

    Raises:
        UnknownName: if it is none of theirs.
    """
    sees_all = principal.is_owner and principal.may(Permission.FOUND)
    if not sees_all and asked not in {"", principal.workspace}:
        raise UnknownName.among("workspace", asked[:60], [principal.workspace])
    return asked or (None if sees_all else principal.workspace)
