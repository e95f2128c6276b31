"""The page about keys is followed word for word, by somebody with a home of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.stories.test_documents import CONSOLE, ROOT

PAGE = ROOT / "docs/how-to/keys.md"


def test_page_about_keys_can_be_followed(tmp_path: Path) -> None:
    """Every `$ …` line of the page runs, in order; at the end the key is kept under the newest master key."""
    shutil.copy(ROOT / "examples" / "topics.csv", tmp_path)
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(tmp_path / "home"),
        "OPENAI_API_KEY": "sk-planted-0123456789abcdef",
        "ROUTER_KEY": "sk-another-0123456789abcdef",
    }
    said = ""
    scripts = [re.sub(r"^\$ ", "", each, flags=re.MULTILINE) for each in CONSOLE.findall(PAGE.read_text())]
    for script in scripts:
        done = subprocess.run(
            ["sh", "-ec", script],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, script + done.stdout + done.stderr
        said += done.stdout + done.stderr

    assert len(scripts) == 5
    assert "openrouter.ai:443" in said
    assert "Needed no more by this store" in said
    assert "planted-0123" not in said
