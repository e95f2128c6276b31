"""A person of a team signs in: a real server, a real provider on the loopback, a browser behind TLS.

What ends TLS is played by the browser here: it asks the server's own port by its public name, and
keeps `__Host-` cookies as browsers do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from weft.api.team_serving import TeamListening, serve_team
from weft.app.opening import look_around
from weft.app.team import TeamHouses
from weft.kit.clocks import VirtualClock
from weft.rights import HOME, Role
from weft.testing.identity_server import IdentityServer, Misdeed, Person

PUBLIC = "https://weft.example.com"
MASTER = "cGxhbnRlZCBtYXN0ZXIga2V5IG9mIDMyIGJ5dGVzLi4="
SECRET = "planted-client-secret"


@dataclass
class Browser:
    """A browser at a server behind TLS; sends cookies back to the host that gave them, and no other.

    Attributes:
        seen: everything that it was told and has told, for a search.
    """

    place: str
    jar: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    async def ask(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        """Ask the server by its public name."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        told = {
            "host": "weft.example.com",
            "accept": "text/html",
            **headers,
            **({"cookie": cookie} if cookie else {}),
        }
        async with httpx.AsyncClient(base_url=self.place, trust_env=False) as wire:
            answer = await wire.request(method, path, headers=told)
        for line in answer.headers.get_list("set-cookie"):
            pair, *attributes = line.split("; ")
            name, _, value = pair.partition("=")
            assert name.startswith("__Host-")
            assert {"Secure", "Path=/"} <= {*attributes}
            self.jar.pop(name, None)
            if "Max-Age=0" not in attributes:
                self.jar[name] = value
                self.seen.append(value)
        return answer

    async def change(self, path: str, **headers: str) -> httpx.Response:
        """Ask for a change as a page of the server does."""
        return await self.ask(path, "POST", **{"origin": PUBLIC, "x-weft": "1", **headers})

    async def to_provider(self, onward: str = "/api/v1/me") -> str:
        """Begin to sign in; the path with which the provider sends the browser back."""
        sent = await self.ask(f"/sign-in?next={onward}")
        assert sent.status_code == 303, sent.text
        async with httpx.AsyncClient(trust_env=False) as wire:
            back = (await wire.get(sent.headers["location"])).headers["location"]
        assert back.startswith(f"{PUBLIC}/sign-in/callback?")
        parts = urlsplit(back)
        self.seen.append(parts.query)
        return f"{parts.path}?{parts.query}"

    async def sign_in(self) -> httpx.Response:
        """The whole way, up to the answer that lets the browser in."""
        return await self.ask(await self.to_provider())


@dataclass
class Team:
    """A server in two processes over one store, and the provider of its people."""

    provider: IdentityServer
    clock: VirtualClock
    houses: TeamHouses
    places: list[str]
    folder: Path

    def browser(self, process: int = 0) -> Browser:
        """A browser that reaches one of the processes."""
        return Browser(self.places[process])


@asynccontextmanager
async def served(folder: Path, issuer: str, clock: VirtualClock) -> AsyncIterator[tuple[TeamHouses, str]]:
    """One process of the server."""
    settings = {
        "store": str(folder / "team.db"), "public_url": PUBLIC, "oidc_issuer": issuer, "oidc_client_id": "weft",
        "oidc_rehearsal": True, "model": "local",
    }  # fmt: skip
    environment = {"WEFT_MASTER_KEY": MASTER, "WEFT_OIDC_CLIENT_SECRET": SECRET}
    houses = TeamHouses(look_around(settings, start=folder, environment=environment), clock=clock)
    stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()

    def tell(told: TeamListening) -> None:
        listening.set_result(told.place)

    serving = asyncio.ensure_future(
        serve_team(houses, host="127.0.0.1", port=0, stop=stop, tell=tell, walks=False)
    )
    await asyncio.wait({serving, listening}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield houses, listening.result() if listening.done() else await serving
    finally:
        stop.set()
        await serving
        await houses.close()


@pytest.fixture
async def team(tmp_path: Path) -> AsyncIterator[Team]:
    """A team to which Anna is invited as a viewer."""
    clock = VirtualClock(auto=False)
    redirect_uri = f"{PUBLIC}/sign-in/callback"
    async with AsyncExitStack() as stack:
        provider = IdentityServer(clock=clock, algorithm="ES256", redirect_uri=redirect_uri, secret=SECRET)
        await stack.enter_async_context(provider)
        running = [
            await stack.enter_async_context(served(tmp_path, provider.issuer, clock)) for _ in range(2)
        ]
        houses = running[0][0]
        await houses.members.invite("anna@example.com", {HOME: {Role.VIEWER}})
        yield Team(provider, clock, houses, [place for _, place in running], tmp_path)


async def test_person_signs_in_looks_around_and_out(team: Team) -> None:
    """From nobody to a member with a session and back, through the server that teams run."""
    browser = team.browser()

    before = await browser.ask("/api/v1/me")
    came = await browser.sign_in()
    me = await browser.ask(came.headers["location"])
    left = await browser.change("/sign-out")
    after = await browser.ask("/api/v1/me")

    assert (before.status_code, came.status_code, me.status_code) == (401, 303, 200)
    assert "Anna" in me.text
    assert (left.status_code, after.status_code) == (303, 401)
    assert browser.jar == {}


async def test_sign_in_goes_on_in_another_process(team: Team) -> None:
    """What one process has begun another one with the same master key ends, and only once."""
    browser = team.browser(0)
    back = await browser.to_provider()
    thief = Browser(team.places[1], dict(browser.jar))

    browser.place = team.places[1]
    came = await browser.ask(back)
    again = await thief.ask(back)

    assert (came.status_code, again.status_code) == (303, 401)
    assert "__Host-weft" not in thief.jar


async def test_ended_session_is_dead_everywhere_within_five_seconds(team: Team) -> None:
    """S35: signed out in one process, the secret opens nothing in the other one 5 s later."""
    browser = team.browser(0)
    await browser.sign_in()
    elsewhere = Browser(team.places[1], dict(browser.jar))
    assert (await elsewhere.ask("/api/v1/me")).status_code == 200

    await browser.change("/sign-out")
    team.clock.advance(4.9)

    assert (await elsewhere.ask("/api/v1/me")).status_code == 401


async def test_member_who_is_let_go_is_out_within_five_seconds(team: Team) -> None:
    """Who is removed has no use of a session that goes on."""
    browser = team.browser(1)
    await browser.sign_in()
    [anna] = await team.houses.members.listed()

    await team.houses.members.remove(anna.id)
    team.clock.advance(4.9)

    assert (await browser.ask("/api/v1/me")).status_code in {401, 403}
    assert (await browser.sign_in()).status_code == 403


async def test_front_page_says_who_is_signed_in(team: Team) -> None:
    """Who comes without an aim finds a page, and a name is shown as text whatever stands in it."""
    team.provider.person = Person(name="<b>Anna</b>")
    browser = team.browser()

    before = await browser.ask("/")
    came = await browser.ask(await browser.to_provider("https://evil.example/"))
    after = await browser.ask(came.headers["location"])

    assert (before.status_code, after.status_code) == (200, 200)
    assert '<a href="/sign-in">' in before.text
    assert "signed in as &lt;b&gt;Anna&lt;/b&gt;" in after.text


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
        {"x-weft": "0"}, {"origin": "null"},
    ],
)  # fmt: skip
async def test_nobody_else_signs_a_person_out(team: Team, headers: dict[str, str]) -> None:
    """S30: the exit is a change like every other; a foreign page cannot make a browser take it."""
    browser = team.browser()
    await browser.sign_in()

    assert (await browser.change("/sign-out", **headers)).status_code == 403
    assert (await browser.ask("/api/v1/me")).status_code == 200


async def test_link_of_another_page_may_lead_to_the_entrance(team: Team) -> None:
    """The provider's own page sends the browser back cross-site, which must work."""
    browser = team.browser()
    sent = await browser.ask("/sign-in", **{"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
    async with httpx.AsyncClient(trust_env=False) as wire:
        back = urlsplit((await wire.get(sent.headers["location"])).headers["location"])
    came = await browser.ask(
        f"{back.path}?{back.query}", **{"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    )

    assert came.status_code == 303
    assert (await browser.ask("/api/v1/me")).status_code == 200


async def test_host_of_another_server_signs_nobody_in(team: Team) -> None:
    """Under another name than the public one there is no entrance."""
    browser = team.browser()

    for host in ("evil.example", "127.0.0.1", "weft.example.com.evil.example", "weft.example.com:1"):
        assert (await browser.ask("/sign-in", host=host)).status_code == 400


async def test_nothing_secret_is_written_anywhere(team: Team, caplog: pytest.LogCaptureFixture) -> None:
    """S31, S46, S47: after good and bad visits no file and no log line holds a code, token or secret."""
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []
    for misdeed in (None, Misdeed.FORGED, Misdeed.WRONG_STATE, Misdeed.DECLINED, Misdeed.REFUSED):
        team.provider.misdeed = misdeed
        browser = team.browser()
        await browser.sign_in()
        await browser.ask("/api/v1/me?token=planted-parameter")
        seen += [each.partition("state=")[2].partition("&")[0] or each for each in browser.seen]
    team.provider.misdeed, team.provider.person = None, Person(subject="7", email="eve@example.com")
    assert (await team.browser().sign_in()).status_code == 403

    secrets = {
        *seen,
        *team.provider.codes,
        *team.provider.tokens,
        SECRET,
        MASTER,
        "planted-access-1",
        "planted-parameter",
    }
    browsers = {"httpx", "httpcore"}
    logged = "\n".join(
        each.getMessage() for each in caplog.records if each.name.partition(".")[0] not in browsers
    )
    files = [each for each in team.folder.rglob("*") if each.is_file()]
    assert files
    assert [each for each in secrets if each in logged] == []
    assert [(each.name, one) for each in files for one in secrets if one.encode() in each.read_bytes()] == []


async def test_deeds_say_who_came_and_who_did_not(team: Team) -> None:
    """S43: every sign-in and every refusal leaves one deed, and the chain of deeds is whole."""
    browser = team.browser()
    await browser.sign_in()
    team.provider.misdeed = Misdeed.UNSIGNED
    await team.browser().sign_in()
    await browser.change("/sign-out")
    store = team.houses.control.open()
    [anna] = await team.houses.members.listed()

    deeds = [(each.actor, each.act, each.outcome) for each in await store.deeds()]
    assert deeds == [
        (anna.id, "sign_in", "done"), ("", "sign_in", "not_proven"), (anna.id, "sign_out", "done"),
    ]  # fmt: skip
    assert await store.verify_deeds() == []
