from weft.engine.holding import MOST_HELD, Held
from weft.ids import RowKey
from weft.protocols import NewRow
from weft.row import RowState


def line(place, key="k", state=RowState.WAITING):
    return NewRow(place, place + 2, b"[]", RowKey(key.encode()), state)


def test_each_question_is_held_once_with_its_twins():
    """P41: identical rows that were just read leave as one question."""
    held = Held()
    for place, key in enumerate("abab"):
        held.hold([(line(place, key), {"body": key})])

    rows = list(held.release())

    assert [(row.place, row.twins) for row in rows] == [(0, [2]), (1, [3])]
    assert held.until == 3


def test_rejected_rows_are_covered_and_not_held():
    """A rejected row is passed over, and nobody need look for it in the store."""
    held = Held()
    held.hold([(line(0), {"body": "a"})])
    held.hold([(line(1, state=RowState.REJECTED), None)])

    assert [row.place for row in held.release()] == [0]
    assert held.until == 1


def test_memory_is_bounded():
    """I15: beyond a number of rows nothing more is held, and the last covered place says where to go on."""
    held = Held()
    for place in range(MOST_HELD + 50):
        held.hold([(line(place, str(place)), {})])

    assert held.until == MOST_HELD - 1
    assert len(list(held.release())) == MOST_HELD
