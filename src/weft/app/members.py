"""The desk for members: invite people, say what they may do in which workspace, let them go.

Knows a person by issuer and subject once they have signed in, and until then by an e-mail address
that the issuer vouches for; what somebody is in one workspace says nothing about another. Owners of
the server may do everything everywhere, and one always stays. Refuses to know how people sign in.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from weft.app.stores import Stores
from weft.documents import Document
from weft.errors import ChangedMeanwhile, ImpossibleMove, Mistake, UnknownName
from weft.ids import derive
from weft.kit.clocks import Clock
from weft.protocols import Shelf
from weft.rights import Role

KIND = "member"
HERE, GONE = "here", "gone"
EMAIL = re.compile(r"[^\s@<>\"\\]{1,64}@[^\s@<>\"\\]{1,190}\.[^\s@<>\"\\]{1,63}")
LONGEST_NAME = 200  # characters
PAGE = 500  # documents that are read at once
TRIES = 20  # at a document that others change too
LIVES = 1_000  # people who have had one address, one after the other


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody who may come in.

    Attributes:
        id: `p` and sixteen characters; the next person with the same address gets another one.
        email: in small letters; of somebody who was let go empty, as is the name.
        roles: workspace → what they are there; a workspace without roles is left out.
        is_owner: of the server.
        issuer, subject: who they are for whoever vouches for them; empty = never signed in.
        invited_at: seconds since the epoch.
        signed_in_at: when last; `None` = never.
        is_gone: was let go everywhere.
        version: of the document.
    """

    id: str
    email: str
    name: str = ""
    roles: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    is_owner: bool = False
    issuer: str = ""
    subject: str = ""
    invited_at: float = 0.0
    signed_in_at: float | None = None
    is_gone: bool = False
    version: int = 0

    def roles_in(self, workspace: str) -> frozenset[Role]:
        """What they are in a workspace; nothing where they are not in it."""
        return self.roles.get(workspace, frozenset())


class MembersDesk:
    """Keeps the members of a server."""

    def __init__(self, stores: Stores, *, clock: Clock) -> None:
        """Keep them in these stores, the server's own; nothing is opened yet."""
        self._stores = stores
        self._clock = clock

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    async def listed(self, workspace: str | None = None) -> list[Member]:
        """Members in the order of their addresses.

        Args:
            workspace: only those with roles there, told with these alone; `None` = everybody.
        """
        found = [each async for each in self._all() if workspace is None or each.roles_in(workspace)]
        if workspace is not None:
            found = [only_in(each, workspace) for each in found]
        return sorted(found, key=lambda each: (each.email, each.id))

    async def get(self, member: str) -> Member:
        """One member by id.

        Raises:
            UnknownName: if there is none, or they were let go.
        """
        found = await self.find(member)
        if found is None:
            raise unknown(member)
        return found

    async def find(self, member: str) -> Member | None:
        """One member by id; `None` if there is none, or they were let go."""
        store = self._stores.existing()
        document = None if store is None else await store.document(KIND, member)
        found = None if document is None else _read(document)
        return None if found is None or found.is_gone else found

    async def named(self, name: str) -> Member:
        """One member by id or by address.

        Raises:
            UnknownName: if there is none.
        """
        address = name.strip().lower()
        found = await self.find(name) or await self._by(lambda each: each.email == address)
        if found is None:
            raise unknown(name)
        return found

    # ── changing ─────────────────────────────────────────────────────────────────────────────────

    async def invite(
        self, email: str, roles: Mapping[str, Collection[Role]], *, name: str = "", is_owner: bool = False
    ) -> Member:
        """Let somebody come in once they have signed in with this address; nothing is sent to them.

        Who is known already gets these roles in these workspaces, and keeps those elsewhere.

        Args:
            email: as their issuer knows it; capitals do not count.
            roles: workspace → what they shall be there.
            name: for people, until they have signed in.
            is_owner: make them an owner of the server too.

        Raises:
            Mistake: if it is no address.
        """
        address = _address(email)
        given = _given(roles)

        def change(member: Member) -> Member:
            return replace(member, roles={**member.roles, **given}, is_owner=member.is_owner or is_owner)

        for number in range(LIVES):
            known = await self._by(lambda each: each.email == address)
            if known is not None:
                return await self._change(known.id, change)
            invited = Member(
                id="p" + derive(f"{address}\n{number}", 16),
                email=address,
                name=_name(name),
                roles=given,
                is_owner=is_owner,
                invited_at=self._clock.wall(),
            )
            try:
                return _read(await self._shelf().put(_written(invited), expecting=0))
            except ChangedMeanwhile:
                continue  # somebody was quicker, or an earlier person with this address was let go
        raise _contended(address)

    async def change(self, member: str, roles: Collection[Role], *, workspace: str) -> Member:
        """Say what a member is in a workspace from now on; it holds within seconds everywhere.

        Raises:
            UnknownName: if nobody there is known by this id.
            Mistake: if no role is given.
        """
        if not roles:
            raise Mistake("No role was given.", hint="remove the member from the workspace instead.")

        def change(found: Member) -> Member:
            if not found.roles_in(workspace):
                raise unknown(member)
            return replace(found, roles={**found.roles, workspace: frozenset(roles)})

        return await self._change(member, change)

    async def remove(self, member: str, *, workspace: str | None = None) -> Member:
        """Let somebody go from a workspace, or from the server; sessions and tokens open nothing more there.

        Of who is nowhere any more only the id is kept, for the log of deeds.

        Args:
            member: their id.
            workspace: `None` = from the server.

        Raises:
            UnknownName: if nobody there is known by this id.
            ImpossibleMove: if they are the last owner, and would be nowhere.
        """

        def change(found: Member) -> Member:
            if workspace is None:
                return replace(found, roles={}, is_owner=False)
            if not found.roles_in(workspace):
                raise unknown(member)
            return replace(
                found, roles={name: each for name, each in found.roles.items() if name != workspace}
            )

        return await self._change(member, lambda found: _nowhere(change(found)))

    async def own(self, member: str, *, is_owner: bool) -> Member:
        """Make somebody an owner of the server, or one no more.

        Raises:
            UnknownName: if nobody is known by this id.
            ImpossibleMove: if nobody would be an owner.
        """
        return await self._change(member, lambda found: _nowhere(replace(found, is_owner=is_owner)))

    async def admit(
        self, issuer: str, subject: str, *, email: str, is_verified: bool, name: str = ""
    ) -> Member | None:
        """Recognise who has signed in; `None` = nobody has invited them.

        An invitation is taken up once: from then on issuer and subject count, and the address only
        tells people who it is.

        Args:
            issuer: who vouches for them.
            subject: their id there, which never changes.
            email: their address there.
            is_verified: the issuer has made sure that it is theirs; without that it counts for nothing.
            name: for people; empty = as it was.
        """
        address = email.strip().lower() if is_verified and EMAIL.fullmatch(email.strip()) else ""
        for _ in range(TRIES):
            known = await self._by(lambda each: (each.issuer, each.subject) == (issuer, subject))
            if known is None and address:
                known = await self._by(lambda each: each.email == address and not each.subject)
            if known is None:
                return None
            seen = replace(
                known,
                issuer=issuer,
                subject=subject,
                email=address or known.email,
                name=_shown(name) or known.name,
                signed_in_at=self._clock.wall(),
            )
            try:
                return _read(await self._shelf().put(_written(seen), expecting=known.version))
            except ChangedMeanwhile:
                continue
        raise _contended(subject)

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    def _shelf(self) -> Shelf:
        return self._stores.open()

    async def _all(self) -> AsyncIterator[Member]:
        store = self._stores.existing()
        after = ""
        while store is not None:
            page = await store.documents(KIND, state=HERE, after=after, limit=PAGE)
            for each in page:
                yield _read(each)
            if len(page) < PAGE:
                return
            after = page[-1].id

    async def _by(self, is_meant: Callable[[Member], bool]) -> Member | None:
        """Who is meant; of several who are, the one whose address has been known the longest."""
        found = [each async for each in self._all() if is_meant(each)]
        return min(found, key=lambda each: (each.invited_at, each.id), default=None)

    async def _change(self, member: str, change: Callable[[Member], Member]) -> Member:
        """Change a member, however many others change them at the same time."""
        for _ in range(TRIES):
            found = await self.get(member)
            try:
                changed = _read(await self._shelf().put(_written(change(found)), expecting=found.version))
            except ChangedMeanwhile:
                continue
            if found.is_owner and not changed.is_owner:
                await self._check_owned(found, changed)
            return changed
        raise _contended(member)

    async def _check_owned(self, before: Member, after: Member) -> None:
        """Take a change back that has left the server without an owner.

        Looked at afterwards: of two owners who let each other go at the same time, one at least stays.
        """
        if [each async for each in self._all() if each.is_owner]:
            return
        await self._shelf().put(_written(before), expecting=after.version)
        raise ImpossibleMove(
            "This is the last owner of the server.", hint="make somebody else an owner first."
        )


def only_in(member: Member, workspace: str) -> Member:
    """A member as a workspace may know them: what they are elsewhere is left out."""
    return replace(member, roles={workspace: member.roles_in(workspace)})


def unknown(member: str) -> UnknownName:
    """What is said of a member who is not there, and of one of another workspace."""
    return UnknownName(f"There is no member `{member[:100]}`.", hint="list the members that there are.")


def _nowhere(member: Member) -> Member:
    """Forget who somebody was who is nowhere any more."""
    if member.roles or member.is_owner:
        return member
    return Member(id=member.id, email="", is_gone=True)


def _given(roles: Mapping[str, Collection[Role]]) -> dict[str, frozenset[Role]]:
    return {workspace: frozenset(each) for workspace, each in roles.items() if each}


def _address(email: str) -> str:
    address = email.strip().lower()
    if not EMAIL.fullmatch(address) or not address.isprintable():
        raise Mistake(f"`{email[:100]}` is no e-mail address.", hint="write it like `anna@example.com`.")
    return address


def _name(name: str) -> str:
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise Mistake("This is no name.", hint=f"take one line of up to {LONGEST_NAME} characters.")
    return name.strip()


def _shown(name: str) -> str:
    """A name as an issuer gives it, made fit to be shown."""
    return "".join(each for each in name if each.isprintable()).strip()[:LONGEST_NAME]


def _contended(name: str) -> ChangedMeanwhile:
    return ChangedMeanwhile(f"Others keep changing member `{name[:100]}`.", hint="try again.")


def _written(member: Member) -> Document:
    return Document(
        kind=KIND,
        id=member.id,
        state=GONE if member.is_gone else HERE,
        content={
            "email": member.email,
            "name": member.name,
            "roles": {name: sorted(each) for name, each in sorted(member.roles.items()) if each},
            "is_owner": member.is_owner,
            "issuer": member.issuer,
            "subject": member.subject,
            "invited_at": member.invited_at,
            "signed_in_at": member.signed_in_at,
        },
    )


def _read(document: Document) -> Member:
    told = document.content
    return Member(
        id=document.id,
        email=told["email"],
        name=told["name"],
        roles={name: frozenset(Role(each) for each in roles) for name, roles in told["roles"].items()},
        is_owner=told["is_owner"],
        issuer=told["issuer"],
        subject=told["subject"],
        invited_at=told["invited_at"],
        signed_in_at=told["signed_in_at"],
        is_gone=document.state == GONE,
        version=document.version,
    )
