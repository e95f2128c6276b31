"""Workspaces: one's own with the month's money, and for owners of the server all of them.

Knows that a workspace of somebody else does not exist for who is no owner. Refuses to delete one.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import JSONResponse, Response

from weft.api.needs import AnOffice, House
from weft.api.paging import USUAL, Cursor, Limit, page
from weft.api.permitting import needs, principal_of
from weft.api.repeating import IdempotencyKey
from weft.api.wire.workspaces import (
    WORKSPACE,
    StandingShape,
    WorkspaceAsked,
    WorkspaceChangeAsked,
    WorkspaceShape,
    WorkspacesPage,
)
from weft.app.summaries import dollars
from weft.app.weft import Weft
from weft.app.workspaces import Workspace
from weft.money import Usd
from weft.rights import Permission

routes = APIRouter(tags=["workspaces"])
WorkspacePath = Annotated[str, Path(pattern=WORKSPACE)]
Archived = Annotated[bool, Query(description="Also those that were put away.")]


# ── one's own ────────────────────────────────────────────────────────────────────────────────────


@routes.get("/workspace", operation_id="get_own_workspace", dependencies=[needs(Permission.LOOK)])
async def get_own_workspace(house: House, request: Request) -> StandingShape:
    """Tell the workspace in which you are, and how its month stands."""
    return await _standing(house, await house.workspaces.get(principal_of(request).workspace))


@routes.patch("/workspace", operation_id="change_own_workspace", dependencies=[needs(Permission.GOVERN)])
async def change_own_workspace(house: House, request: Request, asked: WorkspaceChangeAsked) -> StandingShape:
    """Give the workspace in which you are another title or monthly budget."""
    name = principal_of(request).workspace
    return await _standing(house, await house.workspaces.change(name, _changes(asked)))


# ── all, for owners of the server ────────────────────────────────────────────────────────────────


@routes.get("/workspaces", operation_id="list_workspaces", dependencies=[needs(Permission.FOUND)])
async def list_workspaces(
    house: House, *, archived: Archived = False, limit: Limit = USUAL, cursor: Cursor = ""
) -> WorkspacesPage:
    """List the workspaces of the server, by name."""
    found, following = page(
        await house.workspaces.listed(archived=archived),
        listed=f"workspaces?{archived}",
        cursor=cursor,
        limit=limit,
        key=lambda each: each.name,
    )
    return WorkspacesPage(workspaces=[_told(each) for each in found], next=following)


@routes.post(
    "/workspaces",
    operation_id="create_workspace",
    dependencies=[needs(Permission.FOUND)],
    status_code=HTTPStatus.CREATED,
)
async def create_workspace(
    office: AnOffice, request: Request, asked: WorkspaceAsked, *, idempotency_key: IdempotencyKey = ""
) -> WorkspaceShape:
    """Make a workspace; its name is never used twice."""

    async def create() -> Response:
        made = await office.house.workspaces.create(
            asked.name, title=asked.title, monthly_budget=_usd(asked.monthly_budget_usd)
        )
        return JSONResponse(_told(made).model_dump(mode="json"), status_code=HTTPStatus.CREATED)

    return await office.repeats.once(request, idempotency_key, create)  # type: ignore[return-value]  # its shape is told above


@routes.get("/workspaces/{name}", operation_id="get_workspace", dependencies=[needs(Permission.FOUND)])
async def get_workspace(house: House, name: WorkspacePath) -> WorkspaceShape:
    """Tell one workspace."""
    return _told(await house.workspaces.get(name))


@routes.patch("/workspaces/{name}", operation_id="change_workspace", dependencies=[needs(Permission.FOUND)])
async def change_workspace(house: House, name: WorkspacePath, asked: WorkspaceChangeAsked) -> WorkspaceShape:
    """Give a workspace another title or monthly budget."""
    return _told(await house.workspaces.change(name, _changes(asked)))


@routes.put(
    "/workspaces/{name}/archive", operation_id="archive_workspace", dependencies=[needs(Permission.FOUND)]
)
async def archive_workspace(house: House, name: WorkspacePath) -> WorkspaceShape:
    """Put a workspace away: nobody comes in and nothing new runs, but nothing is deleted."""
    return _told(await house.workspaces.archive(name))


@routes.delete(
    "/workspaces/{name}/archive", operation_id="restore_workspace", dependencies=[needs(Permission.FOUND)]
)
async def restore_workspace(house: House, name: WorkspacePath) -> WorkspaceShape:
    """Take a workspace out again that was put away."""
    return _told(await house.workspaces.archive(name, undo=True))


# ── steps ────────────────────────────────────────────────────────────────────────────────────────


async def _standing(house: Weft, workspace: Workspace) -> StandingShape:
    purse = await house.allowance.look()
    return StandingShape(
        **_told(workspace).model_dump(),
        month=purse.month,
        spent_usd=str(dollars(purse.spent)),
        set_aside_usd=str(dollars(purse.set_aside)),
        left_usd=dollars(purse.left),
    )


def _changes(asked: WorkspaceChangeAsked) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if asked.title is not None:
        changes["title"] = asked.title
    if "monthly_budget_usd" in asked.model_fields_set:
        changes["monthly_budget"] = _usd(asked.monthly_budget_usd)
    return changes


def _usd(text: str | None) -> Usd | None:
    return None if text is None else Usd.of(text)


def _told(workspace: Workspace) -> WorkspaceShape:
    return WorkspaceShape(
        name=workspace.name,
        title=workspace.title,
        monthly_budget_usd=dollars(workspace.monthly_budget),
        made_at=workspace.made_at,
        archived_at=workspace.archived_at,
    )
