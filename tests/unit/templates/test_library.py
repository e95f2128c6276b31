from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from weft.errors import BadTemplate, UnknownName
from weft.templates.library import TemplateLibrary

Text = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for own templates."""
    made = tmp_path / "templates"
    made.mkdir()
    return made


def write(folder: Path, name: str, text: str) -> Path:
    """Write a template file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_bundled_templates_are_found() -> None:
    """The six templates that come with weft."""
    assert TemplateLibrary().keys() == [
        "class_brief",
        "email_triage",
        "meeting_recap",
        "product_tags",
        "sales_followup",
        "topic_review",
    ]


def test_own_folder_wins(folder: Path, text: Text) -> None:
    """A template of one's own hides the bundled one of the same key, whatever its version."""
    write(folder, "topic_review.md", text(version="0.1.0"))
    library = TemplateLibrary([folder])

    assert library.get("topic_review").version == "0.1.0"
    assert not library.is_builtin("topic_review")
    assert library.is_builtin("email_triage")
    assert library.get("topic_review@1.0.0").name == "Topic review"


def test_latest_is_the_highest_version(folder: Path, text: Text) -> None:
    """P17: 1.0.1 written after 2.0.0 does not become the latest."""
    write(folder, "review@2.0.0.md", text(version="2.0.0"))
    write(folder, "review@1.0.1.md", text(version="1.0.1"))
    write(folder, "review.md", text(version="1.10.0"))
    library = TemplateLibrary([folder])

    assert library.get("review").version == "2.0.0"
    assert [each.version for each in library.versions("review")] == ["2.0.0", "1.10.0", "1.0.1"]
    assert library.get("review@1.0.1").version == "1.0.1"


def test_missing_version_lists_what_there_is(folder: Path, text: Text) -> None:
    """A version that does not exist is told with those that do."""
    write(folder, "review.md", text())
    with pytest.raises(UnknownName, match=r"no version 3\.0\.0") as told:
        TemplateLibrary([folder]).get("review@3.0.0")

    assert told.value.hint == "there is 1.0.0."


def test_file_name_may_not_lie(folder: Path, text: Text) -> None:
    """A file named after one version that says another is a problem, not a surprise."""
    write(folder, "review@2.0.0.md", text(version="1.0.0"))
    with pytest.raises(BadTemplate, match=r"says version 2\.0\.0"):
        TemplateLibrary([folder]).get("review")


def test_changed_file_is_read_anew(folder: Path, text: Text) -> None:
    """T06: no restart, no clearing, also for two writes within one tick of the file's clock."""
    library = TemplateLibrary([folder])
    found = []
    for name in ("One", "Two"):
        write(folder, "review.md", text(name=name))
        found.append(library.get("review").name)

    assert found == ["One", "Two"]


def test_unchanged_file_is_parsed_once(folder: Path, text: Text) -> None:
    """The same bytes give the same template."""
    write(folder, "review.md", text())
    library = TemplateLibrary([folder])

    assert library.get("review") is library.get("review")


@pytest.mark.parametrize(
    "key",
    [
        "*",
        "topic*",
        "a/b",
        "/etc/passwd",
        "..",
        "../topic_review",
        "custom/../topic_review",
        "custom/../x.yaml",
        "",
        "Topic",
        "a.b",
        "a@*",
        "a\x00",
        "[ab]",
        "a\\b",
    ],
)
def test_wildcards_and_paths_are_no_keys(key: str) -> None:
    """T53, P14: a key is a name, nothing else; no way leads out of the folders and back in."""
    with pytest.raises(UnknownName, match="is not the key of a template"):
        TemplateLibrary().get(key)


def test_unknown_key_names_the_nearest() -> None:
    """A slip of the finger is told with what was probably meant."""
    with pytest.raises(UnknownName) as told:
        TemplateLibrary().get("topicreview")

    assert told.value.facts["nearest"] == ["topic_review"]


def test_path_is_as_good_as_a_key(folder: Path, text: Text) -> None:
    """A file anywhere can be used; its name is its key."""
    path = write(folder, "My Review@1.0.0.md", text())
    library = TemplateLibrary()

    assert library.load(str(path)).key == "my_review"
    assert library.load(path).path == str(path)
    assert library.load("topic_review").key == "topic_review"


def test_missing_path_is_told(folder: Path) -> None:
    """A path that leads nowhere, or to a folder, is no template."""
    (folder / "a.md").mkdir()
    for path in (folder / "none.md", folder / "a.md"):
        with pytest.raises(UnknownName, match="no template file"):
            TemplateLibrary().load(str(path))


def test_other_files_are_left_alone(folder: Path, text: Text) -> None:
    """A README, a draft, a sub-folder and a missing folder are no templates."""
    for name in ("README.md", "review.txt", "_draft.md", ".hidden.md", "review@x.md"):
        write(folder, name, text())
    (folder / "inner.md").mkdir()

    assert TemplateLibrary([folder, folder / "none"]).keys() == TemplateLibrary().keys()


def test_file_that_is_not_text_is_told_with_its_line(folder: Path) -> None:
    """Bytes that are not UTF-8 are told with the line where they stand."""
    path = folder / "review.md"
    path.write_bytes(b"---\nname: caf\xe9\n---\n")
    with pytest.raises(BadTemplate, match="not UTF-8") as told:
        TemplateLibrary([folder]).get("review")

    assert told.value.facts["line"] == 2


def test_huge_file_is_not_read(folder: Path) -> None:
    """A file of many megabytes is refused by its size."""
    path = folder / "review.md"
    path.write_bytes(b"x" * 4_000_001)
    with pytest.raises(BadTemplate, match="larger than 4 MB"):
        TemplateLibrary([folder]).get("review")
