"""Deeds of a team's server: which requests leave one, when it is written, and what it says."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from weft.api import exposing
from weft.api.application import _assemble, build_team_application
from weft.api.bodies import JSON_BYTES
from weft.api.guarding import SAFE
from weft.api.limiting import Limits
from weft.api.offices import Offices
from weft.api.permitting import Address
from weft.api.problems import LastDefence, refuse
from weft.api.recording import Recorder, leaves_deed
from weft.api.team_guarding import Gate
from weft.app.fronting import Proxies, read_public_url
from weft.app.houses import OneHouse
from weft.app.opening import look_around
from weft.app.weft import Weft
from weft.app.working import Lanes
from weft.documents import Deed
from weft.errors import StoreBusy
from weft.kit.clocks import VirtualClock
from weft.rights import Permission, Principal, Role

URL = "https://weft.example"
PEOPLE = {
    "ada": Principal(id="u-ada", roles=frozenset({Role.ADMIN}), via="token", session="t1"),
    "vic": Principal(id="u-vic", roles=frozenset({Role.VIEWER}), via="token"),
    "aut": Principal(id="u-aut", roles=frozenset({Role.AUTHOR}), via="token"),
    "own": Principal(id="u-own", is_owner=True, via="token"),
    "none": Principal(id="u-none"),
    "far": Principal(id="u-far", roles=frozenset({Role.ADMIN}), workspace="sales", via="token"),
}
CHANGE_NOTHING = {"preview_template"}
"""Operations that look, although their method is one of changes; a new one is named here with care."""
_, ADDRESSES = _assemble([exposing.routes], entrance="A token.")
MUTATING = [
    (each, method)
    for each in ADDRESSES
    for method in sorted(each.route.methods or ())
    if method not in SAFE and each.needs not in {None, Permission.ESTIMATE}
    if each.route.operation_id not in CHANGE_NOTHING
]
GUARDED = [each for each in ADDRESSES if each.needs is not None]
EXPORTS = [each for each in ADDRESSES if each.needs is Permission.EXPORT]


class Written(list[Deed]):
    """Deeds as they are handed over, with nothing behind."""

    async def record(self, principal: Principal, act: str, **facts: Any) -> None:
        """Note one."""
        facts = {"at": 1.0, "actor": principal.id, "act": act, "workspace": principal.workspace} | facts
        self.append(Deed(**facts))


def named(each: tuple[Address, str]) -> str:
    """An address for the report of a test."""
    return f"{each[1]} {each[0].path}"


def path_of(address: Address) -> str:
    """The path of an address with something in the place of its parameters."""
    return re.sub(r"\{[^}]*\}", "1", address.path)


async def ask(inner: Any, method: str, path: str, *, who: str = "own", written: Written) -> httpx.Response:
    """Send a request through the recorder to some application, as somebody."""
    recorder = Recorder(inner, ADDRESSES, record=written.record)

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"principal": PEOPLE[who], "address": "192.0.2.7"}
        await recorder(scope, receive, send)

    application = LastDefence(cast("Any", guarded), draw=lambda: "n1")
    transport = httpx.ASGITransport(cast("Any", application), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=URL) as program:
        return await program.request(method, path)


# ── every address ──


def test_there_are_changes_and_exports() -> None:
    """The lists below are those of the server and not empty."""
    assert len(MUTATING) > 30
    assert EXPORTS


@pytest.mark.parametrize("each", MUTATING, ids=named)
async def test_every_change_leaves_one_deed_before_it_is_done(each: tuple[Address, str]) -> None:
    """S43: whoever changes something leaves exactly one deed, which is written before anything happens."""
    address, method = each
    written, seen = Written(), []

    async def effect(scope: Any, receive: Any, send: Any) -> None:
        seen.append(len(written))
        await JSONResponse({}, status_code=201)(scope, receive, send)

    answer = await ask(effect, method, path_of(address), written=written)

    assert (answer.status_code, seen, len(written)) == (201, [1], 1)
    (deed,) = written
    assert (deed.actor, deed.act, deed.outcome) == ("u-own", address.route.operation_id, "done")
    assert deed.thing == path_of(address).removeprefix("/api/v1/")
    assert deed.facts == {"via": "token", "address": "192.0.2.7"}


@pytest.mark.parametrize("each", MUTATING, ids=named)
async def test_every_refusal_leaves_a_second_deed(each: tuple[Address, str]) -> None:
    """S43: what was not done is told by a second deed with the code, however the refusal comes about."""
    address, method = each
    refused = refuse(HTTPStatus.CONFLICT, "run_busy", "It is busy.")

    async def answers(scope: Any, receive: Any, send: Any) -> None:
        await refused.problem.response()(scope, receive, send)

    async def raises(scope: Any, receive: Any, send: Any) -> None:
        raise refused

    async def breaks(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("secret")

    for inner, outcome in ((answers, "run_busy"), (raises, "run_busy"), (breaks, "bug")):
        written = Written()
        await ask(inner, method, path_of(address), written=written)

        assert [each.outcome for each in written] == ["done", outcome]
        assert len({(each.act, each.thing, each.actor) for each in written}) == 1


@pytest.mark.parametrize("address", GUARDED, ids=lambda each: each.path)
async def test_every_denial_leaves_one_deed(address: Address) -> None:
    """S43: who may not do something, looking included, leaves one deed that says so."""
    method = min(address.route.methods or ())
    written = Written()

    async def refuses(scope: Any, receive: Any, send: Any) -> None:
        await refuse(HTTPStatus.FORBIDDEN, "not_allowed", "No.").problem.response()(scope, receive, send)

    await ask(refuses, method, path_of(address), who="none", written=written)

    assert [(each.actor, each.outcome) for each in written] == [("u-none", "denied")]


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda each: each.path)
async def test_looking_leaves_none(address: Address) -> None:
    """Looking and projecting leave no deed; taking something out does."""
    method = min(address.route.methods or ())
    written = Written()

    async def answers(scope: Any, receive: Any, send: Any) -> None:
        await Response(b"x")(scope, receive, send)

    await ask(answers, method, path_of(address), written=written)

    is_export = address.needs is Permission.EXPORT
    is_change = (address, method) in MUTATING
    assert len(written) == (1 if is_export or is_change else 0)
    assert leaves_deed(address, method) == bool(written)


async def test_unknown_addresses_leave_none() -> None:
    """What is nowhere is no deed, nor is a method that an address does not take."""
    written = Written()

    async def answers(scope: Any, receive: Any, send: Any) -> None:
        await Response(b"x")(scope, receive, send)

    for method, path in (("POST", "/api/v1/nothing"), ("PUT", "/api/v1/runs"), ("POST", "/api/v2/runs")):
        await ask(answers, method, path, written=written)

    assert written == []


async def test_what_cannot_be_written_down_is_not_done() -> None:
    """S43: if the log cannot be written, the request is refused and nothing happens."""
    done = []

    async def effect(scope: Any, receive: Any, send: Any) -> None:
        done.append(scope)

    class Full(Written):
        async def record(self, *_: Any, **__: Any) -> None:
            raise StoreBusy("The store is busy.", hint="try again.")

    answer = await ask(effect, "POST", "/api/v1/runs", written=Full())

    assert (answer.status_code, answer.json()["code"], done) == (503, "store_busy", [])


async def test_long_and_odd_addresses_are_cut() -> None:
    """An address is kept as far as it helps, whatever somebody writes into it, and never its query."""
    written = Written()

    async def answers(scope: Any, receive: Any, send: Any) -> None:
        await Response(b"x")(scope, receive, send)

    await ask(answers, "POST", f"/api/v1/runs/{'x' * 500}%00/pause?token=secret", written=written)

    (deed,) = written
    assert len(deed.thing) == 200
    assert "secret" not in repr(written)


# ── the whole server ──


class Known:
    """Who somebody is, by a token that is their name."""

    async def of_token(self, text: str, *, wanted: str = "") -> Principal | None:
        """Whoever is called so."""
        return PEOPLE.get(text)


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Weft]:
    """A house over an empty project."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weft.toml").write_text('model = "local"\n', encoding="utf-8")
    async with Weft(look_around(start=tmp_path, environment={}), clock=VirtualClock()) as house:
        yield house


class AnyHouse(OneHouse):
    """The same house for every workspace: only rights keep people apart here."""

    async def open(self, workspace: str) -> Weft:
        """It."""
        del workspace
        return self._house


@pytest.fixture
async def server(house: Weft) -> AsyncIterator[httpx.AsyncClient]:
    """A team's server over one house."""
    houses = AnyHouse(house)
    gate = Gate(
        place=read_public_url(URL),
        principals=cast("Any", Known()),
        sessions=cast("Any", None),
        offices=Offices(houses, Lanes(houses, clock=house.clock)),
        proxies=Proxies(""),
        settings=house.settings,
        audit=house.audit,
    )
    application = build_team_application(
        gate, limits=Limits(house.clock, per_minute=100_000), draw=lambda: "n1"
    )
    transport = httpx.ASGITransport(cast("Any", application), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=URL) as program:
        yield program


def as_(who: str) -> dict[str, str]:
    """The headers of somebody."""
    return {"authorization": f"Bearer {who}"}


RUN = {"prompt": "Is {{ text }} nice?", "fields": ["nice"], "rows": [{"text": "secret cell"}], "start": False}


async def test_deeds_of_a_server_are_kept_and_read(server: httpx.AsyncClient, house: Weft) -> None:
    """S43: a run that is handed in, a refusal and a denial stand in the log, and no cell does."""
    made = await server.post("/api/v1/runs", json=RUN, headers=as_("ada"))
    assert made.status_code == 201, made.text
    run = made.json()["id"]
    assert (await server.post("/api/v1/runs", json=RUN | {"x": 1}, headers=as_("ada"))).status_code == 422
    assert (await server.post(f"/api/v1/runs/{run}/cancel", headers=as_("vic"))).status_code == 403
    assert (
        await server.post("/api/v1/runs", json=RUN | {"start": True}, headers=as_("aut"))
    ).status_code == 403
    assert (await server.get("/api/v1/runs", headers=as_("vic"))).status_code == 200
    too_large = await server.post("/api/v1/runs", content=b" " * (JSON_BYTES + 1), headers=as_("ada"))
    assert too_large.status_code == 413

    found = (await server.get("/api/v1/audit", headers=as_("ada"))).json()

    told = [(each["actor"], each["act"], each["outcome"]) for each in reversed(found["deeds"])]
    assert told == [
        ("u-ada", "create_run", "done"),
        ("u-ada", "create_run", "done"),
        ("u-ada", "create_run", "invalid_request"),
        ("u-vic", "cancel_run", "denied"),
        ("u-aut", "create_run", "done"),
        ("u-aut", "create_run", "denied"),
    ]
    assert "secret cell" not in repr(found)
    assert found["deeds"][-1]["facts"] == {
        "via": "token",
        "session": "t1",
        "address": "127.0.0.1",
        "body": sha256(made.request.content).hexdigest(),
    }
    verified = (await server.get("/api/v1/audit/verification", headers=as_("ada"))).json()
    assert (verified["whole"], verified["count"], verified["problems"]) == (True, 6, [])


async def test_key_leaves_no_digest(server: httpx.AsyncClient) -> None:
    """S47: of a request that holds a key not even the digest is kept, for a short key could be guessed."""
    await server.put("/api/v1/keys/openai", json={"key": "sk-12345678"}, headers=as_("ada"))

    found = (await server.get("/api/v1/audit", params={"act": "keep_key"}, headers=as_("ada"))).json()

    assert found["deeds"]
    assert all("body" not in each["facts"] for each in found["deeds"])


async def test_exports_are_written_down(server: httpx.AsyncClient) -> None:
    """S43: who takes rows out leaves a deed."""
    run = (await server.post("/api/v1/runs", json=RUN, headers=as_("ada"))).json()["id"]
    await server.get(f"/api/v1/runs/{run}/export", headers=as_("ada"))

    found = (await server.get("/api/v1/audit", params={"act": "export_run"}, headers=as_("ada"))).json()

    assert found["deeds"][-1]["thing"] == f"runs/{run}/export"


async def test_deeds_are_paged_and_filtered(server: httpx.AsyncClient) -> None:
    """Pages go from the newest to the oldest, whatever comes in meanwhile."""
    for _ in range(5):
        await server.post("/api/v1/runs", json=RUN, headers=as_("ada"))
    numbers, cursor = [], ""
    while True:
        page = (
            await server.get("/api/v1/audit", params={"limit": 2, "cursor": cursor}, headers=as_("ada"))
        ).json()
        numbers += [each["number"] for each in page["deeds"]]
        await server.post("/api/v1/runs", json=RUN, headers=as_("ada"))
        if page["next"] is None:
            break
        cursor = page["next"]

    assert numbers == [5, 4, 3, 2, 1]
    other = await server.get("/api/v1/audit", params={"actor": "u-x", "cursor": cursor}, headers=as_("ada"))
    assert (other.status_code, other.json()["code"]) == (422, "unknown_cursor")


async def test_log_is_for_those_who_may_read_it(server: httpx.AsyncClient) -> None:
    """S33: an administrator reads the deeds of their workspace, an owner all of them, others none."""
    for who in ("ada", "far", "own"):
        await server.post("/api/v1/runs", json=RUN, headers=as_(who))

    async def actors(who: str, **asked: str) -> list[str]:
        found = (await server.get("/api/v1/audit", params=asked, headers=as_(who))).json()
        return [each["actor"] for each in found["deeds"]]

    assert await actors("far") == ["u-far"]
    assert await actors("ada") == ["u-own", "u-ada"]
    assert await actors("own") == ["u-own", "u-far", "u-ada"]
    assert await actors("own", workspace="sales") == ["u-far"]
    refused = await server.get("/api/v1/audit", params={"workspace": "sales"}, headers=as_("ada"))
    assert refused.status_code == 404
    assert (await server.get("/api/v1/audit", headers=as_("vic"))).status_code == 403
    assert (await server.get("/api/v1/audit/verification", headers=as_("vic"))).status_code == 403
