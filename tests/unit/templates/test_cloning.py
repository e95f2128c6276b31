"""The text of a clone: the same file with another version."""

from __future__ import annotations

import pytest

from weft.errors import BadTemplate
from weft.templates.cloning import version_of_clone, with_version
from weft.templates.front_matter import split_text


@pytest.mark.parametrize(
    ("version", "taken", "expected"),
    [
        ("1.0", [], "1.1"),
        ("2.3", [], "2.4"),
        ("1.0.0", [], "1.1.0"),
        ("1.0.7", [], "1.1.0"),
        ("1.9", [], "1.10"),
        ("1.0", ["1.1.0", "1.2"], "1.3"),
        ("2.0.0-rc.1", [], "2.1.0"),
        ("1.0", ["nonsense", ""], "1.1"),
    ],
)
def test_clone_gets_the_next_free_minor_version(version: str, taken: list[str], expected: str) -> None:
    """T61: 1.0 → 1.1, 2.3 → 2.4; a version that is there is passed over."""
    assert version_of_clone(version, taken) == expected


@pytest.mark.parametrize(
    "line",
    [
        "version: 1.0.0",
        "version:   1.0.0  # first",
        'version: "1.0.0"',
        "'version': 1.0.0",
        "version : 1.0.0\r",
    ],
)
def test_only_the_version_changes(line: str) -> None:
    """Everything but the version stays letter for letter, remarks and line ends too."""
    text = f"\ufeff---\nname: version: x\n{line}\nanswers: [a]\n---\nversion: 1.0.0 is no front matter\n"
    text = text.replace("name: version: x", "name: the version")
    changed = with_version(text, "1.1.0")

    assert split_text(changed).front["version"] == "1.1.0"
    assert changed.replace("1.1.0", "", 1) == text.replace('"1.0.0"' if '"' in line else "1.0.0", "", 1)


@pytest.mark.parametrize(
    "text",
    ["---\nname: x\n---\nversion: 1.0\n", "no front matter", "---\n{name: x, version: 1.0}\n---\n", ""],
)
def test_file_without_a_version_line_is_told(text: str) -> None:
    """A file in which the version cannot be found is not copied with the wrong one."""
    with pytest.raises(BadTemplate, match="on a line of its own"):
        with_version(text, "1.1.0")
