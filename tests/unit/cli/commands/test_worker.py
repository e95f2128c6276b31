from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from weft.cli.crew import FIRST_WAIT_S, Crew
from weft.cli.main import main
from weft.kit.clocks import SystemClock, VirtualClock


@pytest.mark.parametrize("lanes", ["0", "65", "-1"])
def test_impossible_lanes_are_refused(lanes: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A number of lanes that makes no sense is refused before anything is opened."""
    assert main(["worker", "--lanes", lanes]) == 2
    assert "expected 1 to 64" in capsys.readouterr().err


def test_impossible_workers_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """So is a number of processes."""
    assert main(["serve", "--workers", "65"]) == 2
    assert "expected 0 to 64" in capsys.readouterr().err


def test_unknown_workspace_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker for a workspace that there is not does not start, and no store is made."""
    monkeypatch.chdir(tmp_path)

    assert main(["worker", "--workspace", "hom"]) == 2
    assert "did you mean `home`?" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_worker_of_a_team_refuses_what_is_unsafe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker for a team starts with nothing that the server would not start with."""
    monkeypatch.chdir(tmp_path)

    assert main(["worker", "--team"]) == 2
    assert "safe for one person only" in capsys.readouterr().err


async def test_worker_that_dies_at_once_is_not_started_at_once() -> None:
    """The pause before another start doubles with every death."""
    said: list[str] = []
    clock = VirtualClock(auto=False)
    crew = Crew(["--lanes", "0"], count=1, clock=clock, patience_s=1)  # it refuses to start
    stop = asyncio.Event()
    crew.begin(stop, said.append)
    for number in range(2):
        while len(said) <= number:
            await SystemClock().sleep(0.02)
        clock.advance(FIRST_WAIT_S * 2**number)
    stop.set()
    await crew.end()

    assert said == [
        "A worker ended with exit code 2; another one starts in 0.5 s.",
        "A worker ended with exit code 2; another one starts in 1 s.",
    ]
