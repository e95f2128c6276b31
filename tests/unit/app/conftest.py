"""An empty folder to work in, and a scripted model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from weft.testing.scripted import ScriptedProvider

ROWS = [{"id": n, "body": f"message {n}"} for n in range(5)]
QUICK = {"prompt": "Rate {{ body }}", "fields": ["tone: enum[calm,angry]"]}


def calm(found: Any) -> Mapping[str, Any]:
    """Find every row calm."""
    del found
    return {"tone": "calm"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def provider() -> ScriptedProvider:
    """A model that finds every row calm and counts what it is asked."""
    return ScriptedProvider(calm)
