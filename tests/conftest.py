"""What holds for every test: nothing comes from this machine's own settings, keys and files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Laws must hold on a slow machine too, and be the same laws in every run.
settings.register_profile("weft", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("weft")

SECRETS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Take away keys and settings of the machine; give an empty home."""
    home = tmp_path_factory.mktemp("home")
    for name in [*SECRETS, *(each for each in os.environ if each.startswith("WEFT_"))]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    return home
