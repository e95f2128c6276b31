from __future__ import annotations

import stat
from base64 import b64encode, urlsafe_b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from weft.app.masters import masters_of, new_master, put_first, read_masters
from weft.app.opening import Surroundings, look_around, new_bytes
from weft.app.team import surroundings_of
from weft.errors import BadSetting, UnwritableFile

ONE, TWO = b"\xfb\xff" * 16, b"\2" * 32
TEXT, OTHER = b64encode(ONE).decode(), b64encode(TWO).decode()


def around(folder: Path, **variables: str) -> Surroundings:
    """What a process finds that has these variables and a home of its own."""
    return look_around(start=folder, environment={"HOME": str(folder / "home"), **variables})


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    """A file with these rights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_no_master_key_is_no_mistake(tmp_path: Path) -> None:
    """Where nobody has made one there is none."""
    assert masters_of(around(tmp_path)) == []


@pytest.mark.parametrize("between", [" ", "\n", ",", ", ", "\n# older\n\n"])
def test_several_are_read_newest_first(tmp_path: Path, between: str) -> None:
    """S46: for a rotation several are given at once; comments in a file are left out."""
    variable = around(tmp_path, WEFT_MASTER_KEY=f"{TEXT}{between}{OTHER}")
    file = write(tmp_path / "m", f"{TEXT}{between}{OTHER}\n")

    assert [each.key for each in masters_of(variable)] == [ONE, TWO]
    assert [each.key for each in masters_of(around(tmp_path, WEFT_MASTER_KEY_FILE=str(file)))] == [ONE, TWO]


def test_both_alphabets_of_base64_are_read() -> None:
    """Tools write base64 with `+/` or with `-_`."""
    assert read_masters(urlsafe_b64encode(ONE).decode(), "x") == read_masters(TEXT, "x")


def test_file_of_the_user_is_found(tmp_path: Path) -> None:
    """On a person's own machine nothing needs to be set; a workspace of a team has no such file."""
    write(tmp_path / "home/.config/weft/master.key", TEXT)

    assert [each.key for each in masters_of(around(tmp_path))] == [ONE]
    assert masters_of(replace(around(tmp_path), apart=True)) == []


def test_workspaces_have_the_servers_master_key(tmp_path: Path) -> None:
    """Whatever way a server finds its master key, its workspaces find the same one."""
    write(tmp_path / "home/.config/weft/master.key", TEXT)

    for variables in ({}, {"WEFT_MASTER_KEY": OTHER}):
        home = around(tmp_path, **variables)
        assert masters_of(surroundings_of(home, "emea")) == masters_of(home)


def test_named_file_starts_at_the_current_folder(tmp_path: Path) -> None:
    """A relative path in `WEFT_MASTER_KEY_FILE` is one of the process."""
    write(tmp_path / "keys/m", TEXT)

    assert masters_of(around(tmp_path, WEFT_MASTER_KEY_FILE="keys/m"))[0].key == ONE


@pytest.mark.parametrize("text", [TEXT[:-8], TEXT + "AAAA", "secret words", "", "  \n", f"{TEXT} short"])
def test_wrong_master_key_is_not_repeated(tmp_path: Path, text: str) -> None:
    """A text that is no master key is refused by its number and its place; what it says is not told."""
    path = write(tmp_path / "m", text)

    with pytest.raises(BadSetting) as caught:
        masters_of(around(tmp_path, WEFT_MASTER_KEY_FILE=str(path)))

    assert "new-master" in caught.value.hint
    assert not [word for word in text.split() if word in str(caught.value)]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o602])
def test_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """S46: a master key that others could have read is refused with the way out."""
    path = write(tmp_path / "m", TEXT, mode)

    with pytest.raises(BadSetting, match="others") as caught:
        masters_of(around(tmp_path, WEFT_MASTER_KEY_FILE=str(path)))

    assert "chmod 600" in caught.value.hint


def test_missing_file_is_a_sentence(tmp_path: Path) -> None:
    """A file that is named and not there is a mistake."""
    with pytest.raises(BadSetting, match="cannot be read"):
        masters_of(around(tmp_path, WEFT_MASTER_KEY_FILE="nowhere"))


def test_newest_is_put_first(tmp_path: Path) -> None:
    """A new master key seals from now on, those before it still open, and only the owner may read them."""
    path = tmp_path / "home/.config/weft/master.key"

    counts = [put_first(path, TEXT), put_first(path, OTHER)]

    assert counts == [1, 2]
    assert [each.key for each in masters_of(around(tmp_path))] == [TWO, ONE]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["master.key"]


def test_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """A file that holds no master keys is not written over."""
    path = write(tmp_path / "m", "my notes\n")

    with pytest.raises(BadSetting):
        put_first(path, TEXT)

    assert path.read_text() == "my notes\n"


def test_unwritable_place_is_a_sentence(tmp_path: Path) -> None:
    """A folder that cannot be made is told by its path."""
    write(tmp_path / "file", "x")

    with pytest.raises(UnwritableFile, match="file"):
        put_first(tmp_path / "file/below/m", TEXT)


def test_master_keys_do_not_show() -> None:
    """A master key and its id tell nothing; every one is new."""
    one, text = new_master(new_bytes)
    other, _ = new_master(new_bytes)

    assert one != other
    assert read_masters(text, "x") == [one]
    assert text not in repr(one) + one.id
    assert one.key.hex() not in repr(one) + one.id
