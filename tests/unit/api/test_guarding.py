from __future__ import annotations

import itertools

import httpx
import pytest
from tests.unit.api.conftest import PORT, URL, Server, open_server

from weft.api.guarding import HEADERS

FOREIGN_HOSTS = [
    f"127.0.0.1.nip.io:{PORT}", f"localhost.:{PORT}", "", f"0.0.0.0:{PORT}", f"me@127.0.0.1:{PORT}", "127.0.0.1",
    "localhost:80", f"evil.example:{PORT}", f"[::]:{PORT}", f"2130706433:{PORT}", f"127.1:{PORT}", f"localhost:{PORT}\t.evil",
]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """One application for all tests here: nothing that they ask changes its project."""
    return open_server(tmp_path_factory.mktemp("guarded"))


PATHS = ["/", "/enter?code=x", "/api/v1/health", "/api/v1/prices", "/api/v1/openapi.json", "/nothing"]


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
@pytest.mark.parametrize("path", PATHS)
async def test_foreign_host_is_refused_everywhere(server: Server, host: str, path: str) -> None:
    """S29: a name that is not loopback's own, or another port, reaches nothing; DNS rebinding is no way in."""
    async with server.with_key(host=host) as program:
        answer = await program.get(path)

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_host")


@pytest.mark.parametrize(
    "host", [f"localhost:{PORT}", f"LOCALHOST:{PORT}", f"127.0.0.1:{PORT}", f"[::1]:{PORT}"]
)
async def test_own_names_are_let_in(server: Server, host: str) -> None:
    """S29: the names of loopback with the server's port are the server, in any case."""
    async with server.with_key(host=host) as program:
        answer = await program.get("/api/v1/settings")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/prices", "/api/v1/openapi.json", "/api/v1/nothing", "/nothing"]
)
async def test_nobody_enters_without_key_or_cookie(server: Server, path: str) -> None:
    """S32: everything but the entrance and `health` asks who comes; also what is not there."""
    async with server.asking() as stranger:
        answer = await stranger.get(path)

    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong", "Basic kkk", "Bearer " + "k" * 42, "bearer ü"]
)
async def test_wrong_key_is_refused(server: Server, given: str) -> None:
    """S35: only the whole key is the key."""
    async with server.asking() as stranger:
        answer = await stranger.get("/api/v1/prices", headers=[(b"authorization", given.encode())])

    assert answer.status_code == 401


async def test_health_is_for_anybody(server: Server) -> None:
    """Whether the server is there may be asked by anybody on this machine."""
    async with server.asking() as stranger:
        answer = await stranger.get("/api/v1/health")

    assert answer.json()["status"] == "ok"


SITES = ["cross-site", "same-site", "same-origin", "none", None]
ORIGINS = [URL, "http://evil.example", "null", f"http://localhost:{PORT + 1}", None]
MARKS = ["1", None]


@pytest.mark.parametrize(("site", "origin", "mark"), list(itertools.product(SITES, ORIGINS, MARKS)))
async def test_changes_with_a_cookie_come_from_own_pages(
    server: Server, site: str | None, origin: str | None, mark: str | None
) -> None:
    """S30: with a cookie a change needs our Origin and `X-Weft: 1`; a key beside it does not help."""
    given = {"sec-fetch-site": site, "origin": origin, "x-weft": mark, "cookie": server.cookie()}
    headers = {name: text for name, text in given.items() if text is not None}
    allowed = site in ("same-origin", "none", None) and origin == URL and mark == "1"

    async with server.asking(**headers) as page, server.with_key(**headers) as both:
        answers = [await page.delete("/api/v1/cache"), await both.delete("/api/v1/cache")]

    assert [each.status_code for each in answers] == [200 if allowed else 403] * 2


@pytest.mark.parametrize(("site", "origin"), list(itertools.product(SITES, ORIGINS)))
async def test_key_alone_needs_no_origin(server: Server, site: str | None, origin: str | None) -> None:
    """S30: no page can know the key, so that who has it is believed."""
    given = {"sec-fetch-site": site, "origin": origin}
    headers = {name: text for name, text in given.items() if text is not None}

    async with server.with_key(**headers) as program:
        answer = await program.delete("/api/v1/cache")

    assert answer.status_code == 200


async def test_every_unsafe_route_is_guarded(server: Server, ask: httpx.AsyncClient) -> None:
    """S30: each address that changes something refuses a cookie from another origin."""
    described = (await ask.get("/api/v1/openapi.json")).json()["paths"]
    unsafe = [(method, path) for path, methods in described.items() for method in methods if method != "get"]

    async with server.asking(cookie=server.cookie(), origin="http://evil.example") as page:
        codes = {(await page.request(method.upper(), path)).json()["code"] for method, path in unsafe}

    assert len(unsafe) > 10
    assert codes == {"cross_site"}


async def test_foreign_pages_do_not_look_either(server: Server) -> None:
    """A page of another port of this machine is same-site to a browser, and still not ours."""
    async with server.asking(cookie=server.cookie(), sec_fetch_site="same-site") as page:
        answer = await page.get("/api/v1/prices")

    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/", "/api/v1/prices", "/nothing", "/api/v1/cache?x=1"])
async def test_every_answer_is_dressed(server: Server, ask: httpx.AsyncClient, path: str) -> None:
    """S26: answers and refusals carry the same headers, and nothing allows another origin."""
    for answer in (await ask.get(path), await server.asking().get(path)):
        assert {name: answer.headers.get(name) for name in HEADERS} == dict(HEADERS)
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["cache-control"] in ("no-store", "private, no-cache")


async def test_preflight_is_not_answered(server: Server) -> None:
    """There is no CORS: a browser that asks whether another origin may come gets no yes."""
    async with server.asking(
        origin="http://evil.example", access_control_request_method="POST", cookie=server.cookie()
    ) as page:
        answer = await page.options("/api/v1/estimates")

    assert answer.status_code == 403


async def test_code_is_good_once(server: Server) -> None:
    """S31: the code becomes a cookie that scripts do not see, the address becomes clean, the code is spent."""
    code = server.sessions.new_code()

    async with server.asking() as browser:
        first = await browser.get("/enter", params={"code": code})
        front = await browser.get("/")
        second = await browser.get("/enter", params={"code": code})

    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "weft is running" in front.text
    assert (second.status_code, second.json()["code"]) == (403, "code_used")


async def test_cookie_in_use_is_renewed(server: Server) -> None:
    """A session that is used does not end while it is used, but after a week it does."""
    async with server.asking(cookie=server.cookie()) as browser:
        await server.clock.sleep(3_600)
        renewed = (await browser.get("/")).headers["set-cookie"].partition(";")[0]
        await server.clock.sleep(11.5 * 3_600)
    async with server.asking(cookie=renewed) as browser:
        still = (await browser.get("/")).status_code
        await server.clock.sleep(13 * 3_600)
        idle = (await browser.get("/")).status_code

    assert (still, idle) == (200, 401)
