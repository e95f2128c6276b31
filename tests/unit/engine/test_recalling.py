from hypothesis import example, given
from hypothesis import strategies as st

from weft.call import PackRow, Part, RowEnd
from weft.engine.recalling import InFlight, key_of
from weft.ids import RowKey
from weft.kit.fingerprints import canonical
from weft.row import RowState

plain = st.dictionaries(
    st.text(max_size=6), st.text(max_size=6) | st.integers() | st.booleans() | st.none(), max_size=4
)
asked = st.tuples(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), plain, st.text(max_size=5))


def key(question, values):
    prompter, provider, model, options, salt = question
    return key_of(prompter, provider=provider, model=model, options=options, salt=salt)(values)


@given(asked, plain, asked, plain)
@example(("a", "b", "", {}, ""), {}, ("", "ab", "", {}, ""), {})
def test_keys_differ_exactly_when_questions_do(one, its_values, other, other_values):
    """Law 6, P27, P38, B32: prompter, provider, model, options, salt and values all count, and nothing else."""
    same = canonical([*one, its_values]) == canonical([*other, other_values])

    assert (key(one, its_values) == key(other, other_values)) == same


def test_keys_do_not_depend_on_the_process():
    """Law 6: the key of a question is the same for ever, so that old answers are found again."""
    found = key(("p", "openai", "gpt-4o-mini", {"temperature": 0.0}, ""), {"body": "hello", "n": 3})

    assert (
        found.hex()
        == key(("p", "openai", "gpt-4o-mini", {"temperature": 0.0}, ""), {"n": 3, "body": "hello"}).hex()
    )
    assert len(found) == 32


def row(place, name=b"k"):
    return PackRow(place, 0, RowKey(name), {}, Part("{}", 1))


def end(place, name=b"k"):
    return RowEnd(place, RowKey(name), RowState.ANSWERED, b"{}")


def test_twins_join_the_row_in_flight():
    """P41, L20: an identical row waits for the one that is being asked."""
    book, leader = InFlight(), row(3)
    book.enter(leader)

    assert book.joins(RowKey(b"k"), 7)
    assert not book.joins(RowKey(b"other"), 8)
    assert leader.twins == [7]


def test_an_end_is_known_until_a_later_look():
    """P41: a twin that was read before the answer was durable still finds it, and is never asked."""
    book = InFlight()
    book.enter(row(3))
    book.look_begins()
    book.leave([end(3)])
    book.leave([end(3)])

    assert not book.joins(RowKey(b"k"), 9)
    assert book.end_of(RowKey(b"k")) is not None
    book.look_begins()
    assert book.end_of(RowKey(b"k")) is not None
    book.look_begins()
    assert book.end_of(RowKey(b"k")) is None
