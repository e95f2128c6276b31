from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest
from tests.house.source import house

WITH_EXAMPLES = sorted(
    f"weft.{m.path.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}"
    for m in house()
    if ">>> " in m.text
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings_are_true(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a docstring shows after `>>>` happens, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    found = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)

    assert found.failed == 0
