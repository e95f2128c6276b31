"""Signing in at the desk: who is let in, who is not, and what each of them leaves behind."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from tests.unit.app.signing import Desks, go, open_desks

from weft.app.sessions import KIND as SESSION
from weft.app.signing_in import DECLINED, REFUSALS_A_MINUTE, Returned
from weft.errors import NotAdmitted, NotProven, WeftError
from weft.identity.errands import LIFE_S
from weft.kit.clocks import VirtualClock
from weft.rights import HOME, Role
from weft.testing.identity_server import IdentityServer, Misdeed, Person

ROLES = {HOME: {Role.VIEWER}}


@pytest.fixture(scope="module")
def honest() -> IdentityServer:
    """A provider whose keys are made once; each test starts it anew."""
    return IdentityServer()


@pytest.fixture
async def desks(honest: IdentityServer) -> AsyncIterator[Desks]:
    """A server to which Anna is invited, and an honest provider."""
    clock = VirtualClock()
    honest._clock, honest.misdeed, honest.person, honest.overrides = clock, None, Person(), {}
    async with honest:
        found = open_desks(honest, clock)
        await found.members.invite("anna@example.com", ROLES)
        yield found


async def test_invited_person_comes_in(desks: Desks) -> None:
    """Who is invited by e-mail is let in, and a deed says so without the code or the token."""
    came = await desks.sign_in("/runs?state=paused")

    found = await desks.sessions.find(came.secret)
    assert found is not None
    assert found.person == came.member.id
    assert came.onward == "/runs?state=paused"
    assert await desks.deeds() == [("sign_in", "done")]


async def test_person_is_known_by_subject_afterwards(desks: Desks) -> None:
    """Once they have come in issuer and subject count, whatever becomes of the address."""
    first = await desks.sign_in()
    desks.server.person = Person(email="anna.new@example.com", is_verified=False)
    again = await desks.sign_in()
    desks.server.person = Person(subject="subject-2")  # somebody else who has her old address now

    assert again.member.id == first.member.id
    with pytest.raises(NotAdmitted):
        await desks.sign_in()


@pytest.mark.parametrize(
    "person",
    [
        Person(email="eve@example.com"),
        Person(is_verified=False),
        Person(email=""),
        Person(email="anna@example.com.evil.example"),
    ],
)
async def test_stranger_is_not_let_in(desks: Desks, person: Person) -> None:
    """S35: without an invitation to an address that the provider vouches for nobody comes in."""
    desks.server.person = person

    with pytest.raises(NotAdmitted) as refusal:
        await desks.sign_in()

    assert "invit" in str(refusal.value)
    assert await desks.stores.open().documents(SESSION) == []
    assert await desks.deeds() == [("sign_in", "not_admitted")]


@pytest.mark.parametrize("claim", ["true", 1, "yes", None])
async def test_only_true_is_verified(desks: Desks, claim: object) -> None:
    """`email_verified` that is anything but true vouches for nothing."""
    desks.server.overrides = {"email_verified": claim}

    with pytest.raises(NotAdmitted):
        await desks.sign_in()


async def test_member_who_was_let_go_stays_out(desks: Desks) -> None:
    """Who is no member any more is a stranger, although the provider knows them."""
    came = await desks.sign_in()
    await desks.members.remove(came.member.id, workspace=HOME)

    with pytest.raises(NotAdmitted):
        await desks.sign_in()


TOKENS = {
    Misdeed.UNSIGNED: "alg", Misdeed.PUBLIC_KEY_AS_SECRET: "alg", Misdeed.FORGED: "signature",
    Misdeed.UNKNOWN_KEY: "kid", Misdeed.WRONG_ISSUER: "iss", Misdeed.WRONG_AUDIENCE: "aud",
    Misdeed.TWO_AUDIENCES: "azp", Misdeed.WRONG_PARTY: "azp", Misdeed.EXPIRED: "exp", Misdeed.FUTURE: "iat",
    Misdeed.OLD: "iat", Misdeed.NOT_YET: "nbf", Misdeed.SWAPPED_NONCE: "nonce", Misdeed.NO_NONCE: "nonce",
    Misdeed.NO_SUBJECT: "sub", Misdeed.WRONG_HASH: "at_hash", Misdeed.GARBLED: "form",
    Misdeed.WRONG_SENDER: "issuer", Misdeed.NO_SENDER: "issuer", Misdeed.DECLINED: "access_denied",
}  # fmt: skip
"""Misdeeds that prove nobody → what is not to be believed."""
OUTAGES = {
    Misdeed.NO_TOKEN: "not_the_api", Misdeed.NOT_JSON: "not_the_api", Misdeed.HUGE: "not_the_api",
    Misdeed.SLOW: "timed_out", Misdeed.SENT_ON: "not_the_api", Misdeed.BROKEN: "server_failed",
    Misdeed.REFUSED: "bad_request",
}  # fmt: skip
"""Misdeeds after which nobody can be proven → the error's code."""
DESCRIBED = {Misdeed.DESCRIBES_ANOTHER, Misdeed.DESCRIBES_PLAIN, Misdeed.DESCRIBES_SECRETS}
"""Misdeeds because of which no browser is even sent there."""


@pytest.mark.parametrize("misdeed", TOKENS)
async def test_what_proves_nobody_lets_nobody_in(desks: Desks, misdeed: Misdeed) -> None:
    """S35: a bad token or answer is refused, nothing is kept but a deed that names what was wrong."""
    desks.server.misdeed = misdeed

    with pytest.raises(NotProven) as refusal:
        await desks.sign_in()

    assert refusal.value.facts["claim"] == TOKENS[misdeed]
    assert await desks.stores.open().documents(SESSION) == []
    deeds = await desks.stores.open().deeds()
    assert [(each.outcome, each.facts) for each in deeds] == [("not_proven", {"claim": TOKENS[misdeed]})]


@pytest.mark.parametrize("misdeed", OUTAGES)
async def test_ill_provider_lets_nobody_in(desks: Desks, misdeed: Misdeed) -> None:
    """S35, S48: huge, slow, broken and odd answers end soon, in a sentence and without a session."""
    desks.server.misdeed = misdeed

    with pytest.raises(WeftError) as refusal:
        await desks.sign_in()

    assert refusal.value.code == OUTAGES[misdeed]
    assert await desks.stores.open().documents(SESSION) == []
    assert await desks.deeds() == [("sign_in", OUTAGES[misdeed])]


@pytest.mark.parametrize("misdeed", sorted(DESCRIBED))
async def test_wrong_description_sends_nobody(desks: Desks, misdeed: Misdeed) -> None:
    """A provider that names another issuer, plain addresses or shared secrets is not used at all."""
    desks.server.misdeed = misdeed

    with pytest.raises(WeftError) as refusal:
        await desks.desk.begin()

    assert refusal.value.code == "not_the_api"


def test_every_misdeed_is_tried() -> None:
    """The table has a line for each way in which the pretended provider can misbehave."""
    assert {*TOKENS, *OUTAGES, *DESCRIBED, Misdeed.USED_CODES, Misdeed.WRONG_STATE} == {*Misdeed}


async def test_code_is_good_once(desks: Desks) -> None:
    """S35: the same answer brought a second time opens nothing: the provider does not take its code."""
    errand, returned = await desks.visit()
    await desks.desk.finish(errand, returned)

    with pytest.raises(NotProven):
        await desks.desk.finish(errand, returned)

    assert len(await desks.stores.open().documents(SESSION)) == 1


async def test_replayed_answer_is_refused_whatever_the_provider_does(desks: Desks) -> None:
    """S35: a provider that takes a code twice does not make one sign-in two."""
    desks.server.misdeed = Misdeed.USED_CODES
    other = open_desks(desks.server, desks.clock, desks.stores)  # another process of the server
    errand, returned = await desks.visit()
    await desks.desk.finish(errand, returned)

    with pytest.raises(NotProven, match="used already"):
        await other.desk.finish(errand, returned)

    assert len(await desks.stores.open().documents(SESSION)) == 1


async def test_state_of_another_browser_is_refused(desks: Desks) -> None:
    """S30, S35: an attacker's own answer, laid under a victim, fits no errand of the victim's browser."""
    _, attackers = await desks.visit()
    victims, _ = await desks.visit()

    for errand in (victims, "", "1.1.x.y.z"):
        with pytest.raises(NotAdmitted):
            await desks.desk.finish(errand, attackers)

    assert await desks.stores.open().documents(SESSION) == []


async def test_changed_state_is_refused(desks: Desks) -> None:
    """A provider, or whoever stands between, cannot change to which sign-in an answer belongs."""
    desks.server.misdeed = Misdeed.WRONG_STATE

    with pytest.raises(NotAdmitted):
        await desks.sign_in()


async def test_errand_has_its_time(desks: Desks) -> None:
    """A sign-in that takes more than ten minutes is to be begun again."""
    errand, returned = await desks.visit()
    desks.clock.advance(LIFE_S)

    with pytest.raises(NotAdmitted):
        await desks.desk.finish(errand, returned)


async def test_tampered_errand_is_refused(desks: Desks) -> None:
    """A cookie with one character changed is none of ours."""
    errand, returned = await desks.visit()

    for place in range(len(errand)):
        other = "A" if errand[place] != "A" else "B"
        with pytest.raises(NotAdmitted):
            await desks.desk.finish(f"{errand[:place]}{other}{errand[place + 1 :]}", returned)


async def test_session_has_a_new_secret(desks: Desks) -> None:
    """Session fixation: the session that the browser had is ended, the new one has its own secret."""
    before = await desks.sign_in()

    after = await desks.sign_in(before=before.secret)

    assert after.secret != before.secret
    assert await desks.sessions.find(before.secret) is None
    assert await desks.sessions.find(after.secret) is not None


async def test_secret_of_another_is_not_taken_over(desks: Desks) -> None:
    """A cookie that an attacker has planted opens nothing after the victim has signed in."""
    planted = "attackers-choice-of-a-secret-0000000000000x"

    await desks.sign_in(before=planted)

    assert await desks.sessions.find(planted) is None


@pytest.mark.parametrize(
    "onward",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
        "/\r\nset-cookie: a=b", "/%0d%0a", "", "runs", "/sign-in", "/sign-out", "/sign-in/callback?code=1",
        "/" + "x" * 600, "/\t/evil.example", "/ evil", "http:/evil.example",
    ],
)  # fmt: skip
async def test_nobody_is_sent_elsewhere(desks: Desks, onward: str) -> None:
    """No open redirect: anything but a path of this server means its front page."""
    came = await desks.sign_in(onward)

    assert came.onward == ("/%0d%0a" if onward == "/%0d%0a" else "/")


async def test_words_of_the_provider_are_not_repeated(desks: Desks) -> None:
    """An error is told in our words, an unknown one without its name."""
    errand, returned = await desks.visit()

    for error, sentence in {**DECLINED, "<b>planted</b>": "has refused"}.items():
        with pytest.raises(NotProven) as refusal:
            await desks.desk.finish(
                errand, Returned(state=returned.state, error=error, issuer=returned.issuer)
            )
        assert sentence in str(refusal.value)
        assert "planted" not in str(refusal.value)


async def test_refusals_do_not_drown_other_deeds(desks: Desks) -> None:
    """Beyond so many a minute refusals are counted in the next deed and not written one by one."""
    for _ in range(REFUSALS_A_MINUTE + 7):
        with pytest.raises(NotAdmitted):
            await desks.desk.finish("", Returned(state="x", code="y"))
    desks.clock.advance(60)
    with pytest.raises(NotAdmitted):
        await desks.desk.finish("", Returned(state="x", code="y"))

    deeds = await desks.stores.open().deeds()
    assert len(deeds) == REFUSALS_A_MINUTE + 1
    assert deeds[-1].facts["also_refused"] == 7


async def test_nothing_secret_is_kept_or_logged(desks: Desks, caplog: pytest.LogCaptureFixture) -> None:
    """S31, S46, S47: codes, tokens, states and secrets stand in no log, deed or document."""
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    said: list[str] = []
    for misdeed in (None, Misdeed.FORGED, Misdeed.REFUSED, Misdeed.EXPIRED):
        desks.server.misdeed = misdeed
        begun = await desks.desk.begin()
        returned = await go(begun.address)
        told += [begun.errand, returned.state]
        try:
            told.append((await desks.desk.finish(begun.errand, returned)).secret)
        except WeftError as error:
            said.append(f"{error!r}{error.facts}")

    store = desks.stores.open()
    kept = repr([await store.documents(kind) for kind in ("session", "sign_in", "member")])
    kept += repr(await store.deeds())
    browser = {"httpx", "httpcore"}  # what the test's own browser logs is not weft's
    logged = "\n".join(
        each.getMessage() for each in caplog.records if each.name.partition(".")[0] not in browser
    )
    secrets = [*told, *desks.server.codes, *desks.server.tokens, "planted-access-1", "planted-client-secret"]
    assert [each for each in secrets if each in kept + "".join(said)] == []
    assert [each for each in secrets if each in logged] == []
