"""Sessions of people: how long they live, how soon they are dead, and what is kept of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from weft.app.sessions import IDLE_S, KIND, LIFE_S, MOST, RENEW_S, SessionsDesk, id_of
from weft.app.stores import Stores
from weft.errors import ChangedMeanwhile
from weft.kit.clocks import VirtualClock
from weft.settings import Settings


class Secrets:
    """Gives secrets that tests know."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def __call__(self) -> str:
        return f"planted-{next(self._numbers):035}"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def stores(clock: VirtualClock) -> Iterator[Stores]:
    """One store for all processes of a test."""
    return Stores(Settings(store="memory://"), clock=clock)


@pytest.fixture
def desk(stores: Stores, clock: VirtualClock) -> SessionsDesk:
    return SessionsDesk(stores, clock=clock, draw=Secrets())


async def test_session_is_found_by_its_secret(desk: SessionsDesk) -> None:
    """Who has the secret has the session; who has anything else, its id included, has none."""
    session, secret = await desk.open("anna", workspace="home")

    assert await desk.find(secret) == session
    for other in (session.id, "", secret[:-1], f"{secret}x", secret[::-1], "é" * 43, "\udcff" * 43):
        assert await desk.find(other) is None


async def test_secret_is_not_kept(desk: SessionsDesk, stores: Stores) -> None:
    """S46: the store has the secret's SHA-256 only."""
    session, secret = await desk.open("anna")
    kept = await stores.open().documents(KIND)

    assert [each.id for each in kept] == [session.id] == [id_of(secret)]
    assert secret not in repr(kept)


async def test_unused_session_ends(desk: SessionsDesk, clock: VirtualClock) -> None:
    """A session that nobody uses is over after 12 hours, and not a second before."""
    _, secret = await desk.open("anna")

    clock.advance(IDLE_S - 1)
    assert await desk.find(secret) is not None
    clock.advance(IDLE_S)
    assert await desk.find(secret) is None


async def test_used_session_ends_after_a_week(desk: SessionsDesk, clock: VirtualClock) -> None:
    """However often it is used, it is over seven days after it began."""
    _, secret = await desk.open("anna")
    alive = 0.0

    while await desk.find(secret) is not None:
        clock.advance(3_600)
        alive += 3_600

    assert alive == LIFE_S


async def test_use_is_written_once_a_minute(desk: SessionsDesk, stores: Stores, clock: VirtualClock) -> None:
    """Requests in between leave the document alone."""
    session, secret = await desk.open("anna")

    for _ in range(100):
        await desk.find(secret)
    clock.advance(RENEW_S - 1)
    await desk.find(secret)
    before = await stores.open().document(KIND, session.id)
    clock.advance(1)
    renewed = await desk.find(secret)

    assert before is not None
    assert before.version == 1
    assert renewed is not None
    assert (renewed.version, renewed.seen) == (2, clock.wall())


async def test_store_is_not_asked_at_every_request(
    desk: SessionsDesk, stores: Stores, clock: VirtualClock
) -> None:
    """What a process remembers for two seconds spares the store most looks."""
    _, secret = await desk.open("anna")
    store, looks = stores.open(), 0
    ask = store.document

    async def counted(kind: str, document: str) -> object:
        nonlocal looks
        looks += 1
        return await ask(kind, document)

    store.document = counted  # type: ignore[method-assign,assignment]  # counts what is asked
    for _ in range(100):
        await desk.find(secret)
        clock.advance(0.1)

    assert looks <= 6


async def test_ended_session_is_dead_within_five_seconds_everywhere(
    desk: SessionsDesk, stores: Stores, clock: VirtualClock
) -> None:
    """S35: ended in one process it is over there at once, and in another one within 5 s."""
    other = SessionsDesk(stores, clock=clock, draw=Secrets())
    session, secret = await desk.open("anna")
    assert await other.find(secret) is not None

    assert await desk.end(session.id)

    assert await desk.find(secret) is None
    clock.advance(4.9)
    assert await other.find(secret) is None
    assert not await desk.end(session.id)


async def test_ended_session_is_not_revived_by_its_use(
    desk: SessionsDesk, stores: Stores, clock: VirtualClock
) -> None:
    """A process that still remembers it and wants to write down its use finds that it is gone."""
    other = SessionsDesk(stores, clock=clock, draw=Secrets())
    session, secret = await desk.open("anna")
    clock.advance(RENEW_S + 1)
    found = await other._look_up(session.id)
    assert found is not None

    await desk.end(session.id)

    assert await other._seen(found) is None
    assert await stores.open().document(KIND, session.id) is None
    assert await other.find(secret) is None


async def test_two_processes_write_one_use(desk: SessionsDesk, stores: Stores, clock: VirtualClock) -> None:
    """The slower one of two goes on with what the quicker one has written."""
    other = SessionsDesk(stores, clock=clock, draw=Secrets())
    session, secret = await desk.open("anna")
    clock.advance(RENEW_S)
    stale = await other._look_up(session.id)
    assert stale is not None

    await desk.find(secret)
    found = await other._seen(stale)

    assert found is not None
    assert found.version == 2


async def test_all_sessions_of_a_person_end(desk: SessionsDesk) -> None:
    """Ending everything of one person leaves the others alone."""
    annas = [(await desk.open("anna"))[1] for _ in range(3)]
    _, bobs = await desk.open("bob")

    assert await desk.end_all("anna") == 3

    assert [await desk.find(each) for each in annas] == [None] * 3
    assert await desk.find(bobs) is not None
    assert await desk.of("anna") == []


async def test_person_has_so_many_sessions(desk: SessionsDesk, clock: VirtualClock) -> None:
    """With one more, the one that was used longest ago ends."""
    secrets = []
    for _ in range(MOST):
        secrets.append((await desk.open("anna"))[1])
        clock.advance(RENEW_S)
    await desk.find(secrets[0])  # used again

    await desk.open("anna")

    assert len(await desk.of("anna")) == MOST
    assert await desk.find(secrets[0]) is not None
    assert await desk.find(secrets[1]) is None


async def test_sessions_that_are_over_are_taken_away(
    desk: SessionsDesk, stores: Stores, clock: VirtualClock
) -> None:
    """The shelf does not grow with everybody who ever came in."""
    for _ in range(5):
        await desk.open("anna")
    clock.advance(IDLE_S + 1)

    session, _ = await desk.open("bob")

    assert [each.id for each in await stores.open().documents(KIND)] == [session.id]


async def test_chosen_workspace_is_remembered(desk: SessionsDesk) -> None:
    """The next request is in the workspace that was chosen; an old state of the session changes nothing."""
    session, secret = await desk.open("anna", workspace="home")

    chosen = await desk.choose(session, "sales")

    assert await desk.find(secret) == chosen
    assert chosen.workspace == "sales"
    with pytest.raises(ChangedMeanwhile):
        await desk.choose(session, "home")


async def test_session_of_the_future_is_worthless(desk: SessionsDesk, clock: VirtualClock) -> None:
    """A clock that is set back must not give a session a longer life."""
    _, secret = await desk.open("anna")
    clock.advance(3.0)

    clock.shift_wall(-3_600)

    assert await desk.find(secret) is None
