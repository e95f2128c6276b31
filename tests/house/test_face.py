from __future__ import annotations

import subprocess
import sys

import pytest

import weft

CALLABLES = ("estimate", "run", "run_async", "Weft")


def test_exported_names_are_sorted_and_found() -> None:
    """What `weft` exports is sorted, free of doubles, and exists."""
    assert weft.__all__ == sorted(set(weft.__all__))
    assert [name for name in weft.__all__ if not hasattr(weft, name)] == []


def test_face_lists_its_names() -> None:
    """`dir(weft)` shows the exported names, before they were used too."""
    assert set(weft.__all__) <= set(dir(weft))


def test_unknown_name_is_an_attribute_error() -> None:
    """A name that weft does not have is refused as Python does it."""
    with pytest.raises(AttributeError, match="enrich"):
        weft.enrich  # noqa: B018 - asking for it is the test


@pytest.mark.parametrize("name", CALLABLES)
def test_desk_names_can_be_called(name: str) -> None:
    """`weft.run` is the function, although the word `run.py` has the same name."""
    assert callable(getattr(weft, name))


def test_word_does_not_hide_the_function() -> None:
    """Importing the word `weft.run` before or after leaves `weft.run` the function."""
    code = (
        "import weft, weft.run\nfrom weft.run import RunState\nassert callable(weft.run)\n"
        "import weft.run\nfrom weft import run\nassert run is weft.run and callable(run)\n"
        "assert weft.RunState is RunState"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr


def test_version_is_the_installed_one() -> None:
    """`weft.__version__` is a version number."""
    assert weft.__version__[0].isdigit()
