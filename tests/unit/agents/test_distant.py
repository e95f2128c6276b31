"""The desk of a server, asked through a client that a test plays."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.unit.agents.fakes import LINE, FakeDesk, answered

from weft.agents.desks import Task
from weft.agents.distant import DistantDesk
from weft.agents.folders import Folders
from weft.agents.spending import Cost
from weft.errors import ImpossibleMove, UnreadableTable
from weft.money import Budget, Usd
from weft.run import Estimate, RunState


@dataclass
class Handed:
    """What a client gives back for a run."""

    run: object
    table: str = ""


class FakeClient:
    """A client whose server has some runs and rows, and a price."""

    def __init__(self):
        self.desk = FakeDesk()
        self.runs = self.tables = self.templates = self
        self.cost, self.calls = Usd(7), 1
        self.handed, self.forgotten, self.pages, self.budgets = [], [], 0, []

    async def project(self, request, settings):
        self.handed.append((request, settings))
        return Estimate(
            rows=1, rejected=0, recalled=0, twins=0, calls=self.calls, pack_sizes=(1,), input_tokens=1, output_tokens=1,
            cost=self.cost, cost_limit=self.cost, tokens_limit=2, first_call=self.cost, seconds=1.0, call_s=1.0,
        )  # fmt: skip

    async def hand_over(self, request, settings):
        self.handed.append((request, settings))
        return Handed(self.desk.keep(), "t1" if not isinstance(request.table, list) else "")

    async def get(self, name):
        return await self.desk.run(name)

    async def list(self, limit=0):
        return [{**LINE, "part": False}, {**LINE, "key": "piece", "part": True}]

    async def rows(self, run, *, states):
        self.pages += 1
        for each in self.desk.outcomes:
            yield each

    async def resume(self, run, **budget):
        self.budgets.append(budget)
        return await self.desk.resume(run, budget=None)

    async def forget(self, table):
        self.forgotten.append(table)


@pytest.fixture
def client():
    """A client."""
    return FakeClient()


@pytest.fixture
def desk(client, tmp_path):
    """The desk over it; one folder may be read."""
    (tmp_path / "t.csv").write_text("x\n1\n")
    return DistantDesk(client, Folders([tmp_path]))


ROWS = [{"x": "a"}]


async def test_tables_are_uploaded_from_the_folders_only(desk, client, tmp_path):
    """A path goes out as a file of the folders, or not at all."""
    run = await desk.start(Task(prompt="p", table="t.csv", budget=Budget(usd=Usd.of("0.5"))))

    request, settings = client.handed[0]
    assert request.table == (tmp_path / "t.csv").resolve()
    assert settings == {"budget_usd": "0.5"}
    with pytest.raises(UnreadableTable):
        await desk.start(Task(prompt="p", table="../t.csv"))
    client.desk.move(run.id, RunState.FINISHED)
    await desk.run(run.id)
    await desk.run(run.id)
    assert client.forgotten == ["t1"]


@pytest.mark.parametrize(
    ("cost", "calls", "kind"),
    [(None, 1, Cost.UNKNOWN), (Usd(0), 1, Cost.FREE), (Usd(1), 1, Cost.PAID), (Usd(0), 0, Cost.PAID)],
)
async def test_price_is_found_by_a_projection(desk, client, cost, calls, kind):
    """One row is projected to learn what a model costs; where that says nothing, it counts as paid."""
    client.cost, client.calls = cost, calls

    assert await desk.cost(Task(model="openai/m", rows=ROWS)) is kind
    assert client.handed[0][1] == {"model": "openai/m"}


async def test_same_key_is_the_same_run(desk, client):
    """An errand that is sent again is handed over once; another one under its key is refused."""
    first = await desk.start(Task(prompt="p", rows=ROWS, key="k"))
    again = await desk.start(Task(prompt="p", rows=ROWS, key="k"))

    assert first.id == again.id
    assert len(client.handed) == 1
    with pytest.raises(ImpossibleMove):
        await desk.start(Task(prompt="q", rows=ROWS, key="k"))


async def test_pages_of_a_run_at_rest_are_read_on(desk, client):
    """Pages in order are one walk over a server's rows; going back begins another, with the same rows."""
    run = client.desk.keep(RunState.FINISHED)
    client.desk.outcomes = [answered(place) for place in range(10)]

    async def page(after, limit):
        return [each.place for each in await desk.rows(run.id, after=after, limit=limit, states=[])]

    assert await page(-1, 4) == [0, 1, 2, 3]
    assert await page(2, 4) == [3, 4, 5, 6]  # the page ended before its last row
    assert await page(6, 9) == [7, 8, 9]
    assert client.pages == 1
    assert await page(1, 3) == [2, 3, 4]
    assert client.pages == 2


async def test_pages_of_a_run_at_work_are_read_anew(desk, client):
    """While a run goes on, each page is asked for, so that none is out of date."""
    run = client.desk.keep(RunState.RUNNING)
    client.desk.outcomes = [answered(place) for place in range(4)]
    for after in (-1, 1):
        await desk.rows(run.id, after=after, limit=2, states=[])

    assert client.pages == 2


async def test_budgets_of_resumed_runs_are_told_whole(desk, client):
    """A run goes on with its budget as it is, or with another in both its parts."""
    run = client.desk.keep(RunState.PAUSED, reason="paused")
    await desk.resume(run.id, budget=None)
    await desk.resume(run.id, budget=Budget(usd=Usd.of("1.5")))

    assert client.budgets == [{}, {"budget_usd": "1.5", "budget_tokens": None}]


async def test_parts_of_templates_are_left_out(desk):
    """Only templates that a run can use are listed."""
    assert [each["key"] for each in await desk.templates()] == ["review"]
