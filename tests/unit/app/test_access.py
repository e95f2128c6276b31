from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from weft.app.access import LIFE_S, AccessDesk
from weft.app.opening import look_around
from weft.app.stores import Stores
from weft.errors import UnwritableFile
from weft.kit.clocks import VirtualClock


def open_desk(folder: Path, store: str = "", *, later_s: float = 0) -> AccessDesk:
    """The desk of a project; its clock shows the time of the files, and so much more."""
    around = look_around({"store": store or None}, start=folder)
    now = folder.stat().st_mtime
    clock = VirtualClock(wall=now + 1 + later_s)
    return AccessDesk(around, Stores(around.settings, clock=clock), clock=clock)


def test_key_is_kept_for_its_owner(folder: Path) -> None:
    """S31: the key lies beside the store, only its owner may read it, and it is the same next time."""
    made = open_desk(folder).keep()

    assert made.path == folder / ".weft/weft.db.key"
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert len(made.text) == 43
    assert open_desk(folder).keep() == made == open_desk(folder).find()
    assert made.text not in repr(made)


def test_old_key_is_replaced(folder: Path) -> None:
    """A key serves a week at most."""
    made = open_desk(folder).keep()

    assert open_desk(folder, later_s=LIFE_S + 60).keep().text != made.text


@pytest.mark.parametrize("harm", ["readable", "linked", "cut", "foreign bytes", "long"])
def test_doubtful_key_is_replaced(folder: Path, harm: str) -> None:
    """A key that others could have read, or that is none, is trusted by nobody and made anew."""
    made = open_desk(folder).keep()
    if harm == "readable":
        made.path.chmod(0o640)
    elif harm == "linked":
        made.path.rename(folder / "elsewhere")
        made.path.symlink_to(folder / "elsewhere")
    else:
        made.path.write_bytes({"cut": b"short\n", "foreign bytes": b"\xff" * 43, "long": b"k" * 5_000}[harm])

    assert open_desk(folder).find() is None
    fresh = open_desk(folder).keep()
    assert fresh.text != made.text
    assert not made.path.is_symlink()
    assert open_desk(folder).find() == fresh


def test_no_key_is_no_error(folder: Path) -> None:
    """Looking for a key makes none."""
    assert open_desk(folder).find() is None
    assert not (folder / ".weft").exists()


def test_key_without_a_file_store_lies_in_the_project(folder: Path) -> None:
    """A store in a server has no folder; its key lies in the project's."""
    desk = open_desk(folder, "postgresql://me@db.example/weft")

    assert desk.path == folder / ".weft/server.key"


@pytest.mark.skipif(os.name == "nt", reason="rights are told in other ways there")
def test_unwritable_folder_is_a_sentence(folder: Path) -> None:
    """Where the key cannot be kept the server does not start without one."""
    (folder / ".weft").write_text("in the way", encoding="utf-8")

    with pytest.raises(UnwritableFile, match="key"):
        open_desk(folder).keep()
