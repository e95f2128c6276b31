from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.api.team import HOST, OTHER, URL, TeamServer, open_team
from tests.unit.api.test_permitting import NOT_ASKED, addresses, methods, path_of

from weft.api.guarding import HEADERS, SAFE
from weft.rights import HOME, Permission, Role


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TeamServer]:
    """A server with an administrator of `home`."""
    found = await open_team(tmp_path)
    await found.person("anna", {HOME: Role.ADMIN})
    yield found
    await found.houses.close()


# ── the Host ─────────────────────────────────────────────────────────────────────────────────────

HOSTS = {
    HOST: 200,
    f"{HOST}:443": 200,
    HOST.upper(): 200,
    f"{HOST}.": 400,
    f"{HOST}:8753": 400,
    f"{HOST}.evil.example": 400,
    f"me@{HOST}": 400,
    "": 400,
    "127.0.0.1": 400,
    "localhost:8753": 400,
    "127.0.0.1.nip.io": 400,
    "0.0.0.0": 400,  # noqa: S104 - a Host, and refused
}
"""How the Host is written → what comes of it."""


@pytest.mark.parametrize(("host", "status"), HOSTS.items())
async def test_only_the_public_name_is_answered(server: TeamServer, host: str, status: int) -> None:
    """S29: the public address is the server's only name; by any other nothing is reached, not even `health`."""
    token = await server.token(server.people["anna"])

    async with server.program(token, host=host) as program:
        answers = [
            await program.get(path) for path in ("/api/v1/health", "/api/v1/me", "/api/v1/openapi.json")
        ]
        front = await program.get("/nothing")

    assert {each.status_code for each in answers} == {status}
    assert front.status_code == (404 if status == 200 else status)


async def test_forwarded_host_counts_for_nothing(server: TeamServer) -> None:
    """What a proxy says about the Host is not believed; it must hand the Host itself on."""
    token = await server.token(server.people["anna"])

    async with server.program(token, host="127.0.0.1", x_forwarded_host=HOST) as program:
        answer = await program.get("/api/v1/me")

    assert answer.json()["code"] == "unknown_host"


# ── who asks ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer weft_", "Bearer weft_" + "a" * 43, "Basic x", "bearer ü"]
)
async def test_wrong_token_is_refused(server: TeamServer, given: str) -> None:
    """S35: only a whole token opens anything, and a refusal does not say why."""
    async with server.asking() as stranger:
        answer = await stranger.get("/api/v1/me", headers=[(b"authorization", given.encode())])

    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_key_and_entrance_of_the_local_server_are_not_there(server: TeamServer) -> None:
    """What is only safe for one person on their own machine does not exist: no one-time address, no key file."""
    token = await server.token(server.people["anna"])

    async with server.program(token) as program, server.asking() as stranger:
        inside, outside = await program.get("/enter?code=x"), await stranger.get("/enter?code=x")

    assert (inside.status_code, outside.status_code) == (404, 401)


@pytest.mark.parametrize("wait_s", [90 * 86_400 - 1, 90 * 86_400])
async def test_token_ends_at_its_time(server: TeamServer, wait_s: float) -> None:
    """S35: a token is good until its last second."""
    token = await server.token(server.people["anna"])

    server.clock.advance(wait_s)
    async with server.program(token) as program:
        answer = await program.get("/api/v1/me")

    assert answer.status_code == (200 if wait_s < 90 * 86_400 else 401)


async def test_session_and_its_workspace_are_known(server: TeamServer) -> None:
    """A cookie opens the workspaces of its person, each by its name."""
    await server.houses.members.invite("anna@example.com", {OTHER: {Role.VIEWER}})
    cookie = await server.cookie(server.people["anna"])

    async with server.page(cookie) as page:
        usual = (await page.get("/api/v1/me")).json()
        chosen = (await page.get("/api/v1/me", headers={"weft-workspace": OTHER})).json()

    assert (usual["workspace"], usual["roles"], usual["via"]) == (HOME, ["admin"], "cookie")
    assert (chosen["workspace"], chosen["roles"]) == (OTHER, ["viewer"])
    assert chosen["permissions"] == [Permission.LOOK]


async def test_member_of_no_workspace_is_told_so(server: TeamServer) -> None:
    """Who is in no workspace that is in use is told that, and nothing else."""
    bob = await server.person("bob", {OTHER: Role.ADMIN})
    cookie = await server.cookie(bob)
    await server.houses.workspaces.archive(OTHER)

    async with server.page(cookie) as page:
        answer = await page.get("/api/v1/me")

    assert (answer.status_code, answer.json()["detail"]) == (403, "You are in no workspace.")


async def test_archived_workspace_is_not_there(server: TeamServer) -> None:
    """A workspace that was put away opens for nobody, and the same token opens it again afterwards."""
    bob = await server.person("bob", {OTHER: Role.ADMIN})
    token = await server.token(bob, OTHER)

    async with server.program(token) as program:
        before = (await program.get("/api/v1/me")).status_code
        await server.houses.workspaces.archive(OTHER)
        away = (await program.get("/api/v1/me")).status_code
        await server.houses.workspaces.archive(OTHER, undo=True)
        again = (await program.get("/api/v1/me")).status_code

    assert (before, away, again) == (200, 401, 200)


# ── whose page asks ──────────────────────────────────────────────────────────────────────────────

SITES = ["cross-site", "same-site", "same-origin", "none", None]
CROSS = {
    # Sec-Fetch-Site: cookie, bearer, both
    "cross-site": (403, 200, 403),
    "same-site": (403, 200, 403),
    "same-origin": (200, 200, 200),
    "none": (200, 200, 200),
    None: (200, 200, 200),  # an older browser: then `Origin` says whose page asks
}
"""What comes of a change with `X-Weft: 1` and the Origin that a browser sends in that case (S30)."""
ORIGINS = {"cross-site": "https://evil.example", "same-site": "https://other.example.com"}


@pytest.mark.parametrize("site", SITES)
async def test_changes_come_from_our_own_pages(server: TeamServer, site: str | None) -> None:
    """S30: every unsafe address × where the page is from × cookie, token or both: an exact table."""
    anna = server.people["anna"]
    cookie, bearer = await server.cookie(anna), f"Bearer {await server.token(anna)}"
    told = {"sec-fetch-site": site, "origin": ORIGINS.get(site or "", URL), "x-weft": "1"}
    headers = {name: text for name, text in told.items() if text is not None}
    ways = [{"cookie": cookie}, {"authorization": bearer}, {"cookie": cookie, "authorization": bearer}]

    found = {}
    for each in addresses():
        for method in methods(each) if each.path not in NOT_ASKED else ():
            if method not in SAFE:
                answers = []
                for way in ways:
                    async with server.asking(**{**headers, **way}) as asking:
                        answer = await asking.request(method, path_of(each))
                        answers.append(
                            403 if answer.status_code == 403 and "cross_site" in answer.text else 200
                        )
                found[f"{method} {each.path}"] = tuple(answers)

    assert len(found) > 30
    assert found == dict.fromkeys(found, CROSS[site])


ALL_ORIGINS = [URL, "https://evil.example", "null", f"{URL}:8753", "http://weft.example.com", None]


@pytest.mark.parametrize(("site", "origin", "mark"), list(itertools.product(SITES, ALL_ORIGINS, ["1", None])))
async def test_cookie_needs_origin_and_mark(
    server: TeamServer, site: str | None, origin: str | None, mark: str | None
) -> None:
    """S30: with a cookie a change needs an own page by `Sec-Fetch-Site`, else by `Origin`, and `X-Weft: 1`."""
    told = {"sec-fetch-site": site, "origin": origin, "x-weft": mark}
    headers = {name: text for name, text in told.items() if text is not None}
    headers["cookie"] = await server.cookie(server.people["anna"])
    is_ours = origin == URL if site is None else site in ("same-origin", "none") and origin in (URL, None)

    async with server.asking(**headers) as page:
        change = await page.delete("/api/v1/cache")
        look = await page.get("/api/v1/cache")

    assert change.status_code == (200 if is_ours and mark == "1" else 403)
    may_look = site in ("same-origin", "none", None) and origin in (URL, None)
    assert look.status_code == (200 if may_look else 403)


async def test_link_on_another_page_leads_to_ours(server: TeamServer) -> None:
    """A person may come by a link; what the other page could read or change is refused."""
    cookie = await server.cookie(server.people["anna"])

    async with server.asking(cookie=cookie, sec_fetch_site="cross-site") as page:
        front, answer = await page.get("/"), await page.get("/api/v1/me")

    assert (front.status_code, answer.status_code) == (200, 403)


# ── what is told ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/", "/api/v1/me", "/nothing", "/api/v1/cache?x=1", "/api/v1/openapi.json"])
async def test_every_answer_is_dressed(server: TeamServer, path: str) -> None:
    """S26: answers and refusals carry the same headers, and nothing allows another origin."""
    token = await server.token(server.people["anna"])

    async with server.program(token) as program, server.asking() as stranger:
        answers = [await program.get(path), await stranger.get(path)]

    for answer in answers:
        assert {name: answer.headers.get(name) for name in HEADERS} == dict(HEADERS)
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_nothing_is_told_about_the_machine(server: TeamServer, tmp_path: Path) -> None:
    """S6: who may look learns neither where the store lies nor what the server's environment holds."""
    token = await server.token(server.people["anna"])

    async with server.program(token) as program:
        told = [
            (await program.get(f"/api/v1/{name}")).text for name in ("settings", "checkup", "me", "workspace")
        ]

    assert not [each for each in told if str(tmp_path) in each or "memory://" in each or "_API_KEY" in each]


async def test_server_runs_nobodys_code(server: TeamServer) -> None:
    """Generated modules are not tried on a server for a team."""
    token = await server.token(server.people["anna"])
    spec = "name: totals\nkind: compute\ndescription: Add.\nvariant: minimal\noperations:\n  - {name: total, does: pure, description: Net., takes: {unit: number}, gives: {net: number}, with: {computes: ['net = unit * 2']}}\n"

    async with server.program(token) as program:
        proven = await program.post("/api/v1/generate", json={"specs": [{"text": spec}]})
        bare = await program.post("/api/v1/generate", json={"specs": [{"text": spec}], "prove": False})

    assert (proven.status_code, proven.json()["code"]) == (403, "not_allowed")
    assert "def total" in bare.json()["modules"][0]["text"]
