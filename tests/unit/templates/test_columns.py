"""How a quick prompt names the columns of a table."""

from __future__ import annotations

import pytest

from weft.templates.columns import misspelt, nearest_column


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("Say {{ Full Name }}", ["line 1: `{{ Full Name }}` cannot be read; write `{{ Full_Name }}`"]),
        ("a\n{{a/b}} {{ topic* }}", ["line 2: `{{a/b}}` cannot", "line 2: `{{ topic* }}` cannot"]),
        ("{{ Full_Name }} {{ full_name }} {{ topic|upper }} {{ mail.body }}", []),
    ],
)
def test_columns_that_jinja_cannot_read_are_told(prompt: str, said: list[str]) -> None:
    """A column with spaces or signs is named as in the file, with the way to write it."""
    found = [str(each) for each in misspelt(prompt, ["Full Name", "a/b", "topic*", "mail.body", "topic"])]

    assert len(found) == len(said)
    assert all(words in each for words, each in zip(said, found, strict=True))


def test_long_tables_are_not_listed_whole() -> None:
    """A message names twelve columns and counts the rest."""
    assert nearest_column("zzzzz", [f"c{n}" for n in range(15)]).endswith("`c11` and 3 more.")
