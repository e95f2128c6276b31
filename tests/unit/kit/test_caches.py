from __future__ import annotations

import asyncio
import random
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.kit.caches import CacheStats, TtlLruCache
from weft.kit.clocks import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that moves when told."""
    return VirtualClock(auto=False)


def cache_of(clock: VirtualClock, size: int = 3, ttl_s: float | None = None) -> TtlLruCache[str, int | None]:
    """A small cache."""
    return TtlLruCache(size, ttl_s=ttl_s, clock=clock)


def test_value_lives_for_its_time(clock: VirtualClock) -> None:
    """D14: within its time an entry is found, from then on it is not."""
    cache = cache_of(clock, ttl_s=10)
    cache.put("a", 1)

    clock.advance(9.999)
    assert cache.get("a") == 1
    clock.advance(0.001)
    assert cache.get("a") is None


def test_putting_again_begins_a_new_life(clock: VirtualClock) -> None:
    """A look-up does not prolong a life, a new value does."""
    cache = cache_of(clock, ttl_s=10)
    cache.put("a", 1)
    clock.advance(6)
    cache.get("a")
    cache.put("b", 2)
    cache.put("b", 3)
    clock.advance(6)

    assert cache.get("a") is None
    assert cache.get("b") == 3


def test_wall_clock_does_not_matter(clock: VirtualClock) -> None:
    """P26: setting the clock back does not extend a life, setting it forward does not end one."""
    cache = cache_of(clock, ttl_s=10)
    cache.put("a", 1)
    clock.shift_wall(1e6)
    assert cache.get("a") == 1
    clock.shift_wall(-1e9)
    clock.advance(10)

    assert cache.get("a") is None


def test_least_recently_used_goes_first(clock: VirtualClock) -> None:
    """D15, P47: an entry that was touched survives the one that was not."""
    cache = cache_of(clock, size=100)
    for n in range(100):
        cache.put(str(n), n)
    cache.get("0")
    cache.put("100", 100)

    assert cache.get("0") == 0
    assert cache.get("1") is None
    assert len(cache) == 100


def test_replacing_evicts_nothing(clock: VirtualClock) -> None:
    """A new value for a key that is there needs no room."""
    cache = cache_of(clock, size=2)
    for key in ("a", "b", "a", "b"):
        cache.put(key, 1)

    assert cache.stats() == CacheStats(hits=0, misses=0, evictions=0, size=2)


def test_counters_are_exact(clock: VirtualClock) -> None:
    """D16, D21, T04: hits, misses, evictions, size and rate after a scripted sequence."""
    cache = cache_of(clock, size=2, ttl_s=5)
    assert cache.stats().hit_rate == 0
    cache.get("a")  # miss
    cache.put("a", 1)
    cache.get("a")  # hit
    cache.put("b", 2)
    cache.put("c", 3)  # evicts a
    cache.get("a")  # miss
    cache.get("c")  # hit
    clock.advance(5)
    cache.get("c")  # miss: aged
    before = cache.stats()
    cache.get("c")  # miss

    assert before == CacheStats(hits=2, misses=3, evictions=1, size=1)
    assert before.hit_rate == 0.4
    assert cache.stats().misses == 4


def test_clear_empties_and_resets(clock: VirtualClock) -> None:
    """T05, D19, P29: after clear the size and the counters are 0 and the next look-up misses."""
    cache = cache_of(clock)
    cache.put("a", 1)
    cache.get("a")
    cache.clear()

    assert cache.stats() == CacheStats(hits=0, misses=0, evictions=0, size=0)
    assert cache.get("a") is None
    assert cache.stats().misses == 1


def test_invalidate_tells_whether_it_was_there(clock: VirtualClock) -> None:
    """D19: an aged entry was not there any more."""
    cache = cache_of(clock, ttl_s=5)
    cache.put("a", 1)
    cache.put("b", None)

    assert cache.invalidate("a")
    assert not cache.invalidate("a")
    assert cache.invalidate("b")
    cache.put("c", 3)
    clock.advance(5)
    assert not cache.invalidate("c")


def test_none_is_a_value(clock: VirtualClock) -> None:
    """P25: None is kept like anything else, and a default tells it from a miss."""
    cache = cache_of(clock)
    made: list[str] = []

    def make() -> None:
        made.append("once")

    assert cache.get_or_make("a", make) is None
    assert cache.get_or_make("a", make) is None
    assert cache.get("a", 7) is None
    assert cache.get("b", 7) == 7
    assert made == ["once"]


def test_same_task_in_two_conversations_is_two_entries() -> None:
    """D20: a key of several parts keeps them apart."""
    cache: TtlLruCache[tuple[str, str], int] = TtlLruCache(9, ttl_s=None, clock=VirtualClock(auto=False))
    cache.put(("c1", "task"), 1)
    cache.put(("c2", "task"), 2)

    assert (cache.get(("c1", "task")), cache.get(("c2", "task"))) == (1, 2)


@pytest.mark.parametrize(("size", "ttl_s"), [(0, None), (-1, 5), (1, 0), (1, -1), (1, float("nan"))])
def test_impossible_cache_is_refused(clock: VirtualClock, size: int, ttl_s: float | None) -> None:
    """A cache that could hold nothing is a mistake."""
    with pytest.raises(ValueError, match="must"):
        cache_of(clock, size=size, ttl_s=ttl_s)


# ── threads ──────────────────────────────────────────────────────────────────────────────────────


def test_fifty_threads_compute_once(clock: VirtualClock) -> None:
    """P25, D18: 50 concurrent misses of one key compute once, and all get the value."""
    cache = cache_of(clock)
    begin, made = threading.Barrier(50), []
    many_wait = threading.Event()

    def make() -> int:
        made.append(1)
        many_wait.wait(5)  # until the others have had the time to miss too
        return 42

    def ask() -> int | None:
        begin.wait(5)
        if cache.stats().misses:
            many_wait.set()
        return cache.get_or_make("a", make)

    with ThreadPoolExecutor(50) as pool:
        futures = [pool.submit(ask) for _ in range(50)]
        many_wait.set()
        answers = {future.result(5) for future in futures}

    assert answers == {42}
    assert made == [1]
    assert cache.stats() == CacheStats(hits=49, misses=1, evictions=0, size=1)


def test_parallel_use_loses_nothing(clock: VirtualClock) -> None:
    """D17, P02: counters are exact and the size holds under many threads."""
    cache = cache_of(clock, size=10)

    def work(seed: int) -> int:
        rng = random.Random(seed)
        for _ in range(500):
            key = str(rng.randrange(20))
            cache.get_or_make(key, lambda key=key: int(key))  # type: ignore[misc]  # bound here
        return 500

    with ThreadPoolExecutor(8) as pool:
        total = sum(pool.map(work, range(8)))

    stats = cache.stats()
    assert stats.hits + stats.misses == total
    assert stats.size == 10
    assert stats.misses - stats.evictions >= 10


def test_failure_reaches_all_and_is_not_kept(clock: VirtualClock) -> None:
    """What could not be made is made anew the next time."""
    cache = cache_of(clock)

    def fail() -> int:
        raise LookupError("no")

    with pytest.raises(LookupError):
        cache.get_or_make("a", fail)

    assert cache.get_or_make("a", lambda: 3) == 3


def test_invalidated_while_made_is_not_kept(clock: VirtualClock) -> None:
    """Whoever asked gets the value, but what was out of date when it came is forgotten."""
    cache = cache_of(clock)

    def make() -> int:
        cache.invalidate("a")
        return 1

    assert cache.get_or_make("a", make) == 1
    assert cache.get("a") is None


# ── tasks ────────────────────────────────────────────────────────────────────────────────────────


async def test_fifty_tasks_compute_once(clock: VirtualClock) -> None:
    """P25, D14, D17: 50 concurrent misses await once; None is kept too."""
    cache = cache_of(clock)
    gate, made = asyncio.Event(), []

    async def make() -> None:
        made.append(1)
        await gate.wait()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(cache.get_or_await("a", make)) for _ in range(50)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gate.set()

    assert {task.result() for task in tasks} == {None}
    assert made == [1]
    assert cache.stats() == CacheStats(hits=49, misses=1, evictions=0, size=1)
    assert await cache.get_or_await("a", make) is None


async def test_hundred_tasks_lose_nothing(clock: VirtualClock) -> None:
    """D17: a hundred tasks over ten keys are a hundred look-ups and ten computations."""
    cache = cache_of(clock, size=10)

    async def make(n: int) -> int:
        await asyncio.sleep(0)
        return n

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(cache.get_or_await(str(n % 10), lambda n=n: make(n % 10)))  # type: ignore[misc]  # bound here
            for n in range(100)
        ]

    assert [task.result() for task in tasks] == [n % 10 for n in range(100)]
    assert cache.stats() == CacheStats(hits=90, misses=10, evictions=0, size=10)


async def test_task_failure_reaches_all_that_wait(clock: VirtualClock) -> None:
    """Every waiting task hears the error; the next one tries again."""
    cache = cache_of(clock)

    async def fail() -> int:
        await asyncio.sleep(0)
        raise LookupError("no")

    async def make() -> int:
        return 3

    found = await asyncio.gather(*[cache.get_or_await("a", fail) for _ in range(5)], return_exceptions=True)

    assert [type(each) for each in found] == [LookupError] * 5
    assert await cache.get_or_await("a", make) == 3


async def test_cancelled_maker_hands_over(clock: VirtualClock) -> None:
    """Where the task that makes the value is cancelled, one of those that wait makes it."""
    cache = cache_of(clock)
    gate, made = asyncio.Event(), []

    async def make() -> int:
        made.append(1)
        await gate.wait()
        return 5

    first, second, third = [asyncio.create_task(cache.get_or_await("a", make)) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    for _ in range(5):
        await asyncio.sleep(0)
    gate.set()

    assert await asyncio.gather(second, third) == [5, 5]
    assert first.cancelled()
    assert made == [1, 1]


async def test_cancelled_waiter_disturbs_nobody(clock: VirtualClock) -> None:
    """A task that waits may go; the others get the value, also where it fails later."""
    cache = cache_of(clock)
    gate = asyncio.Event()

    async def make() -> int:
        await gate.wait()
        raise LookupError("no")

    maker, waiter = [asyncio.create_task(cache.get_or_await("a", make)) for _ in range(2)]
    for _ in range(3):
        await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait([waiter])
    gate.set()

    assert waiter.cancelled()
    with pytest.raises(LookupError):
        await maker


# ── against a model ──────────────────────────────────────────────────────────────────────────────

STEPS = st.lists(
    st.tuples(st.just("get"), st.integers(0, 4))
    | st.tuples(st.just("put"), st.integers(0, 4))
    | st.tuples(st.just("invalidate"), st.integers(0, 4))
    | st.tuples(st.just("advance"), st.integers(1, 4)),
    max_size=60,
)


@settings(max_examples=100)
@given(steps=STEPS, size=st.integers(1, 4))
def test_cache_is_a_bounded_aging_mapping(steps: list[tuple[str, int]], size: int) -> None:
    """For every sequence of uses it holds what a simple list of entries by last use would hold."""
    clock = VirtualClock(auto=False)
    cache: TtlLruCache[int, int] = TtlLruCache(size, ttl_s=5, clock=clock)
    model: OrderedDict[int, tuple[int, float]] = OrderedDict()

    for place, (step, n) in enumerate(steps):
        if step == "advance":
            clock.advance(n)
        elif step == "put":
            cache.put(n, place)
            model[n] = (place, clock.monotonic() + 5)
            model.move_to_end(n)
            if len(model) > size:
                model.popitem(last=False)
        elif step == "invalidate":
            entry = model.pop(n, None)
            assert cache.invalidate(n) is (entry is not None and clock.monotonic() < entry[1])
        else:
            if n in model and clock.monotonic() >= model[n][1]:
                del model[n]
            assert cache.get(n, -1) == model.get(n, (-1, 0))[0]
            if n in model:
                model.move_to_end(n)
        assert len(cache) == len(model) <= size
