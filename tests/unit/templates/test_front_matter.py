from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.templates.front_matter import front_matter_text, split_text

TEXT = """---
name: Review
answers:
  tldr: string
  mood: {options: [yes, no, 3]}
sample:
  - topic: A
---

Hello {{ topic }}
"""


def test_file_is_taken_apart_with_lines() -> None:
    """Every value knows its physical line, and the body its first."""
    found = split_text(TEXT)

    assert found.flaws == ()
    assert found.body == "Hello {{ topic }}"
    assert found.body_line == 10
    assert found.line_of("answers.mood") == 5
    assert found.line_of("sample.0.topic") == 7


def test_unknown_path_takes_line_around() -> None:
    """A path that is not there has the line of what is around it."""
    found = split_text(TEXT)

    assert found.line_of("answers.tldr.minimum") == 4
    assert found.line_of("nowhere") == 1


def test_plain_words_stay_text() -> None:
    """`yes`, `no` and dates are text; only numbers, true, false and null are not."""
    found = split_text("---\na: [yes, No, on, 2024-01-01, 0x1F, 1_000, '3', 3, 2.5, true, null, ~]\n---\n")

    assert found.front["a"] == [
        "yes", "No", "on", "2024-01-01", "0x1F", "1_000", "3", 3, 2.5, True, None, None,
    ]  # fmt: skip


def test_numbers_are_kept_as_written() -> None:
    """A version `1.10` is not lost to the number 1.1."""
    assert split_text("---\nversion: 1.10\n---\n").written["version"] == "1.10"


def test_windows_file_reads_the_same() -> None:
    """A byte order mark and CRLF line ends make no difference."""
    assert split_text("\ufeff" + TEXT.replace("\n", "\r\n")) == split_text(TEXT)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("name: x", 1, "must begin with front matter"),
        ("---\nname: x\n", 1, "no second `---`"),
        ("---\nb: 1\na: ]\n---\n", 3, "not YAML"),
        ("---\na: &x 1\nb: *x\n---\n", 3, "aliases"),
        ("---\n- a\n---\n", 2, "must be keys with values"),
        ("---\na: \x00\n---\n", 1, "not allowed"),
        ("---\n" + "[" * 5000 + "\n---\n", 2, "30 levels"),
        ("---\n" + "".join("  " * n + "a:\n" for n in range(60)) + "---\n", 31, "30 levels"),
        ("---\nname: x\n---\n\ud800", 1, "half a character"),
        ("---\n" + "x" * 1_000_001, 1, "1,000,000 are allowed"),
        ("---\na: " + "x" * 100_001 + "\n---\n", 2, "100,000 are allowed"),
    ],
)
def test_unreadable_text_is_one_flaw(text: str, line: int, said: str) -> None:
    """T29: what cannot be read is told with its line and never raises."""
    (flaw,) = split_text(text).flaws

    assert flaw.line == line
    assert said in flaw.message


def test_repeated_keys_are_flaws() -> None:
    """A key that stands twice would silently lose its first value."""
    (flaw,) = split_text("---\na: 1\nb: {c: 1, c: 2}\n---\n").flaws

    assert (flaw.path, flaw.line, flaw.code) == ("b.c", 3, "duplicate_key")


def test_keys_that_are_lists_are_flaws() -> None:
    """A key must be text."""
    (flaw,) = split_text("---\n? [a, b]\n: 1\n---\n").flaws

    assert flaw.code == "bad_key"


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=12),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3)
            ),
            max_leaves=6,
        ),
        max_size=4,
    )
)
def test_written_front_matter_reads_the_same(front: dict[str, object]) -> None:
    """What is written between fences comes back equal, whatever its characters."""
    found = split_text(front_matter_text(front) + "body")

    assert (found.flaws, found.front, found.body) == ((), front, "body")
