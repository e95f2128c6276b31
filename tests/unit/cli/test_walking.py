"""What a stopped run tells to do next works when it is pasted: the parser reads it, and it goes on."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest
from tests.unit.cli.lines import check_line, hinted_in

from weft.cli.asking import EXPORT, RECORDS, SETTINGS
from weft.cli.commands.run import wanted_of
from weft.cli.console import Console
from weft.cli.walking import _tell_resume
from weft.ids import RunId
from weft.run import Run, RunSpec, RunState, Tally

OWN_PRICES = '[openai.models]\n"gpt-4o-mini" = { input = 0.15, output = 0.60 }\n'


@pytest.fixture
def priced(ask, folder) -> list[str]:
    """Flags that ask the mock server and state what it charges."""
    (folder / "prices.toml").write_text(OWN_PRICES, encoding="utf-8")
    return [*ask, "--prices", "prices.toml"]


def resume_line(said) -> str:
    """The one line that goes on."""
    lines = [line for line in hinted_in(said.err) if line.startswith("weft resume")]
    assert len(lines) == 1, said.err
    return lines[0]


@pytest.mark.parametrize(
    "limit", ["--budget-usd 0.00001", "--budget-tokens 5", "--budget-usd 9 --budget-tokens 5"]
)
def test_hint_after_a_budget_stop_goes_on(weft, server, priced, folder, limit: str) -> None:
    """The hint names a budget that holds the rest, so that pasting it finishes the run."""
    flags = [*priced, *limit.split(), "--out", "o.csv", "--rows-per-call", "2", "--store", "own.db", "--meta"]
    stopped = weft("run", "topic_review", "topics.csv", *flags)

    line = resume_line(stopped)
    done = weft(*shlex.split(line)[1:])

    assert stopped.code == 3
    assert done.code == 0, done.err
    assert server.requests == 3
    assert "state" in (folder / "o.csv").read_text(encoding="utf-8").splitlines()[0]
    assert 0 < float(line.split(limit.split()[-2])[1].split()[0]) < 100_000


def test_status_after_a_budget_stop_goes_on(weft, priced) -> None:
    """`weft status` names such a budget too, and the store where the run is."""
    weft("run", "topic_review", "topics.csv", *priced, "--budget-tokens", "5", "--store", "own.db")

    (line,) = hinted_in(weft("status", "--store", "own.db").out)

    assert weft(*shlex.split(line)[1:]).code == 0


def test_hint_stays_when_no_amount_is_known(weft, priced, folder) -> None:
    """A price file that is gone leaves the hint without an amount, and raises nothing."""
    weft("run", "topic_review", "topics.csv", *priced, "--budget-usd", "0.00001")
    (folder / "weft.toml").write_text('prices = "gone.toml"\n', encoding="utf-8")

    said = weft("status")

    assert said.code == 0
    (line,) = hinted_in(said.out)
    assert "--budget" not in line


@pytest.mark.parametrize("verb", ["resume", "export"])
def test_lines_of_a_stop_can_be_pasted(
    verb: str, capsys: pytest.CaptureFixture[str], every: Callable[..., dict]
) -> None:
    """Whatever flags a run was given, each told command takes the flags that it is told with."""
    given = every(out="k 5.csv", form="csv", meta=True, raw=True, output_dir="d", store="a.db",
                  rows_per_call="3", concurrency="1", rpm="5", prices="p.toml", budget_usd="1", timeout_s="9")  # fmt: skip
    console = Console()

    _tell_resume(console, _stopped(), wanted_of(console, given))

    (line,) = [each for each in hinted_in(capsys.readouterr().err) if each.startswith(f"weft {verb}")]
    check_line(line)
    assert "--out 'k 5.csv' --format csv --output-dir d --store a.db --meta --raw" in line
    assert ("--rows-per-call 3" in line) == (verb == "resume")


@pytest.fixture
def every() -> Callable[..., dict]:
    """All flags of `weft run`, not given but for those that are named."""

    def flags(**given) -> dict:
        return {flag.name: flag.default for flag in (*EXPORT, RECORDS, *SETTINGS)} | given

    return flags


def _stopped() -> Run:
    spec = RunSpec(
        table="t.csv", table_digest="0", columns=("a",), prompter="p", prompter_source={}, template="t",
        provider="local", model="m", options={}, fields=("x",),
    )  # fmt: skip
    return Run(
        id=RunId("r1"), spec=spec, state=RunState.PAUSED, created_at=0.0, tally=Tally(total=2, waiting=2)
    )
