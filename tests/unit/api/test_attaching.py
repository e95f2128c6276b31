from __future__ import annotations

import pytest

from weft.api.attaching import disposition, file_name, has_it, tag_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("April", "April.csv"),
        ("März/April", "März_April.csv"),
        ("a\r\nb\x00c", "a__b_c.csv"),
        ("a\u202ecsv", "a_csv.csv"),
        ("CON", "_CON.csv"),
        ("lpt1.old", "_lpt1.old.csv"),
        ("  .. ", "_.csv"),
        ("", "_.csv"),
        ("x" * 500, "x" * 150 + ".csv"),
    ],
)
def test_file_name_is_harmless(name: str, expected: str) -> None:
    """S21: folders, controls, turned writing, devices and endless names become a harmless file name."""
    assert file_name(name, "csv") == expected


@pytest.mark.parametrize("name", ["a.csv", "März.csv", 'a"b;c.csv', "💣.csv", "a%b.csv", "a'b.csv"])
def test_header_holds_any_name(name: str) -> None:
    """S21: the header is plain ASCII without anything that could end it, and the name can be read from it."""
    header = disposition(name)

    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert (f'filename="{name}"' in header) or "filename*=UTF-8''" in header


def test_tags_are_compared_weakly() -> None:
    """A tag among several is found, whether it is called weak or strong."""
    tag = tag_of("r1", 7)

    assert has_it(tag, f'"x", {tag}')
    assert has_it(tag, tag.removeprefix("W/"))
    assert not has_it(tag, tag_of("r1", 8))
    assert not has_it(tag, "")
