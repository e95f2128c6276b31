import gc
import weakref

from weft.kit.garbage import YOUNG, rare_collections


def test_the_threshold_is_raised_and_put_back():
    """A run looks for garbage less often, and leaves the process as it found it."""
    before = gc.get_threshold()
    with rare_collections(), rare_collections():
        during = gc.get_threshold()

    assert during[0] == YOUNG
    assert gc.get_threshold() == before


def test_regions_may_overlap():
    """Of two runs at once, the one that ends last leaves the process as the first has found it."""
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    first, second = rare_collections(), rare_collections()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    during = gc.get_threshold(), gc.get_freeze_count() > 0
    second.__exit__(None, None, None)

    assert during == ((YOUNG, *before[1:]), True)
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, frozen)


def test_new_cycles_are_still_found():
    """What forms a cycle while a run goes on is collected."""

    class Knot:
        pass

    with rare_collections():
        knot = Knot()
        knot.itself = knot
        seen = weakref.ref(knot)
        del knot
        gc.collect()
        assert seen() is None


def test_what_was_frozen_before_stays_so():
    """A process that has frozen its objects itself is not thawed."""
    gc.freeze()
    try:
        with rare_collections():
            pass
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_a_process_without_collections_stays_so():
    """Whoever has switched the collector off is not overruled."""
    before = gc.get_threshold()
    gc.set_threshold(0, 10, 10)
    try:
        with rare_collections():
            during = gc.get_threshold()
    finally:
        gc.set_threshold(*before)

    assert during[0] == 0
