from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from weft.errors import UnknownName
from weft.kit.registries import Registry

NUMBERS = count(1)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A drop-in folder with two good files, a broken one, a private one and one without the constant."""
    name = f"dropins{next(NUMBERS)}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "csv.py").write_text("format = {'name': 'csv'}\n")
    (folder / "xlsx.py").write_text("format = {'name': 'xlsx'}\n")
    (folder / "broken.py").write_text("raise ImportError('needs a library')\n")
    (folder / "empty.py").write_text("other = 1\n")
    (folder / "_shared.py").write_text("format = 'private'\n")
    (folder / "recap.md").write_text("# Recap\n")
    (folder / "notes.txt").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    for module in [m for m in sys.modules if m.partition(".")[0] == name]:
        del sys.modules[module]


def registry_of(package: str, **more: Any) -> Registry[Any]:
    """The registry of the folder."""
    return Registry(package, "format", what="table format", **more)


def test_names_are_listed_without_importing(package: str) -> None:
    """The files are the names; a leading underscore means not a drop-in, and nothing is imported."""
    assert registry_of(package).names() == ["broken", "csv", "empty", "xlsx"]
    assert not [m for m in sys.modules if m.startswith(f"{package}.")]


def test_one_dropin_is_loaded_on_first_use(package: str) -> None:
    """Getting one imports one, and the same thing comes back the second time."""
    registry = registry_of(package)

    assert registry.get("csv") == {"name": "csv"}
    assert registry.get("csv") is registry.get("csv")
    assert f"{package}.xlsx" not in sys.modules


def test_unknown_name_says_the_nearest(package: str) -> None:
    """A name that is not there is told with the nearest ones and what it was meant to be."""
    with pytest.raises(UnknownName, match="There is no table format `cvs`") as caught:
        registry_of(package).get("cvs")

    assert caught.value.facts["nearest"] == ["csv"]
    assert "`csv`" in caught.value.hint


@pytest.mark.parametrize("name", ["_shared", "__init__", "notes", "recap", "../csv", "csv.py", ""])
def test_only_dropins_can_be_had(package: str, name: str) -> None:
    """A name never reaches the importer unless it was listed."""
    registry = registry_of(package)

    assert name not in registry
    with pytest.raises(UnknownName):
        registry.get(name)


def test_membership_is_by_name(package: str) -> None:
    """Names are in the registry, other things are not."""
    registry = registry_of(package)

    assert "csv" in registry
    assert 3 not in registry


def test_file_without_the_constant_is_named(package: str) -> None:
    """Whoever wrote a drop-in without its constant learns which one and where."""
    with pytest.raises(TypeError, match=rf"`{package}.empty` has no `format`"):
        registry_of(package).get("empty")


def test_import_error_of_a_dropin_is_its_own(package: str) -> None:
    """A drop-in that cannot be imported fails with its own error, and only when it is asked for."""
    registry = registry_of(package)

    assert registry.get("csv")
    with pytest.raises(ImportError, match="needs a library"):
        registry.get("broken")


def test_other_files_are_dropins_with_a_loader(package: str) -> None:
    """A socket of text files says how to read them; the name is what stands before the ending."""

    def read(name: str, file: Traversable) -> str:
        return f"{name}: {file.read_text().strip()}"

    registry = registry_of(package, suffixes=(".md",), load=read)

    assert registry.names() == ["recap"]
    assert registry.get("recap") == "recap: # Recap"


@pytest.fixture
def third_party(tmp_path: Path, package: str) -> str:
    """An installed distribution that brings formats of its own; returns the group."""
    (tmp_path / f"{package}_plugin.py").write_text(
        "format = {'name': 'theirs'}\ndirect = {'name': 'direct'}\n"
    )
    meta = tmp_path / f"{package}_plugin-1.0.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}-plugin\nVersion: 1.0\n")
    (meta / "entry_points.txt").write_text(
        f"[weft.{package}]\norc = {package}_plugin\navro = {package}_plugin:direct\ncsv = {package}_plugin\n"
    )
    return f"weft.{package}"


def test_entry_points_add_third_party_dropins(package: str, third_party: str) -> None:
    """An entry point names a module with the constant, or the thing itself."""
    registry = registry_of(package)

    assert {"orc", "avro"} <= set(registry.names())
    assert registry.get("orc") == {"name": "theirs"}
    assert registry.get("avro") == {"name": "direct"}
    assert third_party == f"weft.{package}"


def test_dropin_of_the_house_wins(package: str, third_party: str) -> None:
    """A third party cannot take the name of a drop-in that ships with the house."""
    assert registry_of(package, group=third_party).get("csv") == {"name": "csv"}


def test_group_can_be_another(package: str, third_party: str) -> None:
    """A registry looks into its own group only."""
    assert "orc" not in registry_of(package, group="weft.others")
