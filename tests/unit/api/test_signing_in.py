"""Signing in as a browser meets it: redirects, cookies, pages, and nothing that stays in an address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.unit.app.signing import Desks, open_desks

from weft.api import signing_in
from weft.api.cookies import ERRAND, SESSION, read_cookie
from weft.api.guarding import Dressed
from weft.api.permitting import addresses_of
from weft.api.problems import LastDefence, register
from weft.kit.clocks import VirtualClock
from weft.rights import HOME, Principal, Role
from weft.testing.identity_server import IdentityServer, Misdeed, Person

PUBLIC = "https://weft.example.com"
PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Recognising:
    """As little of a guard as the exit needs: who has a session is somebody."""

    def __init__(self, app: ASGIApp, desks: Desks) -> None:
        self._app = app
        self._desks = desks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        cookie = read_cookie(Headers(scope=scope), SESSION)
        found = await self._desks.sessions.find(cookie)
        principal = Principal(id="")
        if found is not None:
            principal = Principal(id=found.person, via="cookie", session=found.id)
        scope["state"] = {"principal": principal}
        await self._app(scope, receive, send)


@dataclass
class Site:
    """The server, its desks and its provider."""

    app: ASGIApp
    desks: Desks

    def browser(self, **headers: str) -> httpx.AsyncClient:
        """A browser of its own, with a jar for cookies."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app), base_url=PUBLIC, headers={**PAGE, **headers}
        )


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A server to which Anna is invited."""
    clock = VirtualClock()
    async with IdentityServer(clock=clock, algorithm="ES256") as server:
        desks = open_desks(server, clock)
        await desks.members.invite("anna@example.com", {HOME: {Role.VIEWER}})
        application = FastAPI()
        register(application)
        application.include_router(signing_in.routes)
        assert {each.needs for each in addresses_of([("", signing_in.routes)])} == {None}
        application.state.signing_in = desks.desk
        yield Site(Dressed(LastDefence(Recognising(application, desks), draw=lambda: "1")), desks)


async def at_provider(address: str) -> str:
    """Where the provider sends a browser back to."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        return (await browser.get(address)).headers["location"]


async def come_in(browser: httpx.AsyncClient, onward: str = "/runs") -> httpx.Response:
    """The whole way, up to the answer that lets the browser in."""
    sent = await browser.get("/sign-in", params={"next": onward})
    return await browser.get(await at_provider(sent.headers["location"]))


def cookies_of(answer: httpx.Response) -> dict[str, str]:
    """Name → attributes of the cookies that an answer hands out, as they are written."""
    pairs = (each.partition("=") for each in answer.headers.get_list("set-cookie"))
    return {name: rest.partition("; ")[2] for name, _, rest in pairs}


async def test_browser_goes_to_the_provider_and_comes_back(site: Site) -> None:
    """S31: a browser is let in, and sent on to an address without code and state."""
    async with site.browser() as browser:
        sent = await browser.get("/sign-in", params={"next": "/runs?state=paused"})
        came = await browser.get(await at_provider(sent.headers["location"]))

    assert sent.status_code == 303
    assert sent.headers["location"].startswith(site.desks.server.issuer)
    assert (came.status_code, came.headers["location"]) == (303, "/runs?state=paused")
    for each in (sent, came):
        assert each.headers["cache-control"] == "no-store"
        assert each.headers["referrer-policy"] == "no-referrer"
        assert each.content == b""


async def test_cookies_are_for_this_host_alone(site: Site) -> None:
    """Both cookies are `__Host-`: over TLS, out of reach for scripts, for every path, not cross-site."""
    async with site.browser() as browser:
        sent = await browser.get("/sign-in")
        came = await browser.get(await at_provider(sent.headers["location"]))

    same = "Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Lax"
    assert cookies_of(sent) == {ERRAND: same.format(600)}
    assert cookies_of(came) == {SESSION: same.format(7 * 86_400), ERRAND: same.format(0)}
    assert SESSION == "__Host-weft"


async def test_session_is_new_after_signing_in(site: Site) -> None:
    """Session fixation: a planted cookie is not taken over, and an older session is ended."""
    planted = "p" * 43
    async with site.browser() as browser:
        browser.cookies.set(SESSION, planted, domain="weft.example.com")
        await come_in(browser)
        first = browser.cookies[SESSION]
        await come_in(browser)
        second = browser.cookies[SESSION]

    assert len({planted, first, second}) == 3
    assert [await site.desks.sessions.find(each) for each in (planted, first)] == [None, None]
    assert await site.desks.sessions.find(second) is not None


async def test_answer_of_another_browser_is_refused(site: Site) -> None:
    """S30: an attacker's address to come back to, opened by a victim, signs the victim in as nobody."""
    async with site.browser() as attacker, site.browser() as victim:
        sent = await attacker.get("/sign-in")
        trap = await at_provider(sent.headers["location"])
        refused = await victim.get(trap)
        await victim.get("/sign-in")  # also in the middle of a sign-in of their own
        refused_again = await victim.get(trap)

    assert [refused.status_code, refused_again.status_code] == [403, 403]
    assert SESSION not in cookies_of(refused) | cookies_of(refused_again)


@pytest.mark.parametrize(
    ("misdeed", "status"),
    [
        (Misdeed.UNSIGNED, 401), (Misdeed.PUBLIC_KEY_AS_SECRET, 401), (Misdeed.FORGED, 401), (Misdeed.EXPIRED, 401),
        (Misdeed.WRONG_AUDIENCE, 401), (Misdeed.SWAPPED_NONCE, 401), (Misdeed.WRONG_ISSUER, 401),
        (Misdeed.DECLINED, 401), (Misdeed.WRONG_STATE, 403), (Misdeed.SLOW, 504), (Misdeed.HUGE, 502),
        (Misdeed.SENT_ON, 502), (Misdeed.BROKEN, 502),
    ],
)  # fmt: skip
async def test_misdeeds_are_told_to_people_and_programs(site: Site, misdeed: Misdeed, status: int) -> None:
    """S35: a person gets a small page, a program a problem; neither gets a session or the provider's words."""
    site.desks.server.misdeed = misdeed
    for accept in (PAGE["accept"], "application/json"):
        async with site.browser(accept=accept) as browser:
            answer = await come_in(browser)

        assert answer.status_code == status
        assert SESSION not in cookies_of(answer)
        assert "planted" not in answer.text
        if accept == "application/json":
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == status
        else:
            assert answer.headers["content-type"].startswith("text/html")
            assert '<a href="/sign-in">' in answer.text
            assert "<script" not in answer.text


async def test_stranger_is_told_what_to_do(site: Site) -> None:
    """Who is not invited is refused with the way to an invitation, and no cookie of a session."""
    site.desks.server.person = Person(subject="9", email="eve@example.com")
    async with site.browser() as browser:
        answer = await come_in(browser)

    assert answer.status_code == 403
    assert "invitation" in answer.text
    assert SESSION not in cookies_of(answer)


async def test_words_in_the_address_are_not_repeated(site: Site) -> None:
    """What stands in the address that a browser comes back to is in no page, header or cookie."""
    words = "<script>alert('planted')</script>"
    told = {
        "error": words,
        "error_description": words,
        "state": words,
        "iss": words,
        "code": words,
        words: words,
    }
    async with site.browser() as browser:
        await browser.get("/sign-in")
        answer = await browser.get("/sign-in/callback", params=told)

    assert answer.status_code == 403
    assert "planted" not in answer.text + str(answer.headers)


async def test_absent_provider_is_told(site: Site) -> None:
    """Where the provider is not there people are told so before they are sent anywhere."""
    await site.desks.server.stop()
    async with site.browser() as browser:
        answer = await browser.get("/sign-in")

    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "no connection to the identity provider" in answer.text


async def test_parameters_that_providers_add_are_taken(site: Site) -> None:
    """`session_state`, `scope`, `authuser` and others come along with some providers."""
    async with site.browser() as browser:
        sent = await browser.get("/sign-in")
        back = await at_provider(sent.headers["location"])
        answer = await browser.get(f"{back}&session_state=1&scope=openid%20email&authuser=0&prompt=none&hd=x")

    assert answer.status_code == 303


@pytest.mark.parametrize("name", ["state", "code", "error", "iss", "next"])
async def test_long_parameters_are_refused(site: Site, name: str) -> None:
    """S36: a parameter that no provider would send is refused before anything is done with it."""
    path = "/sign-in" if name == "next" else "/sign-in/callback"
    async with site.browser() as browser:
        answer = await browser.get(path, params={name: "x" * 5_001})

    assert answer.status_code == 422


async def test_signing_out_ends_the_session(site: Site) -> None:
    """Afterwards the cookie is gone and its secret opens nothing, also where somebody has kept it."""
    async with site.browser() as browser:
        await come_in(browser)
        secret = browser.cookies[SESSION]
        answer = await browser.post("/sign-out")
        again = await browser.post("/sign-out")

    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert cookies_of(answer)[SESSION].startswith("Path=/; Max-Age=0")
    assert SESSION not in browser.cookies
    assert await site.desks.sessions.find(secret) is None
    assert again.status_code == 409
    assert await site.desks.deeds() == [("sign_in", "done"), ("sign_out", "done")]


async def test_program_signs_out_without_a_page(site: Site) -> None:
    """Who asks for values is answered with none."""
    async with site.browser(accept="*/*") as browser:
        await come_in(browser)
        answer = await browser.post("/sign-out")

    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("__Host-weft=abc", "abc"),
        ("a=b; __Host-weft=abc ;c=d", "abc"),
        ("__Host-weft=a; __Host-weft=b", ""),
        ("x__Host-weft=a", ""),
        ("__Host-weft", ""),
        ("__Host-weft=" + "x" * 5_000, ""),
        ("\xff=\xff; __Host-weft=abc", "abc"),
        ("", ""),
    ],
)
def test_cookie_is_read_strictly(header: str, value: str) -> None:
    """A cookie that stands there twice, or is longer than browsers keep, is none."""
    scope = {"type": "http", "headers": [(b"cookie", header.encode("latin-1"))]}

    assert read_cookie(Headers(scope=scope), SESSION) == value
