"""The small file beside templates: written so that people can read it, read strictly."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import BadTemplate
from weft.templates.records import MAX_TEXT, Record, Records, committed_digest, read, written

KEYS = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]\.[0-9](\.[0-9](-rc\.[0-9])?)?", fullmatch=True)
WORDS = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
RECORDS = st.builds(
    Record,
    created=TEXTS,
    digest=TEXTS,
    author=TEXTS,
    message=TEXTS,
    tags=st.lists(WORDS, max_size=2).map(tuple),
    reason=TEXTS,
    cloned_from=TEXTS,
    imported=TEXTS,
)
TITLES = st.tuples(KEYS, VERSIONS).map("@".join)
ALIASES = st.tuples(KEYS, WORDS).map("@".join)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TITLES, RECORDS, max_size=3), st.dictionaries(ALIASES, VERSIONS, max_size=3))
def test_what_is_written_is_read_again(versions: dict[str, Record], aliases: dict[str, str]) -> None:
    """Any record, with any text in it, comes back as it was."""
    records = Records(versions, aliases)

    assert read(written(records), path="library.toml") == records


def test_file_is_for_people() -> None:
    """The file is sorted, short, and says nothing that is not so."""
    records = Records(
        {"b@1.0": Record(message='He said "no".', tags=("x", "y")), "a@2.0": Record(author="Ada")},
        {"b@live": "1.0"},
    )

    assert written(records).partition("\n")[2] == (
        'format = 1\n\n[aliases]\n"b@live" = "1.0"\n\n[versions."a@2.0"]\nauthor = "Ada"\n\n'
        '[versions."b@1.0"]\nmessage = "He said \\"no\\"."\ntags = ["x", "y"]\n'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format = 2", "`format` must be 1; a newer weft may have written it"),
        ("", "`format` must be 1"),
        ("format = 1\nextra = 1", "There is no key `extra`; known: `format`, `aliases`, `versions`."),
        ("format = ", "It is not TOML"),
        ('format = 1\n[aliases]\n"../x@live" = "1.0"', "An alias is written like"),
        ('format = 1\n[aliases]\n"x@1.0" = "1.0"', "An alias is written like"),
        ('format = 1\n[aliases]\n"x@live" = "latest"', "An alias is written like"),
        ('format = 1\n[aliases]\n"x@live" = 1.0', "An alias is written like"),
        ("format = 1\naliases = 3", "`aliases` must be a table"),
        ('format = 1\n[versions."x"]', "A version is named like"),
        ('format = 1\n[versions."x/y@1.0"]', "A version is named like"),
        ('format = 1\nversions = {"x@1.0" = 3}', "A version holds keys with values"),
        ('format = 1\n[versions."x@1.0"]\ndigst = "a"', "There is no key `digst`"),
        ('format = 1\n[versions."x@1.0"]\ndigest = 3', "`digest` must be a text"),
        ('format = 1\n[versions."x@1.0"]\ntags = "a"', "`tags` must be a list of at most 20 words"),
        (f'format = 1\n[versions."x@1.0"]\nmessage = "{"x" * (MAX_TEXT + 1)}"', "at most 2,000 characters"),
        ('format = 1\n[versions."x@1.0"]\n[versions."x@1.0"]', "It is not TOML"),
    ],
)
def test_file_is_read_strictly(text: str, message: str) -> None:
    """A key that weft does not know, a wrong kind or a broken file is told, not passed over."""
    with pytest.raises(BadTemplate) as told:
        read(text, path="library.toml")

    assert message in told.value.message
    assert "`library.toml`" in told.value.message


def test_digest_does_not_count_line_ends() -> None:
    """A file that Git has checked out with other line ends is the same; any other change is one."""
    assert committed_digest("a\nb\n") == committed_digest("\ufeffa\r\nb\r\n")
    assert committed_digest("a\nb\n") != committed_digest("a\nb")


def test_alias_is_taken_away() -> None:
    """An empty version takes an alias away; other keys' aliases stay."""
    records = Records({}, {"a@live": "1.0", "b@live": "1.0"}).with_alias("a@live", "")

    assert (records.aliases_of("a"), records.aliases_of("b")) == ({}, {"live": "1.0"})


def test_import_is_foreign_until_it_is_trusted() -> None:
    """Only what was imported and not trusted is foreign."""
    assert not Record().is_foreign
    assert Record(imported="t").is_foreign
    assert not Record(imported="t", trusted="t").is_foreign
