"""Which run goes on."""

from __future__ import annotations

import pytest

from weft.app.resuming import check_same, check_template
from weft.app.summaries import error_of, summarise
from weft.errors import Cancelled, ChangedSpec, Halt, NotAuthorised, Outage
from weft.money import Usd
from weft.run import Run, RunSpec, RunState, Tally

SPEC = RunSpec(
    table="/t.csv",
    table_digest="d",
    columns=("a",),
    prompter="p",
    prompter_source={},
    template="t 1.0.0",
    provider="openai",
    model="m",
)


def run_in(state: RunState, reason: str = "", message: str = "", **tally: int) -> Run:
    return Run(
        id="r1",
        spec=SPEC,
        state=state,
        created_at=0.0,
        reason=reason,
        message=message,
        tally=Tally(**tally),
        elapsed_s=2.0,
    )


def test_difference_shows_both_values() -> None:
    """L14: each part that changed is named with its value then and now."""
    with pytest.raises(ChangedSpec) as caught:
        check_same(run_in(RunState.PAUSED), {"model": "n", "provider": "openai"})

    assert "model: `m` → `n`" in caught.value.message
    assert caught.value.facts["changed"] == {"model": ["m", "n"]}


def test_long_difference_is_cut() -> None:
    """Of two very different templates the first lines are shown and the rest is counted."""
    with pytest.raises(ChangedSpec) as caught:
        check_template(run_in(RunState.PAUSED), "same\n" + "a\n" * 30, "same\n" + "b\n" * 30)

    assert len(caught.value.facts["problems"]) == 13
    assert caught.value.facts["problems"][-1] == "… and 48 more lines"


@pytest.mark.parametrize(
    ("state", "reason", "kind"),
    [
        (RunState.FINISHED, "", None),
        (RunState.RUNNING, "", None),
        (RunState.PAUSED, "not_authorised", NotAuthorised),
        (RunState.PAUSED, "cancelled", Cancelled),
        (RunState.PAUSED, "something_new", Outage),
        (RunState.STOPPED, "", Halt),
        (RunState.CANCELLED, "", Cancelled),
    ],
)
def test_end_of_a_run_is_an_error(state, reason, kind) -> None:
    """The reason of a run that did not finish becomes the error that says who must act."""
    error = error_of(run_in(state, reason, "Sentence.\nhint: Next."))

    assert type(error) is (type(None) if kind is None else kind)
    if error is not None:
        assert (error.message, error.hint) == ("Sentence.", "Next.")


def test_summary_adds_up() -> None:
    """I1, T23: every row is in exactly one count; answered rows of all rows are the success rate."""
    found = summarise(
        run_in(
            RunState.FINISHED,
            total=10,
            answered=6,
            recalled=2,
            failed=1,
            rejected=1,
            skipped=1,
            waiting=1,
            calls=2,
        )
    )

    assert (
        found.recalled + found.answered + found.failed + found.rejected + found.skipped + found.waiting == 10
    )
    assert found.success_rate == pytest.approx(0.6)
    assert found.rows_per_s == pytest.approx(4.5)


def test_empty_summary_divides_nothing() -> None:
    """P44: no rows, no rate; an unknown price stays unknown."""
    found = summarise(
        Run(id="r", spec=SPEC, state=RunState.FINISHED, created_at=0.0, tally=Tally(spent=None))
    )

    assert found.success_rate is None
    assert found.rows_per_s is None
    assert found.plain()["spent_usd"] is None
    assert summarise(run_in(RunState.FINISHED)).plain()["spent_usd"] == str(int(Usd(0)))
