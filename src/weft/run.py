"""What was asked for and how it goes: RunSpec, Run, RunState and its moves, Tally.

Knows what makes two runs the same errand and which moves a run may make.
Refuses to know rows one by one, files and providers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from weft.errors import ImpossibleMove
from weft.ids import RunId
from weft.money import Budget, Usd


class RunState(StrEnum):
    """Where a run is."""

    DRAFTED = "drafted"
    """Known, its rows are still being read."""
    HELD = "held"
    """Waits for a person's approval."""
    DECLINED = "declined"
    QUEUED = "queued"
    """Its rows are read; it may start."""
    RUNNING = "running"
    PAUSED = "paused"
    """Waits for something outside: a rate limit, an outage, a key, credit. Resume goes on."""
    FINISHED = "finished"
    """Every row is answered, failed or rejected."""
    STOPPED = "stopped"
    """Ended by its budget or by too many failures; the rest is skipped. Resume may go on."""
    CANCELLED = "cancelled"
    """Ended by a person; the rest is skipped. Resume may go on."""


RUN_MOVES: Mapping[RunState, frozenset[RunState]] = {
    RunState.DRAFTED: frozenset({RunState.HELD, RunState.QUEUED, RunState.CANCELLED}),
    RunState.HELD: frozenset({RunState.QUEUED, RunState.DECLINED, RunState.CANCELLED}),
    RunState.DECLINED: frozenset(),
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.RUNNING: frozenset(
        {RunState.PAUSED, RunState.FINISHED, RunState.STOPPED, RunState.CANCELLED, RunState.RUNNING}
    ),
    RunState.PAUSED: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.FINISHED: frozenset({RunState.RUNNING}),
    RunState.STOPPED: frozenset({RunState.RUNNING}),
    RunState.CANCELLED: frozenset({RunState.RUNNING}),
}
"""Allowed moves. `running → running` is a take-over of a dead owner's run;
an ended run moves to `running` when a person resumes it or retries its failed rows."""


def move_run(state: RunState, to: RunState) -> RunState:
    """Return `to` if a run may go there from `state`.

    Raises:
        ImpossibleMove: if the table of moves does not allow it.
    """
    if to not in RUN_MOVES[state]:
        raise ImpossibleMove(f"A run cannot go from `{state}` to `{to}`.", found=state, asked=to)
    return to


class Wish(StrEnum):
    """What somebody wants of a run that another process is at work on; it hears it with its next beat."""

    NONE = ""
    PAUSE = "pause"
    CANCEL = "cancel"

    @property
    def reason(self) -> str:
        """Why a run rests to which this was done."""
        return {Wish.NONE: "", Wish.PAUSE: "paused", Wish.CANCEL: "cancelled"}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """What was asked for, complete: enough to start, to resume and to compare.

    Everything in `identity` changes answers or rows; a resumed run must have the same.
    The rest (pace, packing, budget) may differ between two lives of one run.

    Attributes:
        table: where the rows come from: path and format, or a word for rows in memory.
        table_digest: SHA-256 over the table's bytes, hex; empty for rows in memory.
        columns: the table's columns in order.
        prompter: fingerprint of template, mapping and schema.
        prompter_source: plain JSON from which the desk can rebuild the prompter.
        template: key and version of the template, for people, such as `topic_review 1.0.0`.
        provider, model, base_url: who is asked; `base_url` empty = the provider's own.
        options: decoding parameters as plain JSON.
        fields: answer fields in schema order, for the export's columns.
        fresh: do not recall remembered answers (`--no-cache`).
        rows_per_call: the most rows one call may carry.
    """

    table: str
    table_digest: str
    columns: tuple[str, ...]
    prompter: str
    prompter_source: Mapping[str, Any]
    template: str
    provider: str
    model: str
    base_url: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    fresh: bool = False
    limit: int | None = None
    rows_per_call: int = 20

    @property
    def identity(self) -> dict[str, Any]:
        """What must be equal for a run to be resumed, by name."""
        return {
            "table": self.table,
            "table contents": self.table_digest,
            "columns": list(self.columns),
            "template": self.template,
            "prompt and schema": self.prompter,
            "provider": self.provider,
            "model": self.model,
            "base url": self.base_url,
            "options": dict(self.options),
            "limit": self.limit,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts of a run at one moment.

    Attributes:
        recalled: rows answered from memory or by an identical row; also counted in `answered`.
        asked: rows in calls that were sent and not settled; also counted in `waiting`.
        calls: calls that were sent, whatever came of them.
        spent: settled cost plus what may have been billed; `None` where the price is unknown.
        unsure: the share of `spent` in calls that may or may not have been billed.
        reserved: set aside for calls in flight; zero at rest.
        unknown_calls: number of calls that may or may not have been billed.
    """

    total: int = 0
    waiting: int = 0
    asked: int = 0
    answered: int = 0
    failed: int = 0
    rejected: int = 0
    skipped: int = 0
    recalled: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    spent: Usd | None = Usd(0)
    unsure: Usd = Usd(0)
    reserved: Usd = Usd(0)
    unknown_calls: int = 0

    @property
    def settled(self) -> int:
        """Rows that have ended."""
        return self.answered + self.failed + self.rejected + self.skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a RunSpec over one table.

    Attributes:
        created_at: seconds since the epoch, UTC.
        epoch: raised whenever a process takes the run over; older epochs change nothing.
        reason: why it is paused, stopped or cancelled: an error code; empty otherwise.
        message: the same as a sentence with its hint.
        elapsed_s: seconds of work over all its lives.
        first_start: when a row was first asked about or recalled, seconds since the epoch; `None` = not yet.
        last_completion: when a row last came to an answer or failed; likewise.
        wish: what its owner is asked for and has not done yet.
        changed: the cursor of its feed: counts what was told of it, so that equal means unchanged.
    """

    id: RunId
    spec: RunSpec
    state: RunState
    created_at: float
    name: str = ""
    budget: Budget = field(default_factory=Budget)
    epoch: int = 0
    reason: str = ""
    message: str = ""
    elapsed_s: float = 0.0
    first_start: float | None = None
    last_completion: float | None = None
    wish: Wish = Wish.NONE
    tally: Tally = field(default_factory=Tally)
    changed: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """What figures are made of: a run without what was asked for word by word.

    Attributes:
        template: as in its spec.
        created_at: seconds since the epoch, UTC.
        tally: its `asked` is not counted and stays zero.
    """

    id: RunId
    template: str
    provider: str
    model: str
    state: RunState
    created_at: float
    elapsed_s: float
    tally: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class RowEstimate:
    """What asking about one row is expected to take; a recalled or rejected row takes nothing."""

    place: int
    input_tokens: int
    output_tokens: int
    cost: Usd | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a run is expected to take; nothing was asked and nothing written.

    Attributes:
        rows: all rows of the table; `rejected`, `recalled` and `twins` of them are not asked
            (unfit, remembered, identical to an earlier row).
        calls: packs that would be sent.
        pack_sizes: rows of each of the first packs (at most 20 of them).
        input_tokens, output_tokens: expected over all calls, system text and schema included.
        cost: expected; `None` where the price is unknown.
        cost_limit: upper bound by the reservations the run would make; `None` likewise.
        tokens_limit: likewise in tokens.
        first_call: the upper bound of the first call; a smaller budget asks nothing.
        seconds: expected duration by pack size, rate limits and concurrency, at `call_s` a call.
        per_row: every row's share, in order; empty unless asked for.
        warnings: sentences about 90 % of a budget and the like.
        errors: sentences why the run would not start.
        problems: the first complaints about rejected rows, as sentences with their lines.
    """

    rows: int
    rejected: int
    recalled: int
    twins: int
    calls: int
    pack_sizes: tuple[int, ...]
    input_tokens: int
    output_tokens: int
    cost: Usd | None
    cost_limit: Usd | None
    tokens_limit: int
    first_call: Usd | None
    seconds: float
    call_s: float
    per_row: tuple[RowEstimate, ...] = ()
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def total_tokens(self) -> int:
        """Input and output tokens expected."""
        return self.input_tokens + self.output_tokens

    @property
    def within_budget(self) -> bool:
        """Whether the run would start."""
        return not self.errors
