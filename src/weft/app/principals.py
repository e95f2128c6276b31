"""From a token or a session to a principal: who asks, in which workspace, with which rights.

Knows that rights are looked up at every request, so that what was taken away is gone at once, and
that a workspace which is none of somebody's is to them one that does not exist.
Refuses to know requests, cookies and how a session was opened.
"""

from __future__ import annotations

from weft.app.members import Member, MembersDesk
from weft.app.tokens import TokensDesk
from weft.app.workspaces import Workspace, WorkspacesDesk, unknown
from weft.errors import UnknownName
from weft.rights import HOME, Principal


class Principals:
    """Recognises who asks."""

    def __init__(self, members: MembersDesk, tokens: TokensDesk, workspaces: WorkspacesDesk) -> None:
        """Look into these desks."""
        self._members = members
        self._tokens = tokens
        self._workspaces = workspaces

    async def of_token(self, text: str, *, wanted: str = "") -> Principal | None:
        """Who asks with a token; `None` = it opens nothing.

        Args:
            text: as it was told.
            wanted: the workspace that is asked for; empty = the token's own.

        Raises:
            UnknownName: if another workspace than the token's is asked for, or it was put away.
        """
        token = await self._tokens.recognise(text)
        member = None if token is None else await self._members.find(token.member)
        if token is None or member is None:
            return None
        if wanted not in {"", token.workspace}:
            raise unknown(wanted)
        if not await self._may_enter(member, token.workspace):
            return None
        return Principal(
            id=member.id,
            name=member.name or member.email,
            workspace=token.workspace,
            roles=member.roles_in(token.workspace),
            scopes=token.scopes,
            is_owner=member.is_owner,
            via="token",
            session=token.id,
        )

    async def of_person(
        self, member: str, *, session: str, wanted: str = "", usual: str = ""
    ) -> Principal | None:
        """Who asks with a session; `None` = they are no member any more.

        Args:
            member: their id.
            session: its id.
            wanted: the workspace that is asked for; empty = none in particular.
            usual: the one that they were in last.

        Raises:
            UnknownName: if the workspace that is asked for is not there for them.
        """
        found = await self._members.find(member)
        if found is None:
            return None
        if wanted and not await self._may_enter(found, wanted):
            raise unknown(wanted)
        workspace = wanted or await self._chosen(found, usual)
        return Principal(
            id=found.id,
            name=found.name or found.email,
            workspace=workspace,
            roles=found.roles_in(workspace),
            is_owner=found.is_owner,
            via="cookie",
            session=session,
        )

    async def open_to(self, member: Member) -> list[Workspace]:
        """The workspaces in which somebody is, in the order of their names; an owner is in all."""
        known = await self._workspaces.listed()
        return [each for each in known if member.is_owner or member.roles_in(each.name)]

    async def _may_enter(self, member: Member, workspace: str) -> bool:
        if not (member.is_owner or member.roles_in(workspace)):
            return False
        try:
            return not (await self._workspaces.get(workspace)).is_archived
        except UnknownName:
            return False

    async def _chosen(self, member: Member, usual: str) -> str:
        """Where somebody is who has asked for no workspace; empty = nowhere."""
        for each in dict.fromkeys((usual, HOME, *sorted(member.roles))):
            if each and await self._may_enter(member, each):
                return each
        return ""
