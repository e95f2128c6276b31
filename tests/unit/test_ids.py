from __future__ import annotations

from random import Random

from weft.ids import ALPHABET, draw, draw_labels, new_call_id, new_run_id


def test_alphabet_cannot_be_misread() -> None:
    """32 distinct characters, none of which looks like another."""
    assert len(set(ALPHABET)) == len(ALPHABET) == 32
    assert not set(ALPHABET) & set("ilo1")


def test_names_have_their_length_and_mark() -> None:
    """A run begins with r, a call with c."""
    random = Random(1)

    assert len(draw(random, 9)) == 9
    assert [len(label) for label in draw_labels(random, 3)] == [6, 6, 6]
    assert new_run_id(random)[0] == "r"
    assert len(new_run_id(random)) == 13
    assert new_call_id(random)[0] == "c"
    assert len(new_call_id(random)) == 17


def test_same_seed_draws_the_same_names() -> None:
    """A simulation replays every id."""
    first, second = Random(7), Random(7)

    assert [draw(first, 6) for _ in range(50)] == [draw(second, 6) for _ in range(50)]


def test_names_use_the_whole_alphabet() -> None:
    """Every character comes up, at every place, so that no bits are lost."""
    random = Random(3)
    drawn = [draw(random, 6) for _ in range(2000)]

    assert all({name[place] for name in drawn} == set(ALPHABET) for place in range(6))
    assert len(set(drawn)) == len(drawn)
