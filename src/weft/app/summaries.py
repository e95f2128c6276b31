"""How a run stands, in one value: counts, tokens, money, time, and what to tell about its end.

Knows how a run's tally is counted for people, and which error an ended run amounts to.
Refuses to know terminals: the words and colours around these figures are the doors'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weft import errors
from weft.errors import Cancelled, Halt, Outage, WeftError, code_of
from weft.money import Usd
from weft.run import Estimate, Run, RunState

UNFINISHED = frozenset(
    {
        RunState.DRAFTED,
        RunState.QUEUED,
        RunState.RUNNING,
        RunState.PAUSED,
        RunState.STOPPED,
        RunState.CANCELLED,
    }
)
"""States from which `resume` goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """Counts and cost of a run.

    Attributes:
        total: rows of the table; every row is in exactly one of `recalled`, `answered`, `failed`,
            `rejected`, `skipped`, `waiting`.
        recalled: answered from memory or by an identical row, at no cost.
        answered: answered by a call of this run.
        spent: what the run cost, calls that failed or may have been billed included;
            `None` where the price is not known.
        unsure: the part of `spent` in calls that may or may not have been billed.
        elapsed_s: seconds of work over all lives of the run.
        first_start: when a row was first asked about or recalled, seconds since the epoch; `None` = not yet.
        last_completion: when a row last came to an answer or failed; likewise.
        wish: `pause` or `cancel` if that is wished and not done yet; empty = nothing.
        rows_per_s: rows that ended per second of work; `None` where no time was measured or nothing was asked.
        success_rate: share of rows with an answer, 0 to 1; `None` for an empty table.
    """

    run: str
    name: str
    state: str
    reason: str
    message: str
    template: str
    model: str
    table: str
    total: int
    recalled: int
    answered: int
    failed: int
    rejected: int
    skipped: int
    waiting: int
    calls: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    spent: Usd | None
    unsure: Usd
    unknown_calls: int
    elapsed_s: float
    rows_per_s: float | None
    success_rate: float | None
    first_start: float | None = None
    last_completion: float | None = None
    wish: str = ""

    def plain(self) -> dict[str, Any]:
        """The same as plain JSON; money as exact dollars in text, `None` where it is not known."""
        found = {name: getattr(self, name) for name in self.__slots__}
        for name in ("spent", "unsure"):
            amount = found.pop(name)
            found[f"{name}_usd"] = dollars(amount)
        return found


def dollars(amount: Usd | None) -> str | None:
    """Write an amount as exact dollars without a sign, such as `0.0123`; `None` stays unknown."""
    return None if amount is None else format(amount.dollars.normalize(), "f")


def summarise(run: Run) -> RunSummary:
    """Count a run."""
    tally = run.tally
    return RunSummary(
        run=run.id,
        name=run.name,
        state=run.state.value,
        reason=run.reason,
        message=run.message,
        template=run.spec.template,
        model=f"{run.spec.provider}/{run.spec.model}",
        table=run.spec.table,
        total=tally.total,
        recalled=tally.recalled,
        answered=tally.answered - tally.recalled,
        failed=tally.failed,
        rejected=tally.rejected,
        skipped=tally.skipped,
        waiting=tally.waiting,
        calls=tally.calls,
        input_tokens=tally.input_tokens,
        output_tokens=tally.output_tokens,
        cached_input_tokens=tally.cached_input_tokens,
        spent=tally.spent,
        unsure=tally.unsure,
        unknown_calls=tally.unknown_calls,
        elapsed_s=run.elapsed_s,
        rows_per_s=tally.settled / run.elapsed_s if tally.calls and run.elapsed_s > 0 else None,
        success_rate=tally.answered / tally.total if tally.total else None,
        first_start=run.first_start,
        last_completion=run.last_completion,
        wish=run.wish.value,
    )


def plain_estimate(estimate: Estimate) -> dict[str, Any]:
    """A projection as plain JSON; money as exact dollars in text, `None` where it is not known."""
    e = estimate
    return {
        "rows": e.rows,
        "recalled": e.recalled,
        "identical": e.twins,
        "rejected": e.rejected,
        "calls": e.calls,
        "pack_sizes": list(e.pack_sizes),
        "input_tokens": e.input_tokens,
        "output_tokens": e.output_tokens,
        "total_tokens": e.total_tokens,
        "tokens_limit": e.tokens_limit,
        "cost_usd": dollars(e.cost),
        "cost_limit_usd": dollars(e.cost_limit),
        "first_call_usd": dollars(e.first_call),
        "seconds": e.seconds,
        "call_s": e.call_s,
        "within_budget": e.within_budget,
        "warnings": list(e.warnings),
        "errors": list(e.errors),
        "problems": list(e.problems),
        "per_row": [
            {
                "row": r.place,
                "input_tokens": r.input_tokens,
                "output_tokens": r.output_tokens,
                "cost_usd": dollars(r.cost),
            }
            for r in e.per_row
        ],
    }


def error_of(run: Run) -> WeftError | None:
    """The error that the end of a run amounts to; `None` for a finished run or one at work.

    The class tells who must act next: it follows the run's reason, or else its state.
    """
    if run.state not in {RunState.PAUSED, RunState.STOPPED, RunState.CANCELLED}:
        return None
    kind = _BY_CODE.get(run.reason) or _BY_STATE[run.state]
    sentence, _, hint = run.message.partition("\nhint: ")
    return kind(sentence or f"The run is {run.state}.", hint=hint, run=run.id, state=run.state.value)


_BY_STATE: dict[RunState, type[WeftError]] = {
    RunState.PAUSED: Outage,
    RunState.STOPPED: Halt,
    RunState.CANCELLED: Cancelled,
}

_BY_CODE: dict[str, type[WeftError]] = {
    code_of(each): each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, WeftError)
}
