from __future__ import annotations

import pytest

from weft.limits import ANYWHERE, Unfit, bare, compile_pattern, counted, plain_pattern, shown, storable


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (-0.5, "-0.5"),
        ("it's\n\0", '"it\'s\\n\\x00"'),
        ("\ud800", "'\\ud800'"),
        ([["deep"]], "a list"),
        ((1,), "a list"),
        ({"a": 1}, "an object"),
        (2**64, "a whole number of more than 19 digits"),
        pytest.param(10**5000, "a whole number of more than 19 digits", id="huge"),
        (b"x", "a bytes"),
    ],
)
def test_value_is_shown_short_and_printable(value: object, words: str) -> None:
    """A message never carries control characters, the inside of a list, or a number of a thousand digits."""
    assert shown(value) == words


def test_long_text_is_cut() -> None:
    """Enough to recognise the cell, too little to leak it."""
    assert len(shown("x" * 10_000)) < 70
    assert shown("x" * 10_000).endswith("…'")


def test_pattern_matches_the_whole_text() -> None:
    """A pattern that matches a part is no match."""
    matches = compile_pattern("[a-zä]+")

    assert matches("bär")
    assert not matches("bär ")


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "a{1000000}", "[z-a]"])
def test_pattern_that_cannot_be_linear_is_refused(pattern: str) -> None:
    """S40: RE2 has no look-around and no back references, and says so when the pattern is read."""
    with pytest.raises(ValueError, match="no regular expression in RE2 syntax"):
        compile_pattern(pattern)


def test_pattern_is_shown_as_it_was_written() -> None:
    """What we put around a pattern is our own affair."""
    assert plain_pattern(ANYWHERE[0] + "a|b" + ANYWHERE[1]) == "a|b"
    assert plain_pattern("a|b") == "a|b"


@pytest.mark.parametrize("text", ["", "plain", "ä€𐀀", "\n\t"])
def test_usual_text_is_storable(text: str) -> None:
    """Whatever UTF-8 and a database can carry is fine."""
    assert storable(text) is None  # type: ignore[func-returns-value]  # nothing is raised


@pytest.mark.parametrize("text", ["a\0", "\ud800", "\udc00\ud800"])
def test_text_that_no_store_takes_is_refused(text: str) -> None:
    """F20: NUL and half characters are told, never dropped silently."""
    with pytest.raises(Unfit) as caught:
        storable(text)

    assert caught.value.code == "unstorable"


def test_numbers_are_said_as_people_write_them() -> None:
    """One word, two words; a million without an exponent."""
    assert [counted(n, "entry") for n in (0, 1, 2)] == ["0 entries", "1 entry", "2 entries"]
    assert counted(2, "word") == "2 words"
    assert [bare(n) for n in (10, 10.0, 0.5, 1_000_000, -3)] == ["10", "10", "0.5", "1000000", "-3"]
