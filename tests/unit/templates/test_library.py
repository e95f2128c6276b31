from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from weft.errors import BadTemplate, UnknownName
from weft.templates.folders import Folder
from weft.templates.library import TemplateLibrary
from weft.templates.pieces import Origin
from weft.templates.records import committed_digest

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
    assert library.get("topic_review").origin is Origin.PROJECT
    assert library.get("email_triage").origin is Origin.BUILTIN
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


# ── versions, aliases, commits, origins ──────────────────────────────────────────────────────────


def know(folder: Path, text: str) -> None:
    """Write what is known about a folder."""
    (folder / "library.toml").write_text("format = 1\n" + text, encoding="utf-8")


def test_alias_means_one_version(folder: Path, text: Text) -> None:
    """`key@alias` is the version that the library file says; `latest` is always the highest."""
    for version in ("1.0.0", "2.0.0"):
        write(folder, f"review@{version}.md", text(version=version))
    know(folder, '[aliases]\n"review@production" = "1.0.0"\n')
    library = TemplateLibrary([folder])

    assert library.get("review@production").version == "1.0.0"
    assert library.get("review@latest").version == library.get("review").version == "2.0.0"
    assert library.aliases("review") == {"production": "1.0.0"}


def test_unknown_alias_says_what_there_is(folder: Path, text: Text) -> None:
    """An alias that does not exist is told with those that do, or with how to make it."""
    write(folder, "review.md", text())
    with pytest.raises(UnknownName, match="has no alias `live`") as none:
        TemplateLibrary([folder]).get("review@live")
    know(folder, '[aliases]\n"review@production" = "1.0.0"\n')
    with pytest.raises(UnknownName) as some:
        TemplateLibrary([folder]).get("review@live")

    assert "weft templates alias review live" in none.value.hint
    assert some.value.hint == "it has `production`."


def test_short_and_long_version_are_one(folder: Path, text: Text) -> None:
    """`1.4` and `1.4.0` are the same version; two files of it are told."""
    write(folder, "review@1.4.md", text(version="1.4"))
    library = TemplateLibrary([folder])
    assert library.get("review@1.4.0").version == "1.4"

    write(folder, "review.md", text(version="1.4.0"))
    with pytest.raises(BadTemplate, match=r"`review\.md` and `review@1\.4\.md` both say"):
        library.get("review")


def test_broken_older_version_does_not_hide_the_latest(folder: Path, text: Text) -> None:
    """P17: the latest version is used although an older file is wrong."""
    write(folder, "review@1.0.0.md", "---\nname: x\nversion: 1.0.0\n---\n")
    write(folder, "review@1.1.0.md", text(version="1.1.0"))

    assert TemplateLibrary([folder]).get("review").version == "1.1.0"


def test_committed_version_is_immutable(folder: Path, text: Text) -> None:
    """T57: a committed file that changed is refused with the way out; other versions go on."""
    path = write(folder, "review@1.0.0.md", text())
    digest = committed_digest(text())
    know(folder, f'[versions."review@1.0.0"]\ndigest = "{digest}"\ncommitted = "2026-01-02T03:04:05Z"\n')
    library = TemplateLibrary([folder])
    assert library.get("review").version == "1.0.0"

    path.write_text(text(name="Changed"), encoding="utf-8")
    for asked in ("review", "review@1.0.0", str(path)):
        with pytest.raises(
            BadTemplate, match=r"committed on 2026-01-02, and its file .* has changed"
        ) as told:
            library.load(asked)
        assert "`weft templates clone review@1.0.0`" in told.value.hint
    write(folder, "review@1.1.0.md", text(version="1.1.0"))
    assert library.get("review").version == "1.1.0"

    path.write_text(text(), encoding="utf-8")
    assert library.get("review@1.0.0").name == "Review"


def test_changed_piece_of_a_commit_is_refused_too(folder: Path, text: Text) -> None:
    """T57, T73: what is composed of a changed committed version cannot be used either."""
    write(folder, "footer@1.0.0.md", "---\nname: F\nversion: 1.0.0\npart: true\n---\nBye")
    write(folder, "review.md", text("{% include 'footer' %}{{ topic }}"))
    know(folder, '[versions."footer@1.0.0"]\ndigest = "other"\ncommitted = "2026-01-02"\n')

    with pytest.raises(
        BadTemplate, match=r"`footer` cannot be used: Version 1\.0\.0 of `footer` was committed"
    ):
        TemplateLibrary([folder]).get("review")


def test_origin_tells_where_a_template_comes_from(folder: Path, text: Text, tmp_path: Path) -> None:
    """S1: weft's, the user's, the project's, imported, and files from anywhere else."""
    mine, project = tmp_path / "user", tmp_path / "project"
    for place in (mine, project):
        place.mkdir()
    write(mine, "shared.md", text())
    write(folder, "review.md", text())
    write(folder, "brought.md", text())
    inside, outside = write(project, "in.md", text()), write(tmp_path, "out.md", text())
    know(folder, '[versions."brought@1.0.0"]\nimported = "2026-01-01"\n')
    library = TemplateLibrary([Folder(mine, Origin.USER), folder], home=project)

    found = {key: library.get(key).origin for key in ("topic_review", "shared", "review", "brought")}
    assert found == {
        "topic_review": Origin.BUILTIN,
        "shared": Origin.USER,
        "review": Origin.PROJECT,
        "brought": Origin.IMPORTED,
    }
    assert (library.load(inside).origin, library.load(outside).origin) == (Origin.PROJECT, Origin.ELSEWHERE)
    assert library.load(folder / "brought.md").origin is Origin.IMPORTED
    assert [library.load(each).is_foreign for each in ("review", str(outside))] == [False, True]


def test_trust_counts_at_once(folder: Path, text: Text) -> None:
    """S1, T06: a template that was read as foreign is read anew once it is trusted."""
    write(folder, "brought.md", text())
    know(folder, '[versions."brought@1.0.0"]\nimported = "2026-01-01"\n')
    library = TemplateLibrary([folder])
    assert library.get("brought").is_foreign

    know(folder, '[versions."brought@1.0.0"]\nimported = "2026-01-01"\ntrusted = "2026-01-02"\n')
    assert not library.get("brought").is_foreign


def test_broken_library_file_is_told(folder: Path, text: Text) -> None:
    """What is known is read strictly; a broken file is not passed over, for it may say `imported`."""
    write(folder, "review.md", text())
    (folder / "library.toml").write_text("format = 1\nx", encoding="utf-8")

    with pytest.raises(BadTemplate, match="It is not TOML"):
        TemplateLibrary([folder]).get("review")


@pytest.mark.parametrize(
    "key", ["review@", "review@@1.0", "review@1.0@x", "review@../x", "review@*", "review@A"]
)
def test_nothing_but_versions_and_aliases_stands_behind_the_key(key: str) -> None:
    """T53, P16: wildcards and paths are no versions either."""
    with pytest.raises(UnknownName, match="is not the key of a template"):
        TemplateLibrary().get(key)
