"""What tools ask of whoever has a desk: this process, or a server.

Knows questions and answers in words that both understand. Refuses to know shapes of the wire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from weft.agents.spending import Cost
from weft.money import Budget
from weft.row import Outcome, RowState
from weft.run import Estimate, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is asked about which rows; exactly one of `template`, `variants` and `prompt` is given.

    Attributes:
        table: path as the agent wrote it; empty = `rows`.
        rows: column → value; `None` = a table.
        model: empty = the one that is set.
        name: for people.
        key: the agent's own name for the errand; empty = none.
    """

    template: str = ""
    variants: str = ""
    prompt: str = ""
    fields: tuple[str, ...] = ()
    mapping: tuple[str, ...] = ()
    table: str = ""
    rows: Sequence[Mapping[str, Any]] | None = None
    limit: int | None = None
    fresh: bool = False
    model: str = ""
    budget: Budget = field(default_factory=Budget)
    name: str = ""
    key: str = ""


class Desk(Protocol):
    """Whoever does what tools ask. Errors of every method are those of the house."""

    async def templates(self) -> Sequence[Mapping[str, Any]]:
        """Every template with the fields of its line in the list."""

    async def template(self, ref: str) -> Mapping[str, Any]:
        """One template with its text."""

    async def cost(self, task: Task) -> Cost:
        """Whether the model that a task would ask costs money."""

    async def cost_of_run(self, run: Run) -> Cost:
        """Likewise for a run that is there already."""

    async def estimate(self, task: Task) -> Estimate:
        """What a task would take; asks nobody."""

    async def start(self, task: Task) -> Run:
        """Hand a task in; it is walked as soon as there is room."""

    async def run(self, run: str) -> Run:
        """How a run stands."""

    async def runs(self, limit: int) -> Sequence[Run]:
        """The newest runs first."""

    async def rows(
        self, run: str, *, after: int, limit: int, states: Sequence[RowState]
    ) -> Sequence[Outcome]:
        """Rows behind a place, in the order of the table; at most `limit`."""

    async def pause(self, run: str) -> Run:
        """Pause a run."""

    async def resume(self, run: str, *, budget: Budget | None) -> Run:
        """Let a run go on; `None` = with its budget as it is."""

    async def cancel(self, run: str) -> Run:
        """End a run."""
