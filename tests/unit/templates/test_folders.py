"""Files of templates: found by name, read whole, written without ever overwriting or leaving."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from weft.errors import UnwritableFile
from weft.templates.folders import Folder, builtin_folder
from weft.templates.pieces import Origin


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder that is not there yet."""
    return Folder(tmp_path / "templates")


def test_new_file_is_written_whole(folder: Folder) -> None:
    """A new file is there with its text, and nothing else is."""
    folder.write_new(folder.place("review", "1.0.0"), "text\n")

    assert [path.name for path in folder.path.iterdir()] == ["review@1.0.0.md"]
    assert folder.files() == [("review", folder.path / "review@1.0.0.md")]


def test_nothing_is_overwritten(folder: Folder) -> None:
    """T74: a file that is there stays as it is."""
    path = folder.place("review", "1.0.0")
    folder.write_new(path, "first")
    with pytest.raises(UnwritableFile, match="is there already and is not overwritten"):
        folder.write_new(path, "second")

    assert path.read_text(encoding="utf-8") == "first"


def test_half_a_file_is_taken_away(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """T74: a full disk leaves neither half a template nor a file beside the old one."""
    folder.write_new(folder.path / "library.toml", "old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for act in (folder.write_new, folder.replace):
        with pytest.raises(UnwritableFile, match="No space left"):
            act(folder.path / ("library.toml" if act == folder.replace else "new@1.0.md"), "new")

    assert {path.name: path.read_text(encoding="utf-8") for path in folder.path.iterdir()} == {
        "library.toml": "old"
    }


def test_what_a_killed_process_left_is_gone_after_the_next(folder: Folder) -> None:
    """A process that is killed while it writes leaves the old file whole, and nothing for ever."""
    folder.write_new(folder.path / "library.toml", "old")
    (folder.path / ".library.toml.part").write_text("half of a longer te", encoding="utf-8")
    with folder.locked():
        folder.replace(folder.path / "library.toml", "new")

    assert {path.name: path.read_text(encoding="utf-8") for path in folder.path.iterdir()} == {
        "library.toml": "new"
    }


def test_files_of_one_key_are_those_of_no_other(folder: Folder) -> None:
    """P16: a key is looked for as a whole, not by how it begins."""
    for name in ("a@1.0", "a@2.0", "ab@1.0", "a-b@1.0", "b@1.0"):
        folder.write_new(folder.path / f"{name}.md", "text")

    assert [path.name for _, path in folder.files("a")] == ["a@1.0.md", "a@2.0.md"]
    assert len(folder.files()) == 5


def test_links_are_not_written_through(folder: Folder, tmp_path: Path) -> None:
    """P14: a link in the place of a new file, dangling or not, leads nowhere."""
    folder.path.mkdir()
    outside = tmp_path / "outside.md"
    for target in (outside, tmp_path / "none" / "there.md"):
        path = folder.place("review", "1.0.0")
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        with pytest.raises(UnwritableFile):
            folder.write_new(path, "text")

    assert not outside.exists()


@pytest.mark.parametrize(
    ("key", "version"),
    [
        ("../x", "1.0.0"),
        ("a/b", "1.0"),
        ("*", "1.0"),
        ("Review", "1.0"),
        ("x", "../1.0"),
        ("x", "1"),
        ("x\x00", "1.0"),
    ],
)
def test_names_cannot_lead_out_of_the_folder(folder: Folder, key: str, version: str) -> None:
    """P14, P16: what is no key and no version makes no path."""
    with pytest.raises(ValueError, match="name no file"):
        folder.place(key, version)


@pytest.mark.parametrize("way", ["itself", "link", "dots", "below", "builtin origin"])
def test_own_folder_of_weft_is_never_written(way: str, tmp_path: Path) -> None:
    """T63, P14: by its name, a link, `..` or a folder in it: weft's own folder is closed."""
    own = builtin_folder()
    link = tmp_path / "templates"
    link.symlink_to(own, target_is_directory=True)
    (tmp_path / "custom").mkdir()
    ways = {
        "itself": Folder(own),
        "link": Folder(link),
        "dots": Folder(tmp_path / "custom" / ".." / "templates"),
        "below": Folder(own / "custom"),
        "builtin origin": Folder(tmp_path, Origin.BUILTIN),
    }
    before = sorted(own.iterdir())
    folder = ways[way]

    with pytest.raises(UnwritableFile, match="belongs to weft and is never changed"):
        folder.write_new(folder.place("review", "1.0.0"), "text")
    with pytest.raises(UnwritableFile, match="belongs to weft"):
        folder.replace(folder.path / "library.toml", "text")
    with pytest.raises(UnwritableFile, match="belongs to weft"):
        folder.remove(folder.path / "topic_review.md")
    assert sorted(own.iterdir()) == before


def test_file_of_another_folder_is_not_written(folder: Folder, tmp_path: Path) -> None:
    """P14: `custom/../x.md` is not in `custom`."""
    for path in (folder.path / ".." / "x.md", tmp_path / "x.md", folder.path / "below" / "x.md"):
        with pytest.raises(UnwritableFile, match="is not in"):
            folder.write_new(path, "text")

    assert not (tmp_path / "x.md").exists()


def test_replacing_is_whole_or_not_at_all(folder: Folder) -> None:
    """A new content takes the old one's place at once; where it cannot, the old one stays."""
    path = folder.path / "library.toml"
    folder.replace(path, "one")
    folder.replace(path, "two")
    assert path.read_text(encoding="utf-8") == "two"

    (folder.path / "taken").mkdir()
    with pytest.raises(UnwritableFile, match="cannot be written"):
        folder.replace(folder.path / "taken", "text")
    assert sorted(each.name for each in folder.path.iterdir()) == ["library.toml", "taken"]


def test_folder_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    """Where a file stands in the folder's place, writing says so."""
    (tmp_path / "templates").write_text("a file", encoding="utf-8")
    folder = Folder(tmp_path / "templates")

    with pytest.raises(UnwritableFile, match="cannot be written"):
        folder.write_new(folder.place("review", "1.0.0"), "text")
    assert folder.files() == []
