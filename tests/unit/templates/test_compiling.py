from __future__ import annotations

import statistics
import threading
import time
from dataclasses import FrozenInstanceError

import pytest

from weft.templates.compiling import CONFINED, CompileCache
from weft.templates.environment import Escaping


def test_second_render_is_a_hit() -> None:
    """T01: the first compile is one miss, the second one hit, and the output is equal."""
    cache = CompileCache()
    first = cache.body("Hi {{ x }}", name="a").render({"x": 1})
    second = cache.body("Hi {{ x }}", name="a").render({"x": 1})

    assert first == second == "Hi 1"
    assert (cache.stats().misses, cache.stats().hits) == (1, 1)


def test_changed_body_is_a_miss() -> None:
    """T02: an edited body is compiled anew."""
    cache = CompileCache()
    cache.body("Hi {{ x }}", name="a")
    changed = cache.body("Ho {{ x }}", name="a")

    assert changed.render({"x": 1}) == "Ho 1"
    assert (cache.stats().misses, cache.stats().hits) == (2, 0)


def test_templates_do_not_share_entries() -> None:
    """T03: two templates, four renders: two misses and two hits, also with equal text."""
    cache = CompileCache()
    for name in ("a", "b", "a", "b"):
        cache.body("Hi {{ x }}", name=name)

    assert (cache.stats().misses, cache.stats().hits) == (2, 2)


def test_context_is_part_of_the_key() -> None:
    """P01: the same body in two contexts is two entries, and the second is escaped."""
    cache = CompileCache()
    texts = [
        cache.body("{{ x }}", name="a", escaping=each).render({"x": "<"})
        for each in (Escaping.TEXT, Escaping.HTML)
    ]

    assert texts == ["<", "&lt;"]
    assert cache.stats().misses == 2


def test_statistics_are_a_copy() -> None:
    """T04: counts are whole numbers; later renders and the caller cannot change them."""
    cache = CompileCache()
    before = cache.stats()
    cache.body("x", name="a")

    assert (before.hits, before.misses) == (0, 0)
    with pytest.raises(FrozenInstanceError):
        before.hits = 5  # type: ignore[misc]  # that is the point


def test_clearing_starts_anew() -> None:
    """T05: after clearing both counts are zero and the next render is a miss."""
    cache = CompileCache()
    cache.body("x", name="a")
    cache.clear()

    assert (cache.stats().hits, cache.stats().misses, cache.stats().size) == (0, 0, 0)
    cache.body("x", name="a")
    assert cache.stats().misses == 1


def test_cache_stays_within_its_size() -> None:
    """P02: one template more than there is room for does not grow the cache."""
    cache = CompileCache(3)
    for number in range(4):
        cache.body("x", name=f"t{number}")

    assert (cache.stats().size, cache.stats().evictions) == (3, 1)


def test_parallel_renders_count_exactly() -> None:
    """P02: eight threads, 400 look-ups of two bodies: two misses and 398 hits."""
    cache = CompileCache()
    gate = threading.Barrier(8)

    def work() -> None:
        gate.wait()
        for number in range(50):
            cache.body("{{ x }}", name=f"t{number % 2}").render({"x": 1})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (cache.stats().misses, cache.stats().hits) == (2, 398)


def test_remembered_body_renders_faster() -> None:
    """T07: for 200 lines, a render from the cache takes less than a cold one (median)."""
    text = "\n".join(f"Line {n}: {{{{ x }}}} {{% if x %}}yes{{% endif %}}" for n in range(200))
    cache = CompileCache()

    def timed(rounds: int, *, cold: bool) -> float:
        taken = []
        for _ in range(rounds):
            if cold:
                cache.clear()
            began = time.perf_counter()
            cache.body(text, name="a").render({"x": 1})
            taken.append(time.perf_counter() - began)
        return statistics.median(taken)

    assert timed(100, cold=False) < timed(9, cold=True)


def test_foreign_templates_keep_a_process_each() -> None:
    """One template has one process, however often it is asked for; no two share one, and few are kept."""
    cache = CompileCache()

    first = cache.confinement("a")

    assert cache.confinement("a") is first
    assert len({id(cache.confinement(digest)) for digest in "abcd"}) == CONFINED == 4
    cache.confinement("e")
    assert cache.confinement("a") is not first
