"""Tokens: list one's own, make one, end one; who governs a workspace sees and ends everybody's there.

Knows that a token never allows more than who makes it may do, and that its text is told once.
Refuses to keep that text, so a request for a token is not remembered by an `Idempotency-Key`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from weft.api.needs import House
from weft.api.paging import USUAL, Cursor, Limit, page
from weft.api.permitting import check, needs, principal_of
from weft.api.wire.tokens import TOKEN, NewTokenShape, TokenAsked, TokenShape, TokensPage
from weft.app.tokens import Token
from weft.errors import ImpossibleMove
from weft.rights import LOCAL, Permission

routes = APIRouter(tags=["tokens"])
TokenPath = Annotated[str, Path(pattern=TOKEN)]
Everybody = Annotated[bool, Query(description="Everybody's in this workspace; needs `govern`.")]


@routes.get("/tokens", operation_id="list_tokens", dependencies=[needs(Permission.LOOK)])
async def list_tokens(
    house: House, request: Request, *, everybody: Everybody = False, limit: Limit = USUAL, cursor: Cursor = ""
) -> TokensPage:
    """List your tokens in this workspace, also those that are over."""
    who = principal_of(request)
    if everybody:
        check(who, Permission.GOVERN)
    known = await house.tokens.listed(who.workspace, member=None if everybody else who.id)
    found, following = page(
        sorted(known, key=lambda each: each.id),
        listed=f"tokens?{everybody}",
        cursor=cursor,
        limit=limit,
        key=lambda each: each.id,
    )
    return TokensPage(tokens=[TokenShape(**_facts(each)) for each in found], next=following)


@routes.post(
    "/tokens",
    operation_id="create_token",
    dependencies=[needs(Permission.LOOK)],
    status_code=HTTPStatus.CREATED,
)
async def create_token(house: House, request: Request, asked: TokenAsked) -> NewTokenShape:
    """Make a token of your own for this workspace; its text is told this once.

    It allows no more than you may do here. One that is made with a token ends no later than that
    one, and dies with it.
    """
    who = principal_of(request)
    if who.id == LOCAL.id:
        raise ImpossibleMove(
            "The local server knows one key and no tokens.",
            hint="send the key from the file that `weft serve` names.",
        )
    for each in asked.scopes:
        check(who, each)
    made = await house.tokens.create(
        who.id,
        workspace=who.workspace,
        scopes=asked.scopes,
        name=asked.name,
        days=asked.days,
        maker=who.session if who.via == "token" else "",
    )
    return NewTokenShape(**_facts(made.token), text=made.text)


@routes.delete(
    "/tokens/{token}",
    operation_id="revoke_token",
    dependencies=[needs(Permission.LOOK)],
    status_code=HTTPStatus.NO_CONTENT,
)
async def revoke_token(house: House, request: Request, token: TokenPath) -> None:
    """End a token of yours for ever; who governs the workspace ends anybody's there.

    A token ends itself, and others that allow no more than it does.
    """
    who = principal_of(request)
    member = None if who.may(Permission.GOVERN) else who.id
    if who.via == "token" and token != who.session:
        for each in (await house.tokens.get(token, workspace=who.workspace, member=member)).scopes:
            check(who, each)
    await house.tokens.revoke(token, workspace=who.workspace, member=member)


def _facts(token: Token) -> dict[str, Any]:
    names = ("id", "name", "member", "made_at", "expires_at", "used_at", "revoked_at")
    return {name: getattr(token, name) for name in names} | {"scopes": sorted(token.scopes)}
