from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from weft.api.problems import Refused
from weft.api.repeating import KIND, LIFE_S, SWEEP_S, Repeats
from weft.app.stores import Stores
from weft.errors import Mistake, StoreBusy
from weft.kit.clocks import VirtualClock
from weft.rights import Principal
from weft.settings import Settings

KEY = "k-1"


def request(
    body: bytes = b"{}", *, path: str = "/x", principal: str = "local", workspace: str = "home"
) -> Request:
    """A request with a body."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    who = Principal(id=principal, workspace=workspace)
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": [],
             "scheme": "http", "server": ("localhost", 1), "state": {"principal": who}}  # fmt: skip
    return Request(scope, receive)


class Work:
    """Counts how often it was done."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.done = 0
        self.error = error
        self.planned: list[Mapping[str, Any]] = []

    async def __call__(self, *planned: Mapping[str, Any]) -> Response:
        self.done += 1
        self.planned += planned
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return JSONResponse({"number": self.done}, status_code=201, headers={"x-of": "first"})


class Server:
    """One life of a server over a store in a file."""

    def __init__(self, folder: Path, clock: VirtualClock) -> None:
        self.stores = Stores(Settings(store=f"sqlite:///{folder}/weft.db"), clock=clock)
        self.once = Repeats(self.stores, clock=clock).once


@pytest.fixture
def clock() -> VirtualClock:
    """The time of a test."""
    return VirtualClock()


@pytest.fixture
def lives(tmp_path: Path, clock: VirtualClock) -> Iterator[Any]:
    """Makes lives of a server, each after the one before was killed without a word."""
    begun: list[Server] = []

    def begin() -> Server:
        begun.append(Server(tmp_path, clock))
        return begun[-1]

    yield begin
    for each in begun:
        asyncio.run(each.stores.close())


@pytest.fixture
def server(lives: Any) -> Server:
    """The first life."""
    return lives()  # type: ignore[no-any-return]  # a server


async def test_many_at_once_do_it_once(server: Server) -> None:
    """S38: fifty requests with one key at the same time do the work once and get one answer."""
    work = Work()

    answers = await asyncio.gather(*[server.once(request(), KEY, work) for _ in range(50)])

    assert work.done == 1
    assert {(each.status_code, bytes(each.body)) for each in answers} == {(201, b'{"number":1}')}


async def test_answer_outlives_the_server(lives: Any) -> None:
    """S38: after a kill the same request gets the same answer, to the byte and the header, and does nothing."""
    first = await lives().once(request(), KEY, Work())

    work = Work()
    again = await lives().once(request(), KEY, work)

    assert work.done == 0
    assert (again.status_code, bytes(again.body)) == (first.status_code, bytes(first.body))
    assert dict(again.headers) == dict(first.headers)


async def test_request_cut_by_a_crash_is_carried_out_again(lives: Any) -> None:
    """S38: a key whose first request never ended is carried out, with the same body only."""
    with pytest.raises(asyncio.CancelledError):
        await lives().once(request(), KEY, Work(asyncio.CancelledError()))
    server, work = lives(), Work()

    with pytest.raises(Refused, match="another body"):
        await server.once(request(b'{"a":1}'), KEY, work)
    await server.once(request(), KEY, work)
    await server.once(request(), KEY, work)

    assert work.done == 1


async def test_what_was_planned_is_known_after_a_crash(lives: Any) -> None:
    """S38: what a request needs to be carried out again is written down before it is done."""
    counts = iter([7, 8, 9])

    async def plan() -> Mapping[str, Any]:
        return {"at": next(counts)}

    with pytest.raises(asyncio.CancelledError):
        await lives().once(request(), KEY, Work(asyncio.CancelledError()), plan=plan)
    work, other, bare = Work(), Work(), Work()
    await lives().once(request(), KEY, work, plan=plan)
    await lives().once(request(), "k-2", other, plan=plan)
    await lives().once(request(), "", bare, plan=plan)

    assert (work.planned, other.planned, bare.planned) == ([{"at": 7}], [{}], [{}])


async def test_other_senders_workspaces_and_addresses_are_apart(server: Server) -> None:
    """S38: the same key of somebody else, in another workspace or at another address, is another request."""
    work = Work()

    await server.once(request(), KEY, work)
    await server.once(request(path="/y"), KEY, work)
    await server.once(request(b"other", principal="somebody"), KEY, work)
    await server.once(request(b"other", workspace="sales"), KEY, work)

    assert work.done == 4


async def test_nothing_of_a_request_is_kept(server: Server) -> None:
    """S47: the key, the sender, the address and the body of a request cannot be read from what is kept."""
    await server.once(request(b"secret cell", path="/secret", principal="secret"), "secret-key", Work())

    (kept,) = await server.stores.open().documents(KIND)

    assert "secret" not in repr(kept)


async def test_without_a_key_nothing_is_remembered(server: Server) -> None:
    """A request without a key is done each time, and makes no store."""
    work = Work()

    await server.once(request(), "", work)
    await server.once(request(), "", work)

    assert work.done == 2
    assert server.stores.existing() is None


async def test_key_with_another_body_is_refused(server: Server) -> None:
    """S38: a key stands for one body; another one is refused and does nothing."""
    work = Work()
    await server.once(request(), KEY, work)

    with pytest.raises(Refused, match="another body") as caught:
        await server.once(request(b'{"a":1}'), KEY, work)

    assert work.done == 1
    assert (caught.value.problem.status, caught.value.problem.code) == (422, "key_reused")


async def test_refused_request_may_come_again(server: Server) -> None:
    """What was refused did nothing: the key may be used for a corrected body."""
    with pytest.raises(Mistake):
        await server.once(request(), KEY, Work(Mistake("It is wrong.")))

    answer = await server.once(request(b'{"a":1}'), KEY, Work())

    assert answer.status_code == 201


@pytest.mark.parametrize("error", [RuntimeError("bug"), StoreBusy("It is busy.")], ids=["bug", "busy"])
async def test_request_that_broke_keeps_its_key(server: Server, error: Exception) -> None:
    """S38: where nobody knows what was done, the key stays with its body, and the plan with the key."""

    async def plan() -> Mapping[str, Any]:
        return {"at": 3}

    with pytest.raises(type(error)):
        await server.once(request(), KEY, Work(error), plan=plan)
    with pytest.raises(Refused):
        await server.once(request(b'{"a":1}'), KEY, Work(), plan=plan)
    refused = Work(Mistake("It is there."))
    for _ in range(2):
        with pytest.raises(Mistake):
            await server.once(request(), KEY, refused, plan=plan)

    assert refused.planned == [{"at": 3}, {"at": 3}]


async def test_answers_are_forgotten_after_a_week(server: Server, clock: VirtualClock) -> None:
    """A key is kept for a week, and its document not much longer."""
    work = Work()
    await server.once(request(), KEY, work)
    await clock.sleep(LIFE_S - 1)
    await server.once(request(), KEY, work)
    assert work.done == 1
    await clock.sleep(2)
    await server.once(request(b'{"a":1}'), KEY, work)
    assert work.done == 2
    await clock.sleep(LIFE_S + SWEEP_S)

    await server.once(request(), "k-2", work)

    assert len(await server.stores.open().documents(KIND)) == 1


async def test_two_servers_of_one_store_agree(lives: Any) -> None:
    """S38: what one process has answered another one repeats."""
    one, other, work = lives(), lives(), Work()

    answers = [await each.once(request(), KEY, work) for each in (one, other, one)]

    assert work.done == 1
    assert {bytes(each.body) for each in answers} == {b'{"number":1}'}


async def test_answer_that_cannot_be_kept_is_told_all_the_same(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is done is told, also where the store fails behind it."""
    store = server.stores.open()
    put, calls = store.put, []

    async def failing(*given: Any, **more: Any) -> Any:
        calls.append(given)
        if len(calls) == 2:
            raise StoreBusy("It is busy.")
        return await put(*given, **more)

    monkeypatch.setattr(store, "put", failing)

    assert (await server.once(request(), KEY, Work())).status_code == 201
