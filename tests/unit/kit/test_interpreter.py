import gc
import sys
import weakref

import pytest

from weft.kit.interpreter import OLD, TURN_S, YOUNG, tuned


def settings():
    """What a region changes."""
    return gc.get_threshold(), sys.getswitchinterval()


def test_settings_are_changed_and_put_back():
    """A run looks for garbage less often, and leaves the process as it found it."""
    before = settings()
    with tuned(), tuned():
        during = settings()

    assert during == ((YOUNG, before[0][1], OLD), pytest.approx(TURN_S))
    assert settings() == before


def test_regions_may_overlap():
    """Of two runs at once, the one that ends last leaves the process as the first has found it."""
    before = settings()
    first, second = tuned(), tuned()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    during = settings()
    second.__exit__(None, None, None)

    assert during[0] == (YOUNG, before[0][1], OLD)
    assert settings() == before


def test_many_small_runs_leave_no_garbage_behind():
    """What was alive when a run began and has become a cycle since is found, however many runs there are."""

    class Knot:
        pass

    seen = []
    for _ in range(400):
        knot = Knot()
        with tuned():
            knot.itself = knot
            seen.append(weakref.ref(knot))
            del knot
            _ = [[] for _ in range(800)]  # what a small run allocates
        _ = [[] for _ in range(800)]

    assert sum(each() is not None for each in seen) < len(seen) / 2


def test_a_process_without_collections_stays_so():
    """Whoever has switched the collector off is not overruled."""
    before = gc.get_threshold()
    gc.set_threshold(0, 10, 10)
    try:
        with tuned():
            during = gc.get_threshold()
    finally:
        gc.set_threshold(*before)

    assert during == (0, 10, 10)


def test_a_process_that_is_set_up_further_stays_so():
    """Rarer looks and shorter turns than ours are kept."""
    before = settings()
    gc.set_threshold(10 * YOUNG, 5, 10 * OLD)
    sys.setswitchinterval(TURN_S / 10)
    chosen = settings()
    try:
        with tuned():
            during = settings()
    finally:
        gc.set_threshold(*before[0])
        sys.setswitchinterval(before[1])

    assert during == chosen
