"""A desk whose runs are what a test says they are."""

from __future__ import annotations

from dataclasses import replace

from weft.agents.spending import Cost
from weft.errors import Mistake, UnknownName
from weft.ids import RunId
from weft.money import Budget, Usd
from weft.row import Outcome, RowState
from weft.run import Run, RunSpec, RunState, Tally

LINE = {
    "key": "review", "version": "1.0.0", "description": "Review a topic.", "inputs": ("topic",), "answers": ("tldr",),
    "tags": (), "deprecated": "", "error": "",
}  # fmt: skip


def spec(**facts):
    """What a run is about."""
    return RunSpec(**{
        "table": "t.csv", "table_digest": "", "columns": ("topic", "text"), "prompter": "", "prompter_source": {},
        "template": "review 1.0.0", "provider": "openai", "model": "m", "fields": ("tldr",), **facts,
    })  # fmt: skip


class FakeDesk:
    """Keeps runs in memory; a run moves only when a test moves it."""

    def __init__(self, cost=Cost.PAID):
        self.kind = cost
        self.kept = {}
        self.asked = []
        self.outcomes = []
        self.looks = []  # moves that happen one by one whenever a run is looked at

    def keep(self, state=RunState.RUNNING, *, budget=None, spent=Usd(0), **facts):
        """Put a run there."""
        run = Run(
            id=RunId(f"r{len(self.kept):012d}"), spec=spec(), state=state, created_at=1.0, budget=budget or Budget(),
            tally=Tally(spent=spent), **facts,
        )  # fmt: skip
        self.kept[run.id] = run
        return run

    def move(self, run, state=None, *, reason="", **tally):
        """Let a run come somewhere."""
        found = self.kept[run]
        self.kept[run] = replace(
            found, state=state or found.state, reason=reason, tally=replace(found.tally, **tally)
        )

    async def templates(self):
        return [LINE]

    async def template(self, ref):
        if ref != "review":
            raise UnknownName.among("template", ref, ["review"])
        field = {"name": "topic", "type": "text", "required": True, "description": "", "more": 1}
        return {
            "key": "review", "version": "1.0.0", "description": "", "origin": "builtin", "inputs": [field],
            "answers": [], "text": "Review {{ topic }}.", "path": "/secret/place",
        }  # fmt: skip

    async def cost(self, task):
        return self.kind

    async def cost_of_run(self, run):
        return self.kind

    async def estimate(self, task):
        raise Mistake("Nothing is estimated here.", hint="start it.")

    async def start(self, task):
        self.asked.append(task)
        return self.keep(budget=task.budget, name=task.name)

    async def run(self, run):
        if self.looks:
            self.looks.pop(0)(run)
        if run not in self.kept:
            raise UnknownName(f"There is no run `{run}`.", hint="list them.")
        return self.kept[run]

    async def runs(self, limit):
        return list(reversed(self.kept.values()))[:limit]

    async def rows(self, run, *, after, limit, states):
        found = [
            each for each in self.outcomes if each.place > after and (not states or each.state in states)
        ]
        return found[:limit]

    async def pause(self, run):
        self.move(run, RunState.PAUSED, reason="paused")
        return self.kept[run]

    async def resume(self, run, *, budget):
        if budget is not None:
            self.kept[run] = replace(self.kept[run], budget=budget)
        self.move(run, RunState.RUNNING)
        return self.kept[run]

    async def cancel(self, run):
        await self.run(run)
        self.move(run, RunState.CANCELLED, reason="cancelled")
        return self.kept[run]


def answered(place, says="fine", **cells):
    """A row that was answered."""
    return Outcome(
        place=place, line=place + 2, cells={"topic": f"t{place}", "text": "x", **cells}, state=RowState.ANSWERED,
        answer={"tldr": says},
    )  # fmt: skip
