"""What is kept about templates: a commit holds whatever becomes of its file, and no change is lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from weft.app.opening import look_around
from weft.app.shelving import Shelf
from weft.app.templates import TemplatesDesk
from weft.app.weft import Weft
from weft.errors import BadTemplate, Mistake, UnknownName, UnwritableFile
from weft.kit.clocks import VirtualClock
from weft.templates.folders import Folder
from weft.templates.library import TemplateLibrary
from weft.templates.records import Record, Records

TEXT = "---\nname: Review\nversion: 1.0.0\ninputs: [topic]\nanswers: [gist]\nsystem: Do.\n---\n{{ topic }}\n"
CHANGES = 12  # by each of two processes


@pytest.fixture
def desk(folder: Path) -> TemplatesDesk:
    """The desk of a project whose `review` 1.0.0 is committed and in production."""
    (folder / "templates").mkdir()
    (folder / "templates" / "review.md").write_text(TEXT, encoding="utf-8")
    around = look_around(start=folder, environment={"HOME": str(folder / "home"), "USER": "ada"})
    desk = Weft(around, clock=VirtualClock()).templates
    desk.commit("review", message="First.")
    desk.alias("review", "production")
    return desk


def edit(folder: Path, before: str, after: str) -> None:
    """Change the template's file."""
    path = folder / "templates" / "review.md"
    path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")


def test_commit_holds_however_its_version_is_written(desk: TemplatesDesk, folder: Path) -> None:
    """T57: 1.0 is 1.0.0, so another text that says 1.0 is a change of the committed version."""
    edit(folder, "version: 1.0.0", "version: '1.0'")
    edit(folder, "{{ topic }}", "Another {{ topic }}")
    for ref in ("review", "review@1.0", "review@1.0.0", "review@production"):
        with pytest.raises(BadTemplate, match=r"of `review` was committed on .* has changed since"):
            desk.get(ref)


def test_version_of_a_commit_is_never_given_again(desk: TemplatesDesk, folder: Path) -> None:
    """T57, T61: a file that is gone leaves its name to nobody, so an alias never means another text."""
    desk.clone("review")
    desk.commit("review", message="Second.")
    desk.alias("review", "production")
    (folder / "templates" / "review@1.1.0.md").unlink()
    with pytest.raises(UnwritableFile, match=r"`review@1\.1\.0` was committed on .*; another text cannot"):
        desk.clone("review", version="1.1.0")
    with pytest.raises(UnwritableFile, match=r"`review@1\.1` was committed"):
        desk.clone("review", version="1.1")

    assert desk.clone("review").version == "1.2.0"
    with pytest.raises(UnknownName, match=r"Version 1\.1\.0 of `review` was committed on") as told:
        desk.get("review@production")
    assert told.value.hint == "bring its file back as it was; there is 1.2.0, 1.0.0."


def test_texts_that_no_file_can_hold_are_refused(desk: TemplatesDesk, folder: Path) -> None:
    """What a terminal hands over may be no text at all; nothing is written then."""
    desk.clone("review")
    before = (folder / "templates" / "library.toml").read_bytes()
    with pytest.raises(Mistake, match="The author has characters that are no text"):
        desk.commit("review", message="m", author="\udcff")

    assert (folder / "templates" / "library.toml").read_bytes() == before
    assert not list((folder / "templates").glob(".*"))


def with_alias(alias: str, known: Records) -> Records:
    """What is known, with one more alias."""
    return known.with_alias(alias, "1.0")


def alias_many(path: Path, name: str) -> None:
    """Make aliases, one change each, as a process of its own."""
    own = Folder(path)
    shelf = Shelf(TemplateLibrary([own]), clock=VirtualClock())
    for number in range(CHANGES):
        shelf.change(own, partial(with_alias, f"{name}@a{number}"))


def test_changes_at_the_same_time_are_all_kept(folder: Path) -> None:
    """Two processes that write at once wait for each other; neither takes back what the other wrote."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(alias_many, folder, name) for name in ("one", "two")]:
            done.result()

    assert len(TemplateLibrary().records(Folder(folder)).aliases) == 2 * CHANGES


def test_changes_begin_from_what_others_have_written(
    desk: TemplatesDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T57: a commit that somebody else was quicker with stands; what else is said comes on top of it."""
    desk.clone("review")
    shelf, wanted = desk._shelf, "review@1.1.0"
    change = shelf.change

    def after_others(folder: Folder, how: Callable[[Records], Records]) -> None:
        change(folder, lambda known: known.with_record(wanted, Record(digest="d", message="Quicker.")))
        change(folder, how)

    monkeypatch.setattr(shelf, "change", after_others)
    with pytest.raises(Mistake, match="was committed on"):
        desk.commit("review", message="Slower.")
    with pytest.raises(BadTemplate, match="has changed since"):
        desk.get(wanted)
    shelf.deprecate(wanted, reason="Old.")
    record = desk._library.records(desk._library.folders[-1]).get(wanted)

    assert (record.message, record.reason) == ("Quicker.", "Old.")


def test_trust_tells_what_is_not_trusted_yet(desk: TemplatesDesk, folder: Path) -> None:
    """S1: a trusted template that includes a foreign one stays confined, and its owner is told."""
    files = {"part": "part: true\n---\nBye", "whole": "answers: [a]\nsystem: x\n---\n{% include 'part' %}"}
    for key, rest in files.items():
        text = f"---\nname: N\nversion: 1.0.0\n{rest}"
        (folder / "templates" / f"{key}.md").write_text(text, encoding="utf-8")
    known = {f"{key}@1.0.0": Record(imported="2026-01-31T12:00:00Z") for key in files}
    desk._shelf.change(desk._library.folders[-1], lambda before: Records({**before.versions, **known}))

    told = desk.trust("whole")[0].notes
    assert told == (
        "`whole@1.0.0` is composed of `part@1.0.0`, not trusted yet; until then it is rendered under limits.",
    )
    assert desk.get("whole").is_foreign
    assert desk.trust("part")[0].notes == ()
    assert not desk.get("whole").is_foreign
