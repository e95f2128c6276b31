"""Bundles from one project to another: complete, foreign, and never in the way of what is there."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from weft.app.opening import look_around
from weft.app.templates import TemplatesDesk
from weft.app.weft import Weft
from weft.errors import BadTemplate, Mistake, UnwritableFile
from weft.kit.clocks import VirtualClock
from weft.templates.bundles import Bundle, Packed, pack
from weft.templates.pieces import Origin

FILES = {
    "review@1.0.0": "---\nname: Review\nversion: 1.0.0\nanswers: [a]\n---\n{% extends 'base' %}\n"
    "{% from 'ui@1.0' import m %}\n{% block task %}{{ m(topic) }} {% include 'footer@live' %}{% endblock %}\n",
    "base@1.0.0": "---\nname: Base\nversion: 1.0.0\ninputs: [topic]\nanswers: [a]\nsystem: Do.\n---\n"
    "{% block task %}{% endblock %}",
    "ui@1.0": "---\nname: UI\nversion: '1.0'\npart: true\n---\n{% macro m(x) %}<{{ x }}>{% endmacro %}",
    "footer@1.0.0": "---\nname: F\nversion: 1.0.0\npart: true\n---\nBye",
    "footer@2.0.0": "---\nname: F\nversion: 2.0.0\npart: true\n---\nNot this one",
    "other@1.0.0": "---\nname: O\nversion: 1.0.0\nanswers: [a]\nsystem: x\n---\n",
}


def project(folder: Path) -> TemplatesDesk:
    """The desk of a project in a folder."""
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    around = look_around(start=folder, environment={"HOME": str(folder / "home"), "USER": "ada"})
    return Weft(around, clock=VirtualClock()).templates


def put(folder: Path, name: str, text: str) -> None:
    """Write a template of a project."""
    (folder / "templates" / f"{name}.md").write_text(text, encoding="utf-8")


@pytest.fixture
def sender(folder: Path) -> TemplatesDesk:
    """A project with a template that is composed of three others, one by an alias."""
    desk = project(folder / "sender")
    for name, text in FILES.items():
        put(folder / "sender", name, text)
    desk.commit("footer@1.0.0", message="Good.", author="Bo", tags=["mail"])
    desk.alias("footer", "live", version="1.0.0")
    return desk


@pytest.fixture
def bundle(sender: TemplatesDesk, folder: Path) -> Path:
    """A bundle with that template."""
    path = folder / "review.zip"
    sender.export_bundle(["review"], path=path)
    return path


@pytest.fixture
def receiver(folder: Path) -> TemplatesDesk:
    """A project without templates of its own."""
    return project(folder / "receiver")


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_bundle_holds_what_it_is_composed_of(sender: TemplatesDesk, folder: Path) -> None:
    """T74: all pieces in exactly the versions that are used, and nothing else."""
    done = sender.export_bundle(["review"], path=folder / "b.zip")

    assert done.templates == ("base@1.0.0", "footer@1.0.0", "review@1.0.0", "ui@1.0")
    assert done.bytes == (folder / "b.zip").stat().st_size
    assert sender.export_bundle(["review"], path=folder / "c.zip").digest == done.digest
    assert (folder / "b.zip").read_bytes() == (folder / "c.zip").read_bytes()


def test_import_lands_in_the_custom_folder_and_works(
    receiver: TemplatesDesk, bundle: Path, folder: Path
) -> None:
    """T74: an imported template renders as it did where it comes from, alias included."""
    done = receiver.import_bundle(bundle)

    assert done.templates == ("base@1.0.0", "footer@1.0.0", "review@1.0.0", "ui@1.0")
    assert sorted(path.name for path in (folder / "receiver" / "templates").iterdir()) == [
        "base@1.0.0.md",
        "footer@1.0.0.md",
        "library.toml",
        "review@1.0.0.md",
        "ui@1.0.md",
    ]
    preview = receiver.gallery(["review"])[0].preview
    assert preview is not None
    assert preview.text == "<«topic»> Bye"
    assert receiver.get("footer@live").version == "1.0.0"


def test_import_is_foreign_until_it_is_trusted(receiver: TemplatesDesk, bundle: Path) -> None:
    """S1, T74: what came in a bundle stays recognisable, its clone too, until its owner trusts it."""
    receiver.import_bundle(bundle)
    cloned = receiver.clone("base")
    assert {receiver.get(key).origin for key in ("review", "base", "footer", "ui")} == {Origin.IMPORTED}
    assert receiver.get(cloned.title).is_foreign
    assert "foreign" in {each["code"] for each in receiver.lint("ui")}

    assert [each.title for each in receiver.trust("base")] == ["base@1.1.0", "base@1.0.0"]
    assert not receiver.get("base").is_foreign
    assert receiver.get("review").is_foreign
    for key in ("review", "footer", "ui"):
        receiver.trust(key)
    assert not receiver.get("review").is_foreign
    with pytest.raises(Mistake, match="was not imported, or is trusted already"):
        receiver.trust("review")


def test_imported_versions_are_committed(receiver: TemplatesDesk, bundle: Path, folder: Path) -> None:
    """T57, T74: an imported file that is changed is refused; who made it, and why, came with it."""
    receiver.import_bundle(bundle)
    (card,) = receiver.gallery(["footer"])
    assert (card.record.author, card.record.message, card.record.tags) == ("Bo", "Good.", ("mail",))
    assert card.record.bundle

    path = folder / "receiver" / "templates" / "footer@1.0.0.md"
    path.write_text(path.read_text(encoding="utf-8") + "!", encoding="utf-8")
    with pytest.raises(BadTemplate, match="has changed since"):
        receiver.get("footer")


def test_import_twice_changes_nothing(receiver: TemplatesDesk, bundle: Path, folder: Path) -> None:
    """T74: what is there already, letter for letter, is left alone, trust included."""
    receiver.import_bundle(bundle)
    receiver.trust("review")
    before = tree(folder / "receiver")
    done = receiver.import_bundle(bundle)

    assert (done.templates, len(done.known)) == ((), 4)
    assert tree(folder / "receiver") == before


def test_dry_run_writes_nothing(receiver: TemplatesDesk, bundle: Path, folder: Path) -> None:
    """T74: everything is checked, nothing is written."""
    before = tree(folder / "receiver")

    assert len(receiver.import_bundle(bundle, dry_run=True).templates) == 4
    assert tree(folder / "receiver") == before


def test_import_never_overwrites(receiver: TemplatesDesk, bundle: Path, folder: Path) -> None:
    """T74: where another text has one of its names, nothing at all is imported."""
    put(folder / "receiver", "footer", FILES["footer@1.0.0"].replace("Bye", "Mine"))
    before = tree(folder / "receiver")
    with pytest.raises(UnwritableFile, match=r"`footer@1\.0\.0` is in .* already and differs"):
        receiver.import_bundle(bundle, upgrade=True)

    assert tree(folder / "receiver") == before


def test_import_does_not_take_over_own_keys(receiver: TemplatesDesk, bundle: Path, folder: Path) -> None:
    """S1: a foreign later version becomes what an own key means only where somebody says so."""
    put(folder / "receiver", "review", FILES["other@1.0.0"].replace("1.0.0", "0.9.0"))
    before = tree(folder / "receiver")
    with pytest.raises(Mistake, match=r"`review` means your version 0\.9\.0, and would mean 1\.0\.0") as told:
        receiver.import_bundle(bundle)
    assert "--upgrade" in told.value.hint
    assert tree(folder / "receiver") == before

    done = receiver.import_bundle(bundle, upgrade=True)
    assert done.notes == ("`review` now means 1.0.0 instead of 0.9.0.",)
    assert receiver.get("review@0.9.0").origin is Origin.PROJECT


def test_import_does_not_move_own_aliases(receiver: TemplatesDesk, bundle: Path, folder: Path) -> None:
    """S1: an alias of one's own keeps its meaning."""
    put(folder / "receiver", "footer@3.0.0", FILES["footer@1.0.0"].replace("1.0.0", "3.0.0"))
    with pytest.raises(Mistake, match="`footer` is a template of yours"):
        receiver.import_bundle(bundle)
    receiver.commit("footer", message="m")
    receiver.alias("footer", "live")
    with pytest.raises(Mistake, match=r"means 3\.0\.0 here and 1\.0\.0 in the bundle"):
        receiver.import_bundle(bundle, upgrade=True)


def test_import_does_not_hide_own_templates_of_another_folder(
    receiver: TemplatesDesk, bundle: Path, folder: Path
) -> None:
    """S1: a folder hides an earlier one's key as a whole, so even a lower version would take it over."""
    own = folder / "receiver" / "home" / ".config" / "weft" / "templates"
    own.mkdir(parents=True)
    (own / "footer.md").write_text(FILES["footer@1.0.0"].replace("1.0.0", "7.0.0"), encoding="utf-8")
    receiver.commit("footer", message="m")
    receiver.alias("footer", "live")
    before = tree(folder / "receiver")
    with pytest.raises(Mistake, match=r"`footer` means your version 7\.0\.0, and would mean 1\.0\.0"):
        receiver.import_bundle(bundle)
    assert tree(folder / "receiver") == before

    assert "`footer` now means 1.0.0 instead of 7.0.0." in receiver.import_bundle(bundle, upgrade=True).notes


def test_import_does_not_move_own_aliases_of_another_folder(
    receiver: TemplatesDesk, bundle: Path, folder: Path
) -> None:
    """S1: an alias in a later folder wins, so it may not come with a bundle unasked."""
    (folder / "receiver" / "templates" / "footer@1.0.0.md").write_text(
        FILES["footer@1.0.0"], encoding="utf-8"
    )
    receiver.clone("footer", version="2.0.0", user=True)
    own = folder / "receiver" / "home" / ".config" / "weft" / "templates" / "library.toml"
    own.write_text('format = 1\n[aliases]\n"footer@live" = "2.0.0"\n', encoding="utf-8")
    with pytest.raises(Mistake, match=r"`footer@live` means your 2\.0\.0, and would mean 1\.0\.0 of"):
        receiver.import_bundle(bundle)


def test_import_for_all_projects_leaves_the_project_alone(
    receiver: TemplatesDesk, bundle: Path, folder: Path
) -> None:
    """T74: where the project has a key, it goes on to mean the project's, and that is said."""
    put(folder / "receiver", "review", FILES["other@1.0.0"].replace("1.0.0", "0.9.0"))
    done = receiver.import_bundle(bundle, user=True)

    assert any(note.startswith("`review` still means 0.9.0 in ") for note in done.notes)
    assert receiver.get("review").version == "0.9.0"


def test_import_takes_no_committed_name(receiver: TemplatesDesk, bundle: Path, folder: Path) -> None:
    """T57, T74: the name of a commit is taken, even where its file is gone for now."""
    put(folder / "receiver", "review@1.0.0", FILES["other@1.0.0"])
    receiver.commit("review", message="m")
    (folder / "receiver" / "templates" / "review@1.0.0.md").unlink()
    before = tree(folder / "receiver")
    with pytest.raises(UnwritableFile, match=r"`review@1\.0\.0` was committed in .* and differs"):
        receiver.import_bundle(bundle, upgrade=True)

    assert tree(folder / "receiver") == before


def test_later_bundle_does_not_take_over_own_work(
    sender: TemplatesDesk, receiver: TemplatesDesk, bundle: Path, folder: Path
) -> None:
    """S1: what was imported gives way to a later import; a trusted clone of it is somebody's own."""
    receiver.import_bundle(bundle)
    sender.clone("review", version="3.0.0")
    sender.export_bundle(["review"], path=folder / "later.zip")
    assert (
        "`review` now means 3.0.0 instead of 1.0.0."
        in receiver.import_bundle(folder / "later.zip", dry_run=True).notes
    )
    receiver.trust("review")
    receiver.clone("review")
    with pytest.raises(Mistake, match=r"`review` means your version 1\.1\.0"):
        receiver.import_bundle(folder / "later.zip")


def test_import_that_hides_a_built_in_says_so(
    receiver: TemplatesDesk, sender: TemplatesDesk, folder: Path
) -> None:
    """T63, T74: a bundle with a key of weft's own is told; weft's own file is as it was."""
    sender.clone("topic_review")
    sender.export_bundle(["topic_review"], path=folder / "t.zip")
    done = receiver.import_bundle(folder / "t.zip")

    assert "hides weft's own 1.0.0" in done.notes[0]
    assert receiver.get("topic_review@1.0.0").origin is Origin.BUILTIN


def test_built_in_pieces_need_not_travel(
    sender: TemplatesDesk, receiver: TemplatesDesk, folder: Path
) -> None:
    """T74: weft's own templates are everywhere, so that a bundle only names them."""
    put(folder / "sender", "mine@1.0.0", "---\nname: M\nversion: 1.0.0\n---\n{% extends 'topic_review' %}\n")

    assert sender.export_bundle(["mine"], path=folder / "m.zip").templates == ("mine@1.0.0",)
    receiver.import_bundle(folder / "m.zip")
    assert receiver.get("mine").answers.names == ("tldr", "challenge")


def write_bundle(folder: Path, *packed: Packed) -> Path:
    """A bundle with sound checksums, whatever its templates are."""
    path = folder / "hand.zip"
    path.write_bytes(pack(Bundle(templates=packed)))
    return path


@pytest.mark.parametrize(
    ("key", "version", "text", "message"),
    [
        ("bad", "1.0.0", "no front matter", "must begin with front matter"),
        ("bad", "1.0.0", FILES["other@1.0.0"] + "{{ x.__class__ }}", "is not for templates"),
        ("bad", "2.0.0", FILES["other@1.0.0"], "says that it is version 1.0.0"),
        ("bad", "1.0.0", FILES["other@1.0.0"] + "{% include 'secret' %}", "the bundle lacks `secret`"),
        ("bad", "1.0.0", FILES["other@1.0.0"] + "{% include 'bad' %}", "in a circle"),
        ("bad", "1.0.0", FILES["other@1.0.0"] + "{% include '../x' %}", "by its key"),
    ],
)
def test_every_template_is_checked_before_one_is_written(
    receiver: TemplatesDesk, folder: Path, key: str, version: str, text: str, message: str
) -> None:
    """T74: a bundle with one wrong template, or one that reaches outside of it, is refused whole."""
    put(folder / "receiver", "secret", "---\nname: S\nversion: 1.0\npart: true\n---\nsecret")
    before = tree(folder / "receiver")
    good = Packed(key="good", version="1.0.0", text=FILES["other@1.0.0"])
    path = write_bundle(folder, good, Packed(key=key, version=version, text=text))
    with pytest.raises(BadTemplate) as told:
        receiver.import_bundle(path)

    assert message in told.value.message
    assert told.value.hint == "ask for the bundle again; nothing of it was written."
    assert tree(folder / "receiver") == before


def test_half_an_import_is_taken_back(receiver: TemplatesDesk, bundle: Path, folder: Path) -> None:
    """T74: where a file cannot be written, those before it are taken away, and what is known as well."""
    (folder / "receiver" / "templates" / "review@1.0.0.md").symlink_to(folder / "nowhere.md")
    with pytest.raises(UnwritableFile):
        receiver.import_bundle(bundle)

    assert sorted(path.name for path in (folder / "receiver" / "templates").iterdir()) == [
        "library.toml",
        "review@1.0.0.md",
    ]
    assert "versions" not in (folder / "receiver" / "templates" / "library.toml").read_text(encoding="utf-8")


def test_manifest_can_be_read_by_people(bundle: Path) -> None:
    """T74: the manifest names every file with its checksum."""
    with zipfile.ZipFile(bundle) as archive:
        manifest = json.loads(archive.read("manifest.json"))

    assert manifest["asked"] == ["review@1.0.0"]
    assert all(len(line["sha256"]) == 64 for line in manifest["templates"])


def test_export_of_nothing_and_import_of_nothing(receiver: TemplatesDesk, folder: Path) -> None:
    """What is not there is told."""
    with pytest.raises(Mistake, match="Nothing is named"):
        receiver.export_bundle([], path=folder / "b.zip")
    with pytest.raises(Mistake, match="cannot be read"):
        receiver.import_bundle(folder / "none.zip")
    (folder / "huge.zip").write_bytes(b"x" * 20_000_001)
    with pytest.raises(BadTemplate, match="larger than 20 MB"):
        receiver.import_bundle(folder / "huge.zip")
