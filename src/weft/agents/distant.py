"""The desk of a server: the same tools over its address, with the rights of the token that is shown there.

Knows that runs belong to the server and go on when the agent leaves, and that tables are read here, in
the folders that may be read, and uploaded. Refuses to know addresses and the wire: it is handed a client.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from weft.agents.desks import Task
from weft.agents.folders import Folders
from weft.agents.sessions import is_at_rest
from weft.agents.spending import Cost
from weft.app.requesting import RunRequest
from weft.app.summaries import dollars
from weft.errors import ImpossibleMove, WeftError
from weft.money import Budget
from weft.row import Outcome, RowState
from weft.run import Estimate, Run

READERS = 8  # pages of so many runs are gone on with; another is read from its start again
PROBE = RunRequest(table=[{"text": "x"}], prompt="{{ text }}", fields=("said: text",), fresh=True)
"""One row that asks what a model costs; nobody is asked about it."""


class Begun(Protocol):
    """A run that was handed over, and the table that was uploaded for it."""

    @property
    def run(self) -> Run:
        """As it was created."""

    @property
    def table(self) -> str:
        """Its id; empty = none."""


class Asking(Protocol):
    """A client of a server, as `weft.remote.client.AsyncClient` is one."""

    runs: Any
    tables: Any
    templates: Any

    async def hand_over(self, request: RunRequest, settings: Mapping[str, Any]) -> Begun:
        """Hand a run over and do not wait for it."""

    async def project(self, request: RunRequest, settings: Mapping[str, Any]) -> Estimate:
        """Project what it would take."""


class DistantDesk:
    """Does what tools ask by asking a server."""

    def __init__(self, client: Asking, folders: Folders) -> None:
        """Ask with this client.

        Args:
            client: open; who calls closes it.
            folders: whose tables may be uploaded.
        """
        self._client = client
        self._folders = folders
        self._keys: dict[str, tuple[Task, str]] = {}  # an agent's name for an errand → the errand, its run
        self._tables: dict[str, str] = {}  # run → the table that was uploaded for it
        self._readers: OrderedDict[tuple[str, tuple[RowState, ...]], _Reader] = OrderedDict()

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    async def templates(self) -> Sequence[Mapping[str, Any]]:
        """Every template with the fields of its line in the list; parts of others are left out."""
        return [each for each in await self._client.templates.list() if not each["part"]]

    async def template(self, ref: str) -> Mapping[str, Any]:
        """One template with its text."""
        found: Mapping[str, Any] = await self._client.templates.get(ref)
        return found

    async def cost(self, task: Task) -> Cost:
        """Whether the model that a task would ask costs money."""
        return await self._probe(task.model)

    async def cost_of_run(self, run: Run) -> Cost:
        """Likewise for a run that is there already."""
        return await self._probe(f"{run.spec.provider}/{run.spec.model}")

    async def estimate(self, task: Task) -> Estimate:
        """What a task would take; a table that is uploaded for it is removed again."""
        return await self._client.project(self._request(task), _settings(task))

    async def run(self, run: str) -> Run:
        """How a run stands."""
        found: Run = await self._client.runs.get(run)
        if run in self._tables and is_at_rest(found):
            with suppress(WeftError):  # the run has its rows; at worst the table stays
                await self._client.tables.forget(self._tables.pop(run))
        return found

    async def runs(self, limit: int) -> Sequence[Run]:
        """The newest runs first."""
        found: Sequence[Run] = await self._client.runs.list(limit=limit)
        return found

    async def rows(
        self, run: str, *, after: int, limit: int, states: Sequence[RowState]
    ) -> Sequence[Outcome]:
        """Rows behind a place, in the order of the table; at most `limit`."""
        place = (run, tuple(states))
        reader = self._readers.pop(place, None)
        if reader is None or reader.place > after:
            reader = _Reader(self._client.runs.rows(run, states=states))
        found = await reader.take(after, limit)
        if is_at_rest(await self.run(run)):  # rows of a run at work may be others by the next page
            self._readers[place] = reader
        while len(self._readers) > READERS:
            self._readers.popitem(last=False)
        return found

    # ── changing ─────────────────────────────────────────────────────────────────────────────────

    async def start(self, task: Task) -> Run:
        """Hand a task over; the server walks it.

        Raises:
            ImpossibleMove: if the key stands for another errand.
        """
        known = self._keys.get(task.key) if task.key else None
        if known is not None and known[0] != task:
            raise ImpossibleMove(f"The key `{task.key}` stands for another run.", hint="take a new key.")
        if known is not None:
            return await self.run(known[1])
        begun = await self._client.hand_over(self._request(task), _settings(task))
        if task.key:
            self._keys[task.key] = (task, begun.run.id)
        if begun.table:
            self._tables[begun.run.id] = begun.table
        return begun.run

    async def pause(self, run: str) -> Run:
        """Pause a run; answers in flight are awaited and kept."""
        found: Run = await self._client.runs.pause(run)
        return found

    async def resume(self, run: str, *, budget: Budget | None) -> Run:
        """Let a run go on; `None` = with its budget as it is."""
        given = {} if budget is None else {"budget_usd": dollars(budget.usd), "budget_tokens": budget.tokens}
        found: Run = await self._client.runs.resume(run, **given)
        return found

    async def cancel(self, run: str) -> Run:
        """End a run; answers in flight are kept."""
        found: Run = await self._client.runs.cancel(run)
        return found

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    async def _probe(self, model: str) -> Cost:
        """What asking a model costs, by the projection of one row."""
        found = await self._client.project(PROBE, {"model": model} if model else {})
        if found.cost_limit is None:
            return Cost.UNKNOWN
        return Cost.PAID if found.cost_limit or not found.calls else Cost.FREE

    def _request(self, task: Task) -> RunRequest:
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


class _Reader:
    """Reads the rows of a run on, so that a page does not begin at the start again.

    Attributes:
        place: of the last row that was given away; those before it are gone.
    """

    def __init__(self, rows: AsyncIterator[Outcome]) -> None:
        self.place = -1
        self._rows = rows
        self._ahead: list[Outcome] = []

    async def take(self, after: int, limit: int) -> list[Outcome]:
        """At most so many rows behind a place; they can be asked for once more."""
        self._ahead = [each for each in self._ahead if each.place > after]
        self.place = after
        while len(self._ahead) < limit:
            found = await anext(self._rows, None)
            if found is None:
                break
            if found.place > after:
                self._ahead.append(found)
        return self._ahead[:limit]


def _settings(task: Task) -> dict[str, Any]:
    found: dict[str, Any] = {"model": task.model} if task.model else {}
    if task.budget.usd is not None:
        found["budget_usd"] = dollars(task.budget.usd)
    if task.budget.tokens is not None:
        found["budget_tokens"] = task.budget.tokens
    return found
