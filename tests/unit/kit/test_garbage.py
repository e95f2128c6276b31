import gc

from weft.kit.garbage import YOUNG, rare_collections


def test_the_threshold_is_raised_and_put_back():
    """A run looks for garbage less often, and leaves the process as it found it."""
    before = gc.get_threshold()
    with rare_collections(), rare_collections():
        during = gc.get_threshold()

    assert during[0] == YOUNG
    assert gc.get_threshold() == before


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
