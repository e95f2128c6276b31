from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from weft.app.mustering import GONE_S, KIND, RENEW_S, SILENT_S, Muster
from weft.kit.clocks import VirtualClock
from weft.protocols import Store
from weft.store.engines.memory import store as engine


@pytest.fixture
async def shelf() -> AsyncIterator[Store]:
    """An empty store."""
    found = engine.open("memory://", clock=VirtualClock())
    yield found
    await found.close()


async def test_processes_learn_how_many_they_are(shelf: Store) -> None:
    """A limit is shared by those who ask at the account, and by nobody else."""
    one, two, three = (Muster(name, clock=VirtualClock()) for name in ("one", "two", "three"))

    assert await one.call(shelf, {"a"}) == {"a": 1}
    assert await two.call(shelf, {"a", "b"}) == {"a": 2, "b": 1}
    assert await three.call(shelf, {"b"}) == {"b": 2}
    assert await one.call(shelf, {"a"}) == {"a": 2}


async def test_who_asks_nobody_leaves_no_trace(shelf: Store) -> None:
    """A process whose runs rest is off the shelf, and the others have its share at once."""
    one, two = Muster("one", clock=VirtualClock()), Muster("two", clock=VirtualClock())
    await one.call(shelf, {"a"})
    await two.call(shelf, {"a"})

    assert await one.call(shelf, ()) == {}
    assert await two.call(shelf, {"a"}) == {"a": 1}
    assert [each.id for each in await shelf.documents(KIND)] == ["two"]


async def test_silent_process_stops_to_count(shelf: Store) -> None:
    """Who gives no sign of life for half a minute has no share; what it left is taken away in the end."""
    clock = VirtualClock(auto=False)
    await Muster("dead", clock=clock).call(shelf, {"a"})
    alive, other = Muster("alive", clock=clock), Muster("other", clock=VirtualClock(start=1e6))

    assert (await alive.call(shelf, {"a"}))["a"] == 2
    clock.advance(SILENT_S - 1)
    await other.call(shelf, {"a"})
    assert (await alive.call(shelf, {"a"}))["a"] == 3
    clock.advance(2)
    assert (await alive.call(shelf, {"a"}))["a"] == 2
    clock.advance(GONE_S)
    await alive.call(shelf, {"a"})
    assert "dead" not in [each.id for each in await shelf.documents(KIND)]


async def test_process_that_comes_back_counts_again(shelf: Store) -> None:
    """Who has left and asks again is no old acquaintance that has fallen silent."""
    clock = VirtualClock(auto=False)
    one, two = Muster("one", clock=clock), Muster("two", clock=clock)
    await one.call(shelf, {"a"})
    assert (await two.call(shelf, {"a"}))["a"] == 2
    await one.call(shelf, ())
    clock.advance(2 * SILENT_S)
    assert (await two.call(shelf, {"a"}))["a"] == 1
    await one.call(shelf, {"a"})

    assert (await two.call(shelf, {"a"}))["a"] == 2


async def test_sign_of_life_is_given_while_runs_go_on(shelf: Store) -> None:
    """A process that works for long renews its document, and not at every look."""
    clock = VirtualClock(auto=False)
    muster = Muster("one", clock=clock)
    for _ in range(int(3 * RENEW_S)):
        await muster.call(shelf, {"a"})
        clock.advance(1.0)

    (found,) = await shelf.documents(KIND)
    assert found.version == 3
