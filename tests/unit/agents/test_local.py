"""The desk of this process: which runs it walks, with which settings, and what it may read."""

from __future__ import annotations

import asyncio

import pytest

from weft.agents.desks import Task
from weft.agents.folders import Folders
from weft.agents.local import LocalDesk
from weft.agents.sessions import Session
from weft.agents.spending import Cost
from weft.app.opening import look_around
from weft.app.requesting import RunRequest
from weft.app.submitting import Submission
from weft.app.weft import Weft
from weft.errors import ImpossibleMove, MissingCredential, UnreadableTable
from weft.kit.clocks import VirtualClock
from weft.money import Budget, Usd
from weft.run import RunState

ROWS = [{"topic": "a"}, {"topic": "b"}]
ASK = {"prompt": "Say {{ topic }}", "fields": ("tldr: text",)}
PRICES = '[openai.models]\n"m" = { input = 0.15, output = 0.60 }\n'


@pytest.fixture
async def house(tmp_path, monkeypatch):
    """An open house whose model is paid for, at a server of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prices.toml").write_text(PRICES, encoding="utf-8")
    (tmp_path / "weft.toml").write_text(
        'model = "openai/m"\nbase_url = "http://127.0.0.1:1/v1"\nprices = "prices.toml"\nbudget_usd = "0.5"\n',
        encoding="utf-8",
    )
    async with Weft(look_around(start=tmp_path, environment={}), clock=VirtualClock()) as found:
        yield found


@pytest.fixture
async def desk(house, tmp_path):
    """The desk over it, with its lanes at work."""
    found = LocalDesk(house, Folders([tmp_path]))
    working = asyncio.ensure_future(found.lanes.work())
    yield found
    found.lanes.stop()
    await working


async def told(run):
    """Hear nothing."""


async def test_run_of_the_session_is_walked(desk, house):
    """A run that is started here is walked here, and counted."""
    run = await desk.start(Task(rows=ROWS, model="local", **ASK))
    end = await Session(desk, most=None, clock=house.clock).watch(run.id, wait_s=600, told=told)

    assert (end.state, end.tally.answered) == (RunState.FINISHED, 2)
    assert house.metrics.counting.counts().rows["answered"] == 2
    assert [each.place for each in await desk.rows(run.id, after=0, limit=9, states=[])] == [1]


async def test_runs_of_others_are_left_alone(desk, house):
    """What somebody else has handed in waits, until the session lets it go on."""
    queue = house.queue_with({"model": "local", "base_url": ""})
    other = await queue.submit(RunRequest(table=ROWS, **ASK), Submission())
    await house.clock.sleep(30)

    assert (await desk.run(other.id)).state is RunState.QUEUED
    await desk.resume(other.id, budget=None)
    end = await Session(desk, most=None, clock=house.clock).watch(other.id, wait_s=600, told=told)
    assert end.state is RunState.FINISHED


async def test_price_is_that_of_the_model_and_its_server(desk):
    """What the set model costs is known by the person's own prices; another provider's has its own."""
    assert await desk.cost(Task(rows=ROWS)) is Cost.PAID
    assert await desk.cost(Task(rows=ROWS, model="local")) is Cost.FREE
    assert await desk.cost(Task(rows=ROWS, model="openai/unlisted")) is Cost.UNKNOWN


async def test_budget_of_the_person_is_known(desk):
    """The budget in `weft.toml` is every run's that has none of its own."""
    assert desk.budget == Budget(usd=Usd.of("0.5"))


async def test_missing_key_is_told_and_nothing_written(house, tmp_path, desk):
    """A model without a key is refused as anywhere, and no store is made."""
    with pytest.raises(MissingCredential):
        await desk.start(Task(rows=ROWS, model="anthropic/claude-sonnet-4-5", **ASK))

    assert not (tmp_path / ".weft").exists()


async def test_tables_elsewhere_are_not_read(desk):
    """A path that leads out of the folders is no table, neither for a run nor for a projection."""
    for act in (desk.start, desk.estimate):
        with pytest.raises(UnreadableTable):
            await act(Task(table="/etc/passwd", model="local", **ASK))


async def test_same_key_is_the_same_run(desk):
    """An errand under a key is one run; another errand under it is refused."""
    task = Task(rows=ROWS, model="local", key="mine", **ASK)
    first, again = await desk.start(task), await desk.start(task)

    assert first.id == again.id
    with pytest.raises(ImpossibleMove):
        await desk.start(Task(rows=ROWS[:1], model="local", key="mine", **ASK))


async def test_templates_that_are_parts_are_left_out(desk):
    """Only templates that a run can use are listed, and each can be shown."""
    listed = await desk.templates()

    assert listed
    assert not any(each["part"] for each in listed)
    assert (await desk.template(listed[0]["key"]))["text"]
