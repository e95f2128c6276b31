"""The desk of this process: runs are handed in and walked here, as long as the agent is there.

Knows that runs which this session has begun, or let go on, are walked here, and no others: what
somebody else has handed in is theirs to pay for. Refuses to know shapes and how much may be spent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from weft.agents.desks import Task
from weft.agents.folders import Folders
from weft.agents.spending import Cost, cost_of
from weft.app.gallery import plain_template
from weft.app.houses import OneHouse
from weft.app.queueing import QueueDesk
from weft.app.requesting import RunRequest
from weft.app.submitting import Submission
from weft.app.summaries import dollars
from weft.app.weft import Weft
from weft.app.working import Lanes
from weft.ids import RunId
from weft.kit.fingerprints import canonical
from weft.money import Budget, Usd
from weft.rights import HOME
from weft.row import Outcome, RowState
from weft.run import Estimate, Run

SENDER = "agent"  # whose runs these are, in turns of workers and in the names of keys


class LocalDesk:
    """Does what tools ask over an open house."""

    def __init__(self, house: Weft, folders: Folders) -> None:
        """Begin a session; `work` walks its runs.

        Args:
            house: open; who calls closes it.
            folders: whose tables may be read.
        """
        self._house = house
        self._folders = folders
        self._own: set[RunId] = set()
        self.lanes = Lanes(OneHouse(house), clock=house.clock, takes=self._own.__contains__)
        self._worker = self.lanes.worker(HOME, house)
        self._worker.listeners = lambda run: (house.metrics.counting,)  # noqa: ARG005 - of every run

    @property
    def budget(self) -> Budget:
        """What the person has set for every run."""
        settings = self._house.settings
        usd = None if settings.budget_usd is None else Usd.of(settings.budget_usd)
        return Budget(usd=usd, tokens=settings.budget_tokens)

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    async def templates(self) -> Sequence[Mapping[str, Any]]:
        """Every template with the fields of its line in the list; parts of others are left out."""
        found = await asyncio.to_thread(self._house.templates.listed)
        return [asdict(each) for each in found if not each.part]

    async def template(self, ref: str) -> Mapping[str, Any]:
        """One template with its text."""
        return await asyncio.to_thread(lambda: plain_template(self._house.templates.get(ref)))

    async def cost(self, task: Task) -> Cost:
        """Whether the model that a task would ask costs money."""
        return cost_of(await self._house.prices_with(self._settings(task)).asked())

    async def cost_of_run(self, run: Run) -> Cost:
        """Likewise for a run that is there already."""
        settings = {"model": f"{run.spec.provider}/{run.spec.model}", "base_url": run.spec.base_url}
        return cost_of(await self._house.prices_with(settings).asked())

    async def estimate(self, task: Task) -> Estimate:
        """What a task would take; asks nobody."""
        request = self._request(task)
        return await self._house.runs_with(self._settings(task)).estimate(request)

    async def run(self, run: str) -> Run:
        """How a run stands."""
        return await self._queue.get(RunId(run))

    async def runs(self, limit: int) -> Sequence[Run]:
        """The newest runs first."""
        return await self._house.runs.newest(limit)

    async def rows(
        self, run: str, *, after: int, limit: int, states: Sequence[RowState]
    ) -> Sequence[Outcome]:
        """Rows behind a place, in the order of the table; at most `limit`."""
        found = self._queue.rows(RunId(run), after=after, states=states)
        return await asyncio.to_thread(lambda: list(islice(found, limit)))

    # ── changing ─────────────────────────────────────────────────────────────────────────────────

    async def start(self, task: Task) -> Run:
        """Hand a task in; it is walked as soon as there is room."""
        request = self._request(task)
        submission = Submission(
            sender=SENDER,
            key=task.key,
            body=sha256(canonical(_plain(task) | {"settings": self._settings(task)})).hexdigest(),
            table=Path(task.table).name,
            settings=self._settings(task),
        )
        run = await self._house.queue_with(self._settings(task)).submit(request, submission)
        self._take(run)
        return run

    async def pause(self, run: str) -> Run:
        """Pause a run; answers in flight are awaited and kept."""
        return await self._worker.pause(RunId(run))

    async def resume(self, run: str, *, budget: Budget | None) -> Run:
        """Let a run go on; `None` = with its budget as it is."""
        found = await self._queue.resume(RunId(run), budget=budget)
        self._take(found)
        return found

    async def cancel(self, run: str) -> Run:
        """End a run; answers in flight are kept."""
        return await self._worker.cancel(RunId(run))

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    @property
    def _queue(self) -> QueueDesk:
        return self._house.queue_with({})

    def _take(self, run: Run) -> None:
        self._own.add(run.id)
        self.lanes.wake()

    def _settings(self, task: Task) -> dict[str, Any]:
        """Settings as the task asks for them; what it leaves out stays as the person has set it.

        A base URL is that of the provider which the person has set, and of no other.
        """
        found: dict[str, Any] = {}
        if task.model:
            found["model"] = task.model
            if _provider(task.model) != _provider(self._house.settings.model):
                found["base_url"] = ""
        if task.budget.usd is not None:
            found["budget_usd"] = dollars(task.budget.usd)
        if task.budget.tokens is not None:
            found["budget_tokens"] = task.budget.tokens
        return found

    def _request(self, task: Task) -> RunRequest:
        """What is asked of the desk.

        Raises:
            UnreadableTable: if the table lies where nothing may be read.
        """
        return RunRequest(
            table=task.rows if task.rows is not None else self._folders.find(task.table),
            template=task.template,
            variants=task.variants,
            prompt=task.prompt,
            fields=task.fields,
            mapping=task.mapping,
            limit=task.limit,
            fresh=task.fresh,
            name=task.name,
        )


def _plain(task: Task) -> dict[str, Any]:
    """Everything that makes a task the same, as plain JSON."""
    plain = {name: getattr(task, name) for name in task.__slots__ if name not in {"key", "budget", "rows"}}
    plain |= {"fields": list(task.fields), "mapping": list(task.mapping)}
    return plain | {"rows": None if task.rows is None else [dict(each) for each in task.rows]}


def _provider(model: str) -> str:
    return model.partition("/")[0]
