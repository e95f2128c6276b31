"""The pages on modules that run models and gather figures: their specs and their Python work as shown."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.generated import ml_models as models

PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to"


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("run-models.md", ["versicolor 1.0", "versicolor", "refused", "setosa"]),
        ("gather-figures.md", ["1700000040.0 60 0.05605", "1700000100.0 60 0.11605"]),
    ],
)
def test_page_works_as_shown(tmp_path: Path, page: str, shown: list[str]) -> None:
    """V40: the spec of a page becomes a module, and the Python below it runs with it."""
    text = (PAGES / page).read_text(encoding="utf-8")
    [spec] = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    [code] = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    models.linear(tmp_path / "models" / "iris.onnx")
    generated = models.generated_from(spec)
    (tmp_path / generated.path).write_text(generated.text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[: len(shown)] == shown
