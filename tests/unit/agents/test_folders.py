"""Which files an agent may let weft read."""

from __future__ import annotations

import pytest

from weft.agents.folders import Folders
from weft.errors import Mistake, UnreadableTable


@pytest.fixture
def folders(tmp_path):
    """Two folders that may be read, beside one that may not."""
    for name in ("one", "two/below", "secret"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "one" / "a.csv").write_text("a\n1\n")
    (tmp_path / "two" / "below" / "b.csv").write_text("b\n1\n")
    (tmp_path / "secret" / "s.csv").write_text("s\n1\n")
    (tmp_path / "one" / "out.csv").symlink_to(tmp_path / "secret" / "s.csv")
    (tmp_path / "one" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "one" / "across.csv").symlink_to(tmp_path / "two" / "below" / "b.csv")
    (tmp_path / "one" / "loop.csv").symlink_to(tmp_path / "one" / "loop.csv")
    return Folders([tmp_path / "one", tmp_path / "two"])


@pytest.mark.parametrize("path", ["a.csv", "./a.csv", "below/b.csv", "across.csv", "below/../below/b.csv"])
def test_files_below_are_found(folders, path):
    """A relative path is looked for in each folder; a link within them is fine."""
    assert folders.find(path).is_file()


def test_whole_paths_are_found(folders, tmp_path):
    """A path from the root is fine where it leads into a folder."""
    assert folders.find(str(tmp_path / "one" / "a.csv")).name == "a.csv"


@pytest.mark.parametrize(
    "path",
    ["../secret/s.csv", "out.csv", "out/s.csv", "loop.csv", "one", "below", "", ".", "a.csv\0", "no.csv",
     "/etc/passwd", "x" * 5000, "~/a.csv", "a.csv/../../secret/s.csv"],
)  # fmt: skip
def test_files_elsewhere_are_not_there(folders, path):
    """Links, dots and roots that lead out, and what is no file, are all told alike."""
    with pytest.raises(UnreadableTable) as refused:
        folders.find(path)

    assert "in the folders that may be read" in refused.value.message


def test_secret_is_not_told_apart_from_nothing(folders, tmp_path):
    """Nobody learns from a refusal whether a file elsewhere exists."""
    texts = set()
    for name in ("secret/s.csv", "secret/none.csv"):
        with pytest.raises(UnreadableTable) as refused:
            folders.find(str(tmp_path / name))
        texts.add(refused.value.message.replace(name, ""))

    assert len(texts) == 1


def test_folder_must_be_there(tmp_path):
    """A folder that is none is a mistake of who starts the session."""
    with pytest.raises(Mistake):
        Folders([tmp_path / "none"])
