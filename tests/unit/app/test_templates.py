"""The desk for templates: every change, told and kept, and nothing changed that is not one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft.app.opening import Surroundings, look_around
from weft.app.requesting import RunRequest
from weft.app.templates import TemplatesDesk
from weft.app.weft import Weft
from weft.errors import BadTemplate, Mistake, UnknownName, UnwritableFile
from weft.kit.clocks import VirtualClock
from weft.templates.folders import builtin_folder
from weft.templates.pieces import Origin
from weft.templates.records import Records

TEXT = """---
name: Review
version: {version}
description: Reviews.
inputs: [topic]
answers: ["gist: string(max_words=9) = what it says"]
system: Review it.
sample: [{{topic: CI}}]
---
Topic: {{{{ topic }}}}
"""
AT = 1_700_000_000.0  # 2023-11-14T22:13:20Z


def surroundings(folder: Path) -> Surroundings:
    """A project in a folder, with a home folder of its own."""
    return look_around(
        {"model": "local"}, start=folder, environment={"HOME": str(folder / "home"), "USER": "ada"}
    )


@pytest.fixture
def desk(folder: Path) -> TemplatesDesk:
    """The desk of a project with one own template, `review` 1.0.0."""
    (folder / "templates").mkdir()
    (folder / "templates" / "review.md").write_text(TEXT.format(version="1.0.0"), encoding="utf-8")
    return Weft(surroundings(folder), clock=VirtualClock(wall=AT)).templates


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# ── clone and diff ───────────────────────────────────────────────────────────────────────────────


def test_clone_is_the_next_version_in_the_custom_folder(desk: TemplatesDesk, folder: Path) -> None:
    """T60, T61: 1.0.0 becomes 1.1.0, a file in `templates/`, with where it comes from."""
    done = desk.clone("topic_review")
    template = desk.get("topic_review")

    assert (done.title, template.version, template.origin) == ("topic_review@1.1.0", "1.1.0", Origin.PROJECT)
    assert Path(done.path) == folder / "templates" / "topic_review@1.1.0.md"
    assert (done.record.cloned_from, done.record.author) == ("topic_review@1.0.0", "ada")
    assert done.record.created == "2023-11-14T22:13:20Z"
    assert len(done.record.cloned_digest) == 64
    assert "no longer weft's own" in done.notes[0]
    assert desk.diff("topic_review").is_empty


def test_clone_can_be_edited(desk: TemplatesDesk) -> None:
    """T60: the clone is an ordinary file, and a change of it counts at once."""
    path = Path(desk.clone("review").path)
    path.write_text(path.read_text(encoding="utf-8").replace("Topic:", "The topic:"), encoding="utf-8")
    found = desk.diff("review")

    assert (found.before, found.after) == ("review@1.0.0", "review@1.1.0")
    assert [line for line in found.body if line[:1] in "+-"][2:] == [
        "-Topic: {{ topic }}",
        "+The topic: {{ topic }}",
    ]


def test_clone_again_and_again_takes_the_next_free_version(desk: TemplatesDesk) -> None:
    """T61: nothing is overwritten: the second clone of 1.0.0 is 1.2.0."""
    assert [desk.clone("review@1.0.0").version for _ in range(3)] == ["1.1.0", "1.2.0", "1.3.0"]


def test_clone_under_another_key_and_version(desk: TemplatesDesk) -> None:
    """A clone may begin a template of its own."""
    done = desk.clone("review", key="critique", version="0.1")

    assert desk.get("critique").version == "0.1"
    assert done.record.cloned_from == "review@1.0.0"
    assert desk.diff("critique").before == "review@1.0.0"


def test_clone_for_all_projects(desk: TemplatesDesk, folder: Path) -> None:
    """T60: with `user` the clone serves every project; the project's own folder still wins."""
    done = desk.clone("topic_review", user=True)

    assert Path(done.path) == folder / "home" / ".config" / "weft" / "templates" / "topic_review@1.1.0.md"
    assert desk.get("topic_review").origin is Origin.USER
    desk.clone("topic_review", version="3.0")
    assert desk.get("topic_review").origin is Origin.PROJECT


@pytest.mark.parametrize(
    ("key", "version"), [("../x", ""), ("a/b", ""), ("*", ""), ("X", ""), ("", "../1"), ("", "1")]
)
def test_clone_goes_nowhere_else(desk: TemplatesDesk, folder: Path, key: str, version: str) -> None:
    """P14, P16: neither key nor version of a clone can be a path or a wildcard."""
    before = tree(folder)
    with pytest.raises(Mistake, match="cannot be the name of a template"):
        desk.clone("review", key=key, version=version)

    assert tree(folder) == before


def test_clone_never_overwrites(desk: TemplatesDesk, folder: Path) -> None:
    """T60: a version that is there, in whatever file, stays as it is."""
    before = tree(folder)
    with pytest.raises(UnwritableFile, match="is not overwritten"):
        desk.clone("review", version="1.0.0")

    assert tree(folder) == before


def test_diff_needs_something_to_compare(desk: TemplatesDesk) -> None:
    """T78: a template with one version says what can be done."""
    with pytest.raises(UnknownName, match="one version only"):
        desk.diff("review")
    assert desk.diff("review@1.0.0", "topic_review").rest


# ── commit, alias, deprecate ─────────────────────────────────────────────────────────────────────


def test_commit_is_kept_with_its_reason(desk: TemplatesDesk) -> None:
    """T57: digest, time, author, message and tags of a commit are kept beside the file."""
    done = desk.commit("review", message=" First. ", tags=["Support", "mail", "mail"])

    assert done.record.committed == "2023-11-14T22:13:20Z"
    assert (done.record.author, done.record.message) == ("ada", "First.")
    assert done.record.tags == ("support", "mail")
    assert [card.key for card in desk.gallery(tag="mail")] == ["review"]
    with pytest.raises(Mistake, match="was committed on 2023-11-14 and is as it was"):
        desk.commit("review", message="again")


def test_changed_commit_is_refused_until_it_is_cloned(desk: TemplatesDesk, folder: Path) -> None:
    """T57: the way out of a changed committed file is the way that the error names."""
    path = folder / "templates" / "review.md"
    desk.commit("review", message="First.")
    path.write_text(path.read_text(encoding="utf-8").replace("Topic", "Subject"), encoding="utf-8")
    for act in (desk.get, desk.trust, lambda key: desk.commit(key, message="m")):
        with pytest.raises(Mistake):
            act("review")
    told = {each.key: each.error for each in desk.listed()}
    assert told["review"].startswith("Version 1.0.0 of `review` was committed")
    assert desk.lint("review")[0]["severity"] == "problem"

    desk.clone("review@1.0.0")

    assert desk.get("review").version == "1.1.0"
    assert "Subject" in desk.get("review").body


def test_alias_moves_from_version_to_version(desk: TemplatesDesk) -> None:
    """An alias means one committed version, and another one as soon as it is said."""
    desk.commit("review", message="First.")
    desk.clone("review")
    with pytest.raises(Mistake, match=r"`review@1\.1\.0` is not committed"):
        desk.alias("review", "production")
    assert desk.alias("review", "production", version="1.0.0").aliases == ("production",)
    assert desk.get("review@production").version == "1.0.0"

    desk.commit("review", message="Second.")
    desk.alias("review", "production")
    assert desk.get("review@production").version == "1.1.0"
    desk.alias("review", "production", remove=True)
    with pytest.raises(UnknownName, match="has no alias"):
        desk.get("review@production")


def test_change_by_somebody_else_is_not_lost(desk: TemplatesDesk, folder: Path) -> None:
    """Two who write at once: the second sees what the first has written, or gives up."""
    shelf, own = desk._shelf, desk._library.folders[-1]
    others = iter(range(1, 20))

    def change(known: Records, times: int) -> Records:
        if (number := next(others)) <= times:  # somebody else is quicker
            text = f'format = 1\n[aliases]\n"other{number}@live" = "1.0"\n'
            (folder / "templates" / "library.toml").write_text(text, encoding="utf-8")
        return known.with_alias("review@mine", "1.0.0")

    shelf.change(own, lambda known: change(known, 2))
    assert desk._library.records(own).aliases == {"other2@live": "1.0", "review@mine": "1.0.0"}
    with pytest.raises(UnwritableFile, match="is being changed by somebody else"):
        shelf.change(own, lambda known: change(known, 99))


@pytest.mark.parametrize("alias", ["latest", "1.0.0", "Main", "../x", "*", "", "a b"])
def test_alias_is_a_word(desk: TemplatesDesk, alias: str) -> None:
    """P16: what could be a version, a path or a wildcard is no alias."""
    desk.commit("review", message="First.")
    with pytest.raises(Mistake, match="cannot be an alias"):
        desk.alias("review", alias)


def test_deprecated_template_is_told_once_by_a_run(desk: TemplatesDesk, folder: Path) -> None:
    """A run with a deprecated template says why, and what to use instead; taken back, it is silent."""
    house = Weft(surroundings(folder), clock=VirtualClock(wall=AT))
    request = RunRequest(table=[{"topic": "CI"}], template="review")
    desk.deprecate("review", reason="Too short.", replacement="topic_review")
    notes = house.runs._planner.plan(request, asks=False).notes

    assert [note for note in notes if "deprecated" in note] == [
        "`review` 1.0.0 is deprecated: Too short. Use `topic_review` instead."
    ]
    assert {each.key: each.deprecated for each in desk.listed()}["review"] == "Too short."
    desk.deprecate("review", undo=True)
    assert not house.runs._planner.plan(request, asks=False).notes


def test_deprecated_piece_is_advised_against(desk: TemplatesDesk, folder: Path) -> None:
    """Who is composed of something deprecated hears of it from `lint`."""
    (folder / "templates" / "child.md").write_text(
        "---\nname: C\nversion: 1.0\n---\n{% extends 'review' %}", encoding="utf-8"
    )
    desk.deprecate("review", reason="Too short.")

    assert "deprecated_piece" in {each["code"] for each in desk.lint("child")}


def test_deprecation_of_a_key_is_that_of_all_its_versions(desk: TemplatesDesk) -> None:
    """A bare key means every version there is, `key@version` means one."""
    desk.clone("review")
    assert [each.version for each in desk.deprecate("review", reason="Old.")] == ["1.1.0", "1.0.0"]
    assert [each.version for each in desk.deprecate("review@1.1.0", undo=True)] == ["1.1.0"]
    assert "deprecated" in {each["code"] for each in desk.lint("review@1.0.0")}
    assert "deprecated" not in {each["code"] for each in desk.lint("review")}


def test_changes_say_why(desk: TemplatesDesk) -> None:
    """A commit without a message, a deprecation without a reason or to nothing are refused."""
    with pytest.raises(Mistake, match="its message is empty"):
        desk.commit("review", message="  ")
    with pytest.raises(Mistake, match="its reason is empty"):
        desk.deprecate("review")
    with pytest.raises(UnknownName, match="no template `none`"):
        desk.deprecate("review", reason="Old.", replacement="none")
    with pytest.raises(Mistake, match="cannot be a tag"):
        desk.commit("review", message="m", tags=["a b"])
    with pytest.raises(Mistake, match="The message has 3,000 characters"):
        desk.commit("review", message="m" * 3_000)


@pytest.mark.parametrize("key", ["topic_review", "topic_review@1.0.0"])
def test_built_in_templates_are_never_changed(desk: TemplatesDesk, key: str) -> None:
    """T63: commit, alias and deprecate of weft's own are refused, and point to `clone`."""
    before = tree(builtin_folder())
    acts = [
        lambda: desk.commit(key, message="m"),
        lambda: desk.alias(key.partition("@")[0], "production"),
        lambda: desk.deprecate(key, reason="r"),
        lambda: desk.deprecate(key, undo=True),
        lambda: desk.trust(key),
    ]
    for act in acts:
        with pytest.raises(UnwritableFile, match="belongs to weft and is never changed") as told:
            act()
        assert "weft templates clone" in told.value.hint

    assert tree(builtin_folder()) == before


@pytest.mark.parametrize(
    "key",
    [
        "custom/../topic_review",
        "../builtin/topic_review",
        "templates/review",
        "review.md",
        "REVIEW",
        "r*",
        "[r]eview",
        "",
    ],
)
def test_changes_take_keys_and_nothing_else(desk: TemplatesDesk, folder: Path, key: str) -> None:
    """T63, P14, P16: no path, no wildcard and no other case reaches a file that is changed."""
    before = tree(folder)
    for act in (
        lambda: desk.commit(key, message="m"),
        lambda: desk.alias(key, "production"),
        lambda: desk.deprecate(key, reason="r"),
        lambda: desk.trust(key),
        lambda: desk.clone(key),
        lambda: desk.export_bundle([key], path=folder / "b.zip"),
    ):
        with pytest.raises(UnknownName, match="is not the key of a template"):
            act()

    assert tree(folder) == before


def test_own_folder_that_leads_to_wefts_is_closed(folder: Path) -> None:
    """T63, P14: a project whose `templates` is a link to weft's own folder cannot write there."""
    (folder / "templates").symlink_to(builtin_folder(), target_is_directory=True)
    desk = Weft(surroundings(folder), clock=VirtualClock()).templates
    before = tree(builtin_folder())

    for act in (
        lambda: desk.clone("topic_review"),
        lambda: desk.commit("topic_review", message="m"),
        lambda: desk.deprecate("topic_review", reason="r"),
    ):
        with pytest.raises(UnwritableFile, match="belongs to weft"):
            act()
    assert tree(builtin_folder()) == before


# ── gallery ──────────────────────────────────────────────────────────────────────────────────────


def test_gallery_shows_every_template(desk: TemplatesDesk) -> None:
    """T59, T62: each bundled template has a card with description, version, inputs and a preview."""
    cards = {card.key: card for card in desk.gallery()}

    assert set(cards) == {*(path.stem for path in builtin_folder().glob("*.md")), "review"}
    for card in cards.values():
        assert card.description
        assert card.version == "1.0.0"
        assert card.inputs
        assert card.preview is not None
        assert not card.preview.problem
        assert card.preview.text
        assert card.preview_from == "sample"


def test_gallery_tells_what_is_wrong(desk: TemplatesDesk, folder: Path) -> None:
    """T59: a template that cannot be used has a card that says so; the others are shown."""
    (folder / "templates" / "broken.md").write_text("---\nname: x\nversion: 1.0\n---\n", encoding="utf-8")
    (card,) = desk.gallery(["broken"])

    assert "`answers` is missing" in card.error
    assert len(desk.gallery()) > 6


def test_preview_comes_from_defaults_where_there_is_no_sample(desk: TemplatesDesk, folder: Path) -> None:
    """T62: inputs of every type without sample or example are previewed from defaults and types."""
    inputs = (
        "{a: {default: given}, b: {examples: [seen]}, c: integer(3..9), d: number, e: boolean, f: date, "
        "g: datetime, h: email, i: url, j: 'enum[x,y]', k: 'list[integer(2..4)]', l: 'string(min_words=3)', "
        "m: {type: object, fields: {n: string}}, o: {required: false}, p: 'string(min_length=20)', q: 'string(max_length=2)'}"
    )
    text = TEXT.format(version="1.0.0").replace("inputs: [topic]", f"inputs: {inputs}")
    text = text.replace("sample: [{topic: CI}]\n", "").replace(
        "{{ topic }}", "{{ a }} {{ b }} {{ c }} {{ m.n }} {{ l }}"
    )
    (folder / "templates" / "typed.md").write_text(text, encoding="utf-8")
    (card,) = desk.gallery(["typed"])

    assert (card.error, card.preview.problem) == ("", "")
    assert card.preview.text == "Topic: given seen 3 «n» «l» «l» «l»"
    assert card.preview_from == "defaults"


def test_part_has_a_card_without_preview(desk: TemplatesDesk, folder: Path) -> None:
    """T59: a part is shown, and cannot be previewed or run."""
    (folder / "templates" / "footer.md").write_text(
        "---\nname: F\nversion: 1.0\npart: true\n---\nBye {{ name }}", encoding="utf-8"
    )
    (card,) = desk.gallery(["footer"])
    house = Weft(surroundings(folder), clock=VirtualClock())

    assert (card.part, card.preview, card.error) == (True, None, "")
    with pytest.raises(BadTemplate, match="is a part of other templates and cannot be run"):
        house.runs._planner.plan(RunRequest(table=[{"name": "x"}], template="footer"), asks=False)


def test_floating_part_of_a_commit_is_advised_against(desk: TemplatesDesk, folder: Path) -> None:
    """A committed version that is composed of a floating one may still change, and says so."""
    (folder / "templates" / "footer.md").write_text(
        "---\nname: F\nversion: 1.0\npart: true\n---\nBye", encoding="utf-8"
    )
    path = folder / "templates" / "review.md"
    path.write_text(path.read_text(encoding="utf-8") + '{% include "footer" %}\n', encoding="utf-8")

    assert "`footer`" in desk.commit("review", message="m").notes[0]
    assert "floating_piece" in {each["code"] for each in desk.lint("review")}
