"""Text that is safe on a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.cli.escaping import shown


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain – ünïcode ✓ 日本", "plain – ünïcode ✓ 日本"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x07", "\\x1b]8;;http://evil\\x07link\\x1b]8;;\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("two\nlines\r\tand", "two\\nlines\\r\\tand"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
    ],
)
def test_unsafe_characters_become_escapes(text, wanted) -> None:
    """S27: characters that a terminal obeys are shown as escapes, all others stay."""
    assert shown(text) == wanted


@given(st.text(st.characters()))
def test_nothing_unsafe_is_left(text) -> None:
    """S27: whatever the text, no control, direction mark, separator or surrogate comes through."""
    for character in shown(text):
        assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(character) not in {
            "LRE",
            "RLE",
            "PDF",
            "LRO",
            "RLO",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        }
