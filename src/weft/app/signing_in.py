"""The desk for signing in: from a browser that asks to come in to a session, by way of a provider.

Knows the order of things: a provider proves who somebody is, the members' desk says whether they
may come in, only then there is a session; each sign-in is good for one, and each refusal leaves a
deed. Refuses to know HTTP and cookies (`api/`), and how a token is believed (`weft.identity`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from weft.app.auditing import AuditDesk
from weft.app.members import Member, MembersDesk
from weft.app.sessions import Session, SessionsDesk
from weft.app.stores import Stores
from weft.documents import Document
from weft.errors import ChangedMeanwhile, NotAdmitted, NotProven, WeftError
from weft.identity.errands import LIFE_S, Errand, Errands
from weft.identity.openid import LONGEST_CODE, OpenIdProvider
from weft.identity.registration import Proven
from weft.kit.clocks import Clock
from weft.rights import Principal

KIND = "sign_in"
"""The shelf of sign-ins that were used, so that none is used twice."""
NOBODY = Principal(id="", workspace="")
"""Who has not shown who they are."""
ERRAND_S = LIFE_S  # how long a browser keeps the cookie of a sign-in under way
SWEPT = 100  # used sign-ins that have had their time and are taken away with the next
REFUSALS_A_MINUTE = 60  # that leave a deed each; what is beyond is counted in the next deed
DECLINED: Mapping[str, str] = {
    "access_denied": "The identity provider did not let you in, or you have declined.",
    "login_required": "The identity provider wants you to sign in there first.",
    "consent_required": "The identity provider wants you to agree first.",
    "interaction_required": "The identity provider wants to ask you something first.",
    "account_selection_required": "The identity provider wants you to choose an account first.",
    "temporarily_unavailable": "The identity provider is too busy.",
    "server_error": "The identity provider has failed.",
    "invalid_request": "The identity provider does not understand how weft asks.",
    "invalid_scope": "The identity provider does not offer what weft asks for: openid, email and profile.",
    "unauthorized_client": "The identity provider does not let weft ask.",
    "unsupported_response_type": "The identity provider offers no codes.",
}
"""What a provider's refusals mean; another one is told without its words, which anybody could have written."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that has begun.

    Attributes:
        address: where the browser goes next, at the provider.
        errand: what its cookie says meanwhile.
    """

    address: str
    errand: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What a browser brings back from the provider; nothing of it is believed yet.

    Attributes:
        issuer: who says to have sent it; `None` = nobody does.
    """

    state: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    error: str = ""
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody has come in.

    Attributes:
        secret: what their browser keeps as a cookie.
        onward: the local address where they go on.
    """

    member: Member
    session: Session
    secret: str = field(repr=False)
    onward: str = "/"


class SigningInDesk:
    """Lets members in who have shown at one provider who they are."""

    def __init__(
        self,
        provider: OpenIdProvider,
        stores: Stores,
        *,
        members: MembersDesk,
        sessions: SessionsDesk,
        errands: Errands,
        clock: Clock,
    ) -> None:
        """Ask nobody yet.

        Args:
            provider: the one that is believed.
            stores: the server's own, for deeds and for sign-ins that were used.
            members: who may come in.
            sessions: where somebody's visit is kept.
            errands: written with a key that every process of the server has.
            clock: wall time.
        """
        self._provider = provider
        self._stores = stores
        self._members = members
        self._sessions = sessions
        self._errands = errands
        self._clock = clock
        self._audit = AuditDesk(stores, clock=clock)
        self._refusals = _Allowance(REFUSALS_A_MINUTE, clock)

    async def begin(self, onward: str = "/") -> Begun:
        """Send somebody to the provider; nothing is kept here.

        Args:
            onward: where they want to go on; anything but a path of this server means its front page.

        Raises:
            Outage: if the provider cannot be asked.
        """
        errand = self._errands.begin(onward)
        address = await self._provider.address(
            state=self._errands.state(errand),
            nonce=self._errands.nonce(errand),
            verifier=self._errands.verifier(errand),
        )
        return Begun(address, self._errands.write(errand))

    async def finish(self, written: str, returned: Returned, *, before: str = "") -> SignedIn:
        """Let somebody in who comes back from the provider.

        The session that their browser had is ended: the new one has a secret of its own, which
        nobody can have known before.

        Args:
            written: the errand that the browser has kept; empty = it has none.
            returned: what it brings.
            before: the secret of the session that it had; empty = none.

        Raises:
            NotAdmitted: if the sign-in was not begun in this browser, or nobody has invited them.
            NotProven: if what it brings proves nobody.
            Outage, Refusal: if the provider cannot be asked.
        """
        try:
            errand = self._errand(written, returned)
            proven = await self._prove(errand, returned)
            member = await self._admit(proven)
            await self._use(errand)
        except WeftError as error:
            await self._note_refusal(error)
            raise
        if before:
            await self._sessions.end_secret(before)
        session, secret = await self._sessions.open(member.id)
        try:
            await self._audit.record(
                Principal(id=member.id, workspace=""),
                "sign_in",
                thing=f"sessions/{session.id}",
                facts={"issuer": proven.issuer},
            )
        except WeftError:
            await self._sessions.end(session.id)  # what cannot be written down is not done
            raise
        return SignedIn(member, session, secret, errand.onward)

    async def leave(self, principal: Principal) -> bool:
        """End the session with which somebody has come in; whether there was one.

        The provider's own session goes on.
        """
        someone = replace(principal, workspace="")
        await self._audit.record(someone, "sign_out", thing=f"sessions/{principal.session}")
        return await self._sessions.end(principal.session)

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    def _errand(self, written: str, returned: Returned) -> Errand:
        """The errand that an answer belongs to."""
        errand = self._errands.read(written)
        if errand is None or not self._errands.is_state(errand, returned.state):
            raise NotAdmitted(
                "This sign-in was not begun in this browser, was begun again since, or took too long.",
                hint="begin again at `/sign-in`, and stay in one window.",
                reason="state",
            )
        return errand

    async def _prove(self, errand: Errand, returned: Returned) -> Proven:
        await self._provider.check_sender(returned.issuer)
        if returned.error or not 0 < len(returned.code) <= LONGEST_CODE:
            raise NotProven(
                DECLINED.get(returned.error, "The identity provider has refused the sign-in."),
                hint="begin again at `/sign-in`.",
                claim=returned.error if returned.error in DECLINED else "code",
            )
        return await self._provider.prove(
            returned.code, nonce=self._errands.nonce(errand), verifier=self._errands.verifier(errand)
        )

    async def _admit(self, proven: Proven) -> Member:
        member = await self._members.admit(
            proven.issuer,
            proven.subject,
            email=proven.email or "",
            is_verified=proven.email is not None,
            name=proven.name,
        )
        if member is None:
            vouched = (
                ""
                if proven.email
                else " The identity provider does not vouch for an e-mail address of yours."
            )
            raise NotAdmitted(
                f"You have shown who you are, and nobody has invited you here.{vouched}",
                hint="ask an administrator of this server for an invitation to your e-mail address.",
                reason="no_member",
                subject=proven.subject,
                issuer=proven.issuer,
            )
        return member

    async def _use(self, errand: Errand) -> None:
        """Use a sign-in up; the provider has sworn to it, so that strangers cannot fill the shelf."""
        shelf = self._stores.open()
        for each in await shelf.documents(KIND, due_before=self._clock.wall(), limit=SWEPT):
            await shelf.remove(KIND, each.id)
        name = sha256(self._errands.state(errand).encode()).hexdigest()
        due_at = errand.at + 2 * LIFE_S  # when nobody takes the errand for fresh any more
        try:
            await shelf.put(Document(kind=KIND, id=name, due_at=due_at), expecting=0)
        except ChangedMeanwhile as exc:
            raise NotProven(
                "This sign-in was used already.", hint="begin again at `/sign-in`.", claim="nonce"
            ) from exc

    async def _note_refusal(self, error: WeftError) -> None:
        """Leave a deed of a refusal, but not so many that they would drown the others."""
        skipped = self._refusals.take()
        if skipped is None:
            return
        known = {
            name: error.facts[name]
            for name in ("reason", "claim", "issuer", "subject")
            if name in error.facts
        }
        facts = known | ({"also_refused": skipped} if skipped else {})
        await self._audit.record(NOBODY, "sign_in", outcome=error.code, facts=facts)


class _Allowance:
    """So many a minute, and how many were beyond."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._most = most
        self._clock = clock
        self._since = clock.monotonic()
        self._taken = self._beyond = 0

    def take(self) -> int | None:
        """How many were beyond since the last one that was not; `None` = this one is."""
        now = self._clock.monotonic()
        if now - self._since >= 60.0:
            self._since, self._taken = now, 0
        if self._taken >= self._most:
            self._beyond += 1
            return None
        self._taken += 1
        skipped, self._beyond = self._beyond, 0
        return skipped
