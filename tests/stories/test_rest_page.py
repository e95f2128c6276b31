"""The page about an errand over HTTP is followed word for word, in one terminal, against a real server."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.stories.test_documents import CONSOLE, ROOT
from tests.stories.test_serve import start
from tests.stories.test_serve_runs import end

PAGE = ROOT / "docs/how-to/rest.md"
PORT = "8753"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page asks with curl")
def test_page_can_be_followed(tmp_path: Path) -> None:
    """W33-W38, W41, W48, W53: every line runs, and the files that it writes hold what the page says."""
    script = "\n".join(CONSOLE.findall(PAGE.read_text(encoding="utf-8")))
    server = start(tmp_path)
    try:
        done = subprocess.run(
            ["sh", "-ec", re.sub(r"^\$ ", "", script, flags=re.MULTILINE).replace(PORT, server.url.rpartition(":")[2])],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "no_proxy": "*"},
        )  # fmt: skip
    finally:
        end(server)

    assert done.returncode == 0, done.stdout + done.stderr
    with (tmp_path / "answers.csv").open(encoding="utf-8", newline="") as file:
        answers = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text("utf-8").splitlines()]
    assert [each["contact"] for each in answers] == ["ann@shop.example", "bob@shop.example", ""]
    assert [(each["state"], each["row"]) for each in lines] == [
        ("answered", 0),
        ("answered", 1),
        ("failed", 2),
    ]
    assert '"codes":"' in done.stdout
    assert '"path":"body.prompt.line.1"' in done.stdout
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["warnings"] == []
