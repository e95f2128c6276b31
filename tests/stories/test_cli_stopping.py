"""A person stops a run and goes on later, with the real command in a process of its own."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.cli.conftest import TOPICS, Serving

from weft.testing.mock_options import MockOptions

SLOW = MockOptions(latency_ms=250)  # long enough to be stopped in the middle of a call


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the real command in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "weft", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process: subprocess.Popen[str], text: str) -> list[str]:
    """Read stderr until a line holds the text."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if text in line:
            return seen
    raise AssertionError(f"{text!r} was not said: {seen}")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_stopped_run_goes_on_without_paying_twice(tmp_path: Path, signum: signal.Signals) -> None:
    """L2, I20: one signal lets the call in flight end, says how to go on, and nothing is paid twice."""
    (tmp_path / "topics.csv").write_text(TOPICS, encoding="utf-8")
    with Serving(SLOW) as server:
        asks = [
            "--model",
            "openai/m",
            "--base-url",
            f"{server.url}/v1",
            "--rows-per-call",
            "1",
            "--concurrency",
            "1",
        ]
        process = start(tmp_path, "run", "topic_review", "topics.csv", *asks, "--out", "o.csv")
        wait_for(process, "Batch 2/5")

        process.send_signal(signum)
        out, err = process.communicate(timeout=30)

        assert process.returncode == 3, err
        assert "Stopping: answers in flight are awaited" in err
        assert "Newly enriched: 2" in out
        assert "Still waiting: 3" in out
        assert not (tmp_path / "o.csv").exists()

        command = re.search(r"`weft (resume r\w+ --out o\.csv[^`]*)`", err)
        assert err.count("`weft resume") == 1  # said once, with the run's id
        assert command, err
        done = start(tmp_path, *command[1].split())
        out, err = done.communicate(timeout=30)

        assert done.returncode == 0, err
        assert server.requests == 5
    with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as file:
        assert [bool(row["tldr"]) for row in csv.DictReader(file)] == [True] * 5


def test_second_signal_leaves_at_once(tmp_path: Path) -> None:
    """L2: a second Ctrl-C does not wait; the run can still be resumed, right away."""
    (tmp_path / "topics.csv").write_text(TOPICS, encoding="utf-8")
    with Serving(MockOptions(latency_ms=20_000)) as server:
        process = start(
            tmp_path,
            "run",
            "topic_review",
            "topics.csv",
            "--model",
            "openai/m",
            "--base-url",
            f"{server.url}/v1",
        )
        wait_for(process, "Batch 1/1")
        process.send_signal(signal.SIGINT)
        wait_for(process, "Stopping")

        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)

        assert process.returncode == 130
        assert "weft resume r" in err
    with Serving(MockOptions()) as server:
        done = start(
            tmp_path,
            "run",
            "topic_review",
            "topics.csv",
            "--model",
            "openai/m",
            "--base-url",
            f"{server.url}/v1",
        )
        _, err = done.communicate(timeout=30)

    assert done.returncode == 0, err


def test_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    """Whoever stops reading our output gets no traceback in return."""
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m weft templates show topic_review | head -1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("topic_review")
