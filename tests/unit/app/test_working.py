from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from weft.app.houses import Houses
from weft.app.opening import look_around
from weft.app.queueing import QueueDesk
from weft.app.requesting import RunRequest
from weft.app.runs import Errand, RunsDesk
from weft.app.submitting import Lane, Submission, marked, wants_worker
from weft.app.team import TeamHouses
from weft.app.turns import LANES, SMALL_ROWS, SMALL_SHARE, Owners, Turn, next_turn
from weft.app.weft import Weft
from weft.app.working import LOOK_S, Lanes
from weft.call import RawReply
from weft.engine.runner import STALE_AFTER_S
from weft.errors import RunBusy, StoreBusy
from weft.ids import RunId
from weft.kit.clocks import VirtualClock
from weft.protocols import Standing
from weft.run import Run, RunSpec, RunState, Tally
from weft.testing.scripted import ScriptedProvider

SPEC = RunSpec(
    table="rows in memory", table_digest="", columns=("body",), prompter="p", prompter_source={"kind": "template"},
    template="quick 1.0.0", provider="local", model="local",
)  # fmt: skip


def make_run(
    name: str,
    *,
    sender: str = "local",
    rows: int = 10 * SMALL_ROWS,
    at: float = 0,
    lane: Lane = Lane.USUAL,
) -> Run:
    """A run that was handed in."""
    spec = marked(SPEC, Submission(sender=sender, lane=lane))
    return Run(
        id=RunId(name), spec=spec, state=RunState.QUEUED, created_at=at, tally=Tally(total=rows, waiting=rows)
    )


class House:
    """Walks runs that never come to rest, and notes which were begun; stands for a house and its desks."""

    def __init__(self, waiting: list[Run]) -> None:
        self.runs = waiting
        self.begun: list[str] = []
        self.busy: set[str] = set()
        self.looks = 0
        self.stopped = asyncio.Event()
        self.allowance = self
        self.surroundings = SimpleNamespace(apart=False)

    async def take(self, run: Run) -> None:
        """There is no monthly budget."""

    async def give_back(self, run: RunId, taken: None) -> None:
        """Nothing was set aside."""

    def queue_with(self, settings: Mapping[str, Any]) -> QueueDesk:
        return cast("QueueDesk", self)

    def runs_with(self, settings: Mapping[str, Any]) -> RunsDesk:
        return cast("RunsDesk", self)

    async def unfinished(self) -> list[Standing]:
        self.looks += 1
        return [Standing(each.id, each.state, each.reason, "", 0, 0) for each in self.runs]

    async def get(self, run: RunId) -> Run:
        return next(each for each in self.runs if each.id == run)

    async def note(self, run: RunId, reason: str, *, message: str = "") -> None:
        return None

    @asynccontextmanager
    async def claimed(self, run: RunId, *, over: Standing | None) -> AsyncIterator[None]:
        if run in self.busy:
            raise RunBusy("Somebody else is at work on it.")
        yield

    async def prepare_resume(self, run: RunId, *, as_begun: bool) -> Errand:
        self.begun.append(run)
        return cast("Errand", SimpleNamespace(run=await self.get(run), keys=()))

    async def walk(self, errand: Errand, listeners: object, *, paces: object) -> Run:
        await self.stopped.wait()
        return replace(errand.run, state=RunState.PAUSED)

    def stop(self) -> None:
        self.stopped.set()


class Street:
    """Several houses; one that is `None` cannot be opened just now."""

    def __init__(self, houses: Mapping[str, House | None]) -> None:
        self._houses = houses

    async def names(self) -> list[str]:
        return sorted(self._houses)

    async def open(self, workspace: str) -> Weft:
        found = self._houses[workspace]
        if found is None:
            raise StoreBusy("It is locked.")
        return cast("Weft", found)

    async def close(self) -> None:
        return None


async def work(houses: Mapping[str, House | None], *, for_s: float = 0.0, **options: Any) -> Lanes:
    """Let lanes work for some virtual seconds, and stop them."""
    clock = VirtualClock(auto=False)
    lanes = Lanes(cast("Houses", Street(houses)), clock=clock, **options)
    working = asyncio.ensure_future(lanes.work())
    for step in range(int(for_s / LOOK_S) + 1):
        if step:
            clock.advance(LOOK_S)
        for _ in range(80):
            await asyncio.sleep(0)
    lanes.stop()
    await working
    return lanes


async def test_small_run_does_not_wait_behind_huge_ones() -> None:
    """Some lanes are kept for small runs, however many large ones came before."""
    large = [make_run(f"large{n}", at=n) for n in range(2 * LANES)]
    house = House([*large, make_run("small", rows=3, at=99)])

    await work({"home": house})

    assert house.begun == [*(each.id for each in large[: LANES - LANES // SMALL_SHARE]), "small"]


async def test_senders_take_turns() -> None:
    """Who has many runs does not keep another sender out."""
    many = [make_run(f"many{n}", sender="ann", at=n) for n in range(LANES)]
    house = House([*many, make_run("other", sender="bob", at=99)])

    await work({"home": house})

    assert house.begun[:3] == ["many0", "other", "many1"]


async def test_workspaces_share_the_lanes() -> None:
    """One set of lanes serves every house, and a workspace with many runs does not keep another out."""
    many = House([make_run(f"many{n}", sender=f"person {n}", at=n) for n in range(2 * LANES)])
    other = House([make_run("other", sender="bob", at=99)])

    await work({"many": many, "other": other})

    assert other.begun == ["other"]
    assert len(many.begun) + len(other.begun) == LANES - LANES // SMALL_SHARE


async def test_only_named_workspaces_are_served() -> None:
    """A worker for some workspaces leaves the others alone, and a few lanes are all that are used."""
    one, two = (House([make_run(f"{name}{n}", rows=3, at=n) for n in range(5)]) for name in ("one", "two"))

    await work({"one": one, "two": two}, only=["two"], most=2)

    assert (one.begun, one.looks) == ([], 0)
    assert two.begun == ["two0", "two1"]


async def test_house_that_cannot_be_opened_keeps_nobody_out() -> None:
    """A workspace whose store is locked is looked at again later; the others are served meanwhile."""
    house = House([make_run("run")])

    await work({"broken": None, "home": house})

    assert house.begun == ["run"]


async def test_claimed_run_is_left_to_its_owner() -> None:
    """A run that another process has claimed just now keeps no lane from the others."""
    house = House([make_run(f"run{n}", rows=3, at=n) for n in range(2)])
    house.busy.add("run0")

    await work({"home": house}, most=1)

    assert house.begun == ["run1"]


def test_owner_is_followed_when_it_is_silent() -> None:
    """L9: six missed beats by our own clock, and never sooner; a sign of life begins the time anew."""
    owners = Owners(lambda owner: owner == "dead")
    held = Standing(RunId("r"), RunState.RUNNING, "", "other", 1, 1)

    assert owners.free([held], 0.0) == []
    assert owners.free([held], STALE_AFTER_S - 0.1) == []
    assert owners.free([replace(held, beats=2)], STALE_AFTER_S) == []
    assert owners.free([replace(held, beats=2)], 2 * STALE_AFTER_S - 0.1) == []
    assert owners.free([replace(held, beats=2)], 2 * STALE_AFTER_S) == [replace(held, beats=2)]
    assert owners.free([replace(held, owner="dead")], 100.0) == [replace(held, owner="dead")]


def test_oldest_run_of_the_least_busy_comes_first() -> None:
    """Between people first, then between workspaces, then by age; full lanes take nobody."""
    first = Turn("a", make_run("old", sender="ann", rows=1, at=0))
    other = Turn("b", make_run("new", sender="bob", rows=1, at=9))

    assert next_turn([other, first], []) == first
    assert next_turn([first, other], [("c", "ann")]) == other
    assert next_turn([first, other], [("a", "carl")]) == other
    assert next_turn([first, other], [("c", "carl")] * LANES) is None
    assert next_turn([first], [("c", "carl")], lanes=2) == first


def test_patient_runs_come_last() -> None:
    """A patient run has its turn while no usual one waits, and leaves half of the lanes to those that come."""
    patient = Turn("a", make_run("patient", rows=1, at=0, lane=Lane.PATIENT))
    huge = Turn("a", make_run("huge", sender="bob", at=9))
    at_work = [("c", "carl")]

    assert next_turn([patient, huge], []) == huge
    assert next_turn([patient], []) == patient
    assert next_turn([patient], at_work * (LANES // 2 - 1)) == patient
    assert next_turn([patient], at_work * (LANES // 2)) is None
    assert next_turn([patient, huge], at_work * (LANES - 1)) is None  # nor does it jump in where one may not
    assert next_turn([patient], [], lanes=1) == patient


async def test_patient_runs_wait_for_all_others() -> None:
    """Bulk work that was handed in first is walked beside, never before, what people wait for."""
    bulk = [make_run(f"bulk{n}", at=n, lane=Lane.PATIENT) for n in range(LANES)]
    house = House([*bulk, make_run("usual", sender="ann", at=99)])

    await work({"home": house})

    assert house.begun == ["usual", *(each.id for each in bulk[: LANES // 2 - 1])]


def test_only_runs_that_were_handed_in_are_taken_up() -> None:
    """A run of the command line, and one that a person has paused, are left alone."""
    handed_in = make_run("r1")

    assert wants_worker(handed_in)
    assert not wants_worker(replace(handed_in, spec=SPEC))
    assert not wants_worker(replace(handed_in, state=RunState.PAUSED, reason="paused"))
    assert wants_worker(replace(handed_in, state=RunState.PAUSED, reason="queued"))


async def test_runs_of_every_workspace_are_walked(tmp_path: Path) -> None:
    """One set of lanes finds the runs of each workspace's house, also of one that is founded later."""
    clock = VirtualClock()
    provider = ScriptedProvider(lambda row: {"mood": "a"}, clock=clock)
    around = look_around(start=tmp_path, environment={}, keywords={"model": "local"})
    houses = TeamHouses(around, clock=clock, provider=provider)
    await houses.workspaces.create("red")
    lanes = Lanes(houses, clock=clock)
    working = asyncio.ensure_future(lanes.work())
    request = RunRequest(table=[{"body": "hi"}], prompt="{{ body }}", fields=("mood: enum[a,b]",))
    done = []
    for name in ("home", "red", "later"):
        if name == "later":
            await houses.workspaces.create(name)
        queue = (await houses.open(name)).queue_with({})
        run = await queue.submit(request, Submission(sender="ann"))
        while (found := await queue.get(run.id)).state is not RunState.FINISHED:
            await clock.sleep(LOOK_S)
        done.append(found.tally.answered)
    lanes.stop()
    await working
    left = await houses.control.open().documents("worker")
    await houses.close()

    assert done == [1, 1, 1]
    assert left == []


class Locked:
    """A wire at whose other end no key is good."""

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float) -> RawReply:
        return RawReply(status=401, headers={}, body=b"{}")

    async def close(self) -> None:
        return None


async def test_use_of_a_key_is_written_down(tmp_path: Path) -> None:
    """S43: a run that is given a key of its workspace leaves a deed that names both, and whose run it is."""
    clock = VirtualClock()
    master = {"WEFT_MASTER_KEY": b64encode(b"\1" * 32).decode()}
    around = look_around(start=tmp_path, environment=master, keywords={"model": "openai/gpt-4o-mini"})
    houses = TeamHouses(around, clock=clock, transport=Locked())
    await houses.workspaces.create("red")
    house = await houses.open("red")
    await house.keys.keep("openai", "sk-planted-0123456789abcdef")
    await house.keys.load()
    request = RunRequest(table=[{"body": "hi"}], prompt="{{ body }}", fields=("mood: enum[a,b]",))
    run = await house.queue_with({}).submit(request, Submission(sender="ann"))
    lanes = Lanes(houses, clock=clock)
    working = asyncio.ensure_future(lanes.work())
    while (await house.queue_with({}).get(run.id)).state is not RunState.PAUSED:
        await clock.sleep(LOOK_S)
    lanes.stop()
    await working
    deeds = await houses.control.open().deeds()
    await houses.close()

    assert [(each.actor, each.act, each.thing, each.workspace) for each in deeds] == [
        ("ann", "use_key", "keys/openai", "red")
    ]
    assert deeds[0].facts == {"run": run.id}
