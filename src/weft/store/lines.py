"""The lines that transactions read and change: a run's account and a call's progress.

Knows their fields and the statements that read and write them whole.
Refuses to know which change is allowed: `ledger.py` and `runs.py` decide that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import bindparam, select, update

from weft.call import CallState
from weft.ids import CallId, RunId
from weft.run import RunState
from weft.store.sql import Sql
from weft.store.tables import CALL_CODES, CALL_STATES, SPOTS_PER_RUN, calls, runs

Held = tuple[str, int, int]
"""Owner, beats and epoch of a run: if none of them changes, nobody is at work."""


@dataclass(slots=True)
class RunLine:
    """What a transaction may need of a run: its owner, its money, its state; as in `tables.runs`."""

    seq: int
    id: RunId
    name: str
    state: RunState
    budget_usd: int | None
    budget_tokens: int | None
    spent: int | None
    unsure: int
    reserved: int
    spent_tokens: int
    reserved_tokens: int
    calls: int
    unknown_calls: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    epoch: int
    owner: str
    beats: int
    elapsed_s: float
    reason: str
    message: str
    counted: str | None
    changed: int
    wish: str
    first_start: float | None
    last_completion: float | None

    @classmethod
    def read(cls, found: Sequence[Any]) -> RunLine:
        """Take a line as the database holds it."""
        line = cls(*found)
        line.state = RunState(line.state)
        return line

    @property
    def held(self) -> Held:
        """By whom it is held, and his signs of life."""
        return self.owner, self.beats, self.epoch

    @property
    def changes(self) -> tuple[Any, ...]:
        """The parameters of `WRITE_RUN`."""
        return (
            self.name, self.state.value, self.budget_usd, self.budget_tokens, self.spent, self.unsure,
            self.reserved, self.spent_tokens, self.reserved_tokens, self.calls, self.unknown_calls,
            self.input_tokens, self.output_tokens, self.cached_input_tokens, self.epoch, self.owner,
            self.beats, self.elapsed_s, self.reason, self.message, self.counted, self.changed, self.wish,
            self.first_start, self.last_completion, self.seq,
        )  # fmt: skip

    @property
    def base(self) -> int:
        """The spot of the run's first row."""
        return self.seq * SPOTS_PER_RUN

    @property
    def end(self) -> int:
        """The spot behind the run's last possible row."""
        return self.base + SPOTS_PER_RUN


@dataclass(slots=True)
class CallLine:
    """What a transaction may need of a call; as in `tables.calls`."""

    seq: int
    id: CallId
    run: int
    places: tuple[int, ...]
    reserved: int | None
    reserved_tokens: int
    state: CallState
    sent_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    cost: int | None = None
    estimated: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    model: str = ""
    request_id: str = ""
    problem_code: str = ""
    problem: str = ""

    @classmethod
    def read(cls, found: Sequence[Any]) -> CallLine:
        """Take a line as the database holds it."""
        line = cls(*found)
        line.places = tuple(orjson.loads(found[3]))
        line.state = CALL_STATES[found[6]]
        return line

    @property
    def changes(self) -> tuple[Any, ...]:
        """The parameters of `WRITE_CALL`."""
        return (
            CALL_CODES[self.state], self.sent_at, self.answered_at, self.ended_at, self.cost, self.estimated,
            self.input_tokens, self.output_tokens, self.cached_input_tokens, self.reasoning_tokens,
            self.model, self.request_id, self.problem_code, self.problem, self.seq,
        )  # fmt: skip


_RUN_FIELDS = tuple(RunLine.__slots__)
_CALL_FIELDS = tuple(CallLine.__slots__)
_RUN_CHANGES = _RUN_FIELDS[2:]
_CALL_CHANGES = _CALL_FIELDS[6:]

READ_RUN = Sql(select(*(runs.c[name] for name in _RUN_FIELDS)).where(runs.c.id == bindparam("run")), "run")

WRITE_RUN = Sql(
    update(runs)
    .values({name: bindparam(name) for name in _RUN_CHANGES})
    .where(runs.c.seq == bindparam("at")),
    *_RUN_CHANGES,
    "at",
)

READ_CALL = Sql(
    select(*(calls.c[name] for name in _CALL_FIELDS)).where(calls.c.id == bindparam("call")), "call"
)

WRITE_CALL = Sql(
    update(calls)
    .values({name: bindparam(name) for name in _CALL_CHANGES})
    .where(calls.c.seq == bindparam("at")),
    *_CALL_CHANGES,
    "at",
)
