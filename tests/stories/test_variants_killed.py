"""A run that gives each row its prompt is killed in the middle and goes on, with the real command."""

from __future__ import annotations

import csv
import signal
from pathlib import Path

from tests.stories.test_cli_stopping import SLOW, start, wait_for
from tests.unit.cli.conftest import Serving

ROWS = [f"Note {n}." if n % 2 else f"The crane number {n} stood still. " * 12 for n in range(6)]


def test_killed_run_by_variants_goes_on(tmp_path: Path) -> None:
    """L1, V43: after a kill the same command answers every row by its own prompt; only the open call is asked again."""
    with (tmp_path / "notes.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text"], *([text] for text in ROWS)])
    with Serving(SLOW) as server:
        command = [
            "run", "--variants", "summary", "notes.csv", "--model", "openai/m", "--base-url", f"{server.url}/v1",
            "--rows-per-call", "1", "--concurrency", "1", "--out", "o.csv",
        ]  # fmt: skip
        process = start(tmp_path, *command)
        wait_for(process, "Batch 3/6")
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        asked = server.requests

        done = start(tmp_path, *command)
        _, err = done.communicate(timeout=60)

        assert done.returncode == 0, err
        assert 2 <= asked < len(ROWS)
        assert server.requests <= len(ROWS) + 1
    with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [row["text"] for row in found] == ROWS
    assert all(row["summary"] for row in found)
