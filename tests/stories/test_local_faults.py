"""Faults of this machine, in front of the whole house: disks, clocks, tables, templates, neighbours."""

from __future__ import annotations

import asyncio
import csv
import os
import re
import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.stories.faults import Place, answers, echo, fill, make_room, states
from tests.stories.kills import Site, cost_of, nanos, serving

from weft.app.exporting import ExportRequest, check_target
from weft.cli.telling import exit_code
from weft.errors import ChangedSpec, DiskFull, RunBusy, StoreBusy, UnwritableFile
from weft.events import LaneWaiting
from weft.row import RowState
from weft.run import RunState

BODIES = [f"text {n}" for n in range(8)]
TEMPLATE = """---
name: Echo
version: 1.0.0
inputs:
  body: string
answers:
  echo: string
---
Echo {{ body }}
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A folder with a table of eight rows."""
    return Place(tmp_path, BODIES)


def echoes(bodies: list[str]) -> list[str]:
    """What the model answers about rows."""
    return [body[::-1] for body in bodies]


# ── the disk ─────────────────────────────────────────────────────────────────────────────────────


class Ears:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.heard = []

    def hear(self, event) -> None:
        self.heard.append(event)


async def test_paid_answer_waits_for_room(place: Place) -> None:
    """L5, I3, I4: on a full disk an answer is held until there is room; the run goes on, nothing is paid twice."""
    place.write([f"text {n}" for n in range(60)])
    async with place.house() as weft:
        store = weft._stores.open()

        def fill_and_echo(found):
            if not place.paid:
                fill(weft)
            return echo(found)

        async def clear_away() -> int:
            while not store._held:  # noqa: ASYNC110 - only the store's own count says that it holds something
                await asyncio.sleep(0)
            asked = place.provider.requests
            await place.clock.sleep(30)
            make_room(weft)
            return place.provider.requests - asked

        place.provider._answer = fill_and_echo
        errand = await weft.runs.prepare(place.request())
        cleaner = asyncio.ensure_future(clear_away())
        run = await weft.runs.walk(errand)

    assert await cleaner == 0
    assert (run.state, run.tally.answered) == (RunState.FINISHED, 60)
    assert set(place.paid.values()) == {1}


async def test_nearly_full_disk_pauses_the_run(place: Place) -> None:
    """L5: where too little room is left nothing is asked, the run says why, and goes on when there is room."""
    async with place.house(min_free_mb="1000000000") as weft:
        run = await place.run(weft)
    asked = place.provider.requests
    async with place.house() as weft:
        resumed = await place.run(weft)

    assert asked == 0
    assert (run.state, run.reason, exit_code(run)) == (RunState.PAUSED, "disk_full", 3)
    assert "1,000,000,000 MB are required" in run.message
    assert (resumed.id, resumed.state, resumed.tally.answered) == (run.id, RunState.FINISHED, len(BODIES))


class Busy:
    """A store that cannot be written by the heart for a while."""

    def __init__(self, store, errors) -> None:
        self._store, self.errors = store, list(errors)

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def beat(self, run, *, epoch, elapsed_s) -> None:
        if self.errors:
            raise self.errors.pop()
        await self._store.beat(run, epoch=epoch, elapsed_s=elapsed_s)


async def test_heart_survives_a_full_disk(place: Place) -> None:
    """L5, L7: a sign of life that cannot be written is told and tried again, and the run goes on."""
    ears = Ears()
    place.provider.latency_s = 7.0
    async with place.house() as weft:
        store = Busy(weft._stores.open(), [DiskFull("Full."), StoreBusy("Locked.")])
        weft._stores._store = store
        run = await weft.runs.walk(await weft.runs.prepare(place.request()), [ears])

    assert run.state is RunState.FINISHED
    assert [each.reason for each in ears.heard if isinstance(each, LaneWaiting)] == [
        "store_busy",
        "disk_full",
    ]
    assert not store.errors


async def test_full_disk_leaves_the_old_export(place: Place) -> None:
    """L5, L22: an export that finds no room leaves the old file, and nothing of the new one."""
    out = place.folder / "out.csv"
    out.write_bytes(b"old")
    place.write([f"text {n}" for n in range(400)])
    async with place.house(rows_per_call="50") as weft:
        run = await place.run(weft)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        try:
            with pytest.raises(UnwritableFile, match="too large"):
                weft.runs.export(run, ExportRequest(target=out))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        kept, names = out.read_bytes(), {each.name for each in place.folder.iterdir()}
        weft.runs.export(run, ExportRequest(target=out))

    assert kept == b"old"
    assert not any(name.endswith(".part") for name in names)
    assert out.read_bytes().count(b"\n") == 401


@pytest.mark.parametrize("folder", ["table.csv", "/proc"], ids=["a file", "a closed folder"])
async def test_unwritable_place_is_told_before_paying(place: Place, folder: str) -> None:
    """L6: a store or an export that cannot be written is refused before anything is asked."""
    closed = place.folder / folder
    async with place.house(store=str(closed / "weft.db")) as weft:
        with pytest.raises(UnwritableFile, match="cannot be written"):
            await weft.runs.prepare(place.request())
    with pytest.raises(UnwritableFile, match="cannot be written"):
        check_target(ExportRequest(target=closed / "out.csv"))

    assert place.provider.requests == 0
    assert {each.name for each in place.folder.iterdir()} == {"table.csv"}


# ── neighbours ───────────────────────────────────────────────────────────────────────────────────


def test_two_processes_share_a_store(tmp_path: Path) -> None:
    """L7, I1: two runs write one store at the same time, and both end as if they were alone."""
    bodies = [f"Shared text {n}." for n in range(60)]
    with serving(tmp_path / "shared", latency_ms=5) as server:
        site = Site(tmp_path / "shared" / "site", server, bodies)
        lives = [site.run(), site.run("--limit", "40", "--out", "part.csv")]
        codes = [life.end() for life in lives]
        runs = site.runs()
        whole, part = site.out.read_bytes(), (site.folder / "part.csv").read_bytes()

    assert codes == [0, 0], [life.said for life in lives]
    assert sorted(run["total"] for run in runs) == [40, 60]
    assert whole.startswith(part)
    assert part.count(b"\n") == 41
    assert sum(nanos(run["spent_usd"]) for run in runs) == cost_of(server.bill())


async def test_second_process_hears_who_holds_the_run(place: Place) -> None:
    """L12, I10: whoever starts the same errand is told who is at work on it, and disturbs nobody."""
    place.provider.latency_s = 60.0
    async with place.house() as weft, place.house() as other:
        first = asyncio.ensure_future(place.run(weft))
        while not place.provider.requests:  # noqa: ASYNC110 - until it is at work, whatever comes first
            await asyncio.sleep(0)
        with pytest.raises(RunBusy, match=rf"held by process {os.getpid()} on `") as told:
            await place.run(other)
        run = await first

    assert "stop that process first" in told.value.hint
    assert (run.state, run.epoch) == (RunState.FINISHED, 1)
    assert set(place.paid.values()) == {1}


# ── the clock ────────────────────────────────────────────────────────────────────────────────────


async def test_jumping_clock_changes_nothing(place: Place) -> None:
    """L9, I12: the wall clock may jump in a run and between its lives; nothing expires, nobody waits."""
    jumps = iter((-3600, 86_400, -7_200, 31_536_000, -40_000_000) * 4)

    def jump_and_echo(found):
        place.clock.shift_wall(next(jumps))
        return echo(found)

    place.provider._answer = jump_and_echo
    await place.leave_unfinished()
    place.clock.shift_wall(-100_000_000)
    async with place.house() as weft:
        run = await place.run(weft)
        found = answers(weft, run)
    async with place.house() as weft:
        place.clock.shift_wall(500_000_000)
        again = await place.run(weft)

    assert found == echoes(BODIES)
    assert 0 <= run.elapsed_s <= place.clock.monotonic()
    assert again.tally.recalled == len(BODIES)
    assert set(place.paid.values()) == {1}


# ── what was asked for has changed ───────────────────────────────────────────────────────────────


async def test_changed_table_is_a_new_run(place: Place) -> None:
    """L11, I11: rows of two contents are not mixed; it is told, and answers are reused by content."""
    left = await place.leave_unfinished()
    changed = [*BODIES[:3], "another text", *BODIES[4:], "one more"]
    place.write(changed)

    async with place.house() as weft:
        errand = await weft.runs.prepare(place.request())
        run = await weft.runs.walk(errand)
        found, old = answers(weft, run), await weft.runs.get(left.id)

    assert run.id != left.id
    assert any(f"`{left.id}`" in note and "table contents" in note for note in errand.notes)
    assert found == echoes(changed)
    assert run.tally.recalled == 2
    assert (old.state, old.tally.waiting) == (RunState.PAUSED, 6)
    assert set(place.paid.values()) == {1}


async def test_resumed_run_keeps_its_rows(place: Place) -> None:
    """L11: a run's rows are those that it began with, though the table has changed or gone."""
    left = await place.leave_unfinished()
    place.table.unlink()

    async with place.house() as weft:
        run = await weft.runs.walk(await weft.runs.prepare_resume())
        found = answers(weft, run)

    assert run.id == left.id
    assert found == echoes(BODIES)
    assert set(place.paid.values()) == {1}


async def test_half_read_table_must_not_change(place: Place) -> None:
    """L11, L14: a table that changed while it was being read is refused, with both values."""
    async with place.house() as weft:
        drafted = (await weft.runs.prepare(place.request())).run
    place.write(["other", *BODIES])

    async with place.house() as weft:
        with pytest.raises(ChangedSpec, match="table contents") as told:
            await weft.runs.prepare_resume()

    assert told.value.facts["run"] == drafted.id
    assert list(told.value.facts["changed"]) == ["table contents"]
    assert place.provider.requests == 0


async def test_changed_template_is_refused_with_the_difference(place: Place) -> None:
    """L14, I11: a run does not go on with another template; the lines that differ are shown."""
    template = place.folder / "echo.md"
    template.write_text(TEMPLATE, encoding="utf-8")
    left = await place.leave_unfinished(template=str(template))
    template.write_text(TEMPLATE.replace("Echo {{", "Repeat {{"), encoding="utf-8")
    asked = place.provider.requests

    async with place.house() as weft:
        with pytest.raises(ChangedSpec, match="its template") as told:
            await weft.runs.prepare_resume()
        assert place.provider.requests == asked
        run = await weft.runs.walk(await weft.runs.prepare_resume(as_begun=True))
        found = answers(weft, run)

    assert told.value.facts["problems"] == ["-Echo {{ body }}", "+Repeat {{ body }}"]
    assert "answers that are still valid are recalled" in told.value.hint
    assert (run.id, found) == (left.id, echoes(BODIES))


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"model": "local/other"}, "provider: `scripted` → `local`; model: `scripted` → `other`"),
        ({"temperature": "0.5"}, "options: "),
        ({"base_url": "http://127.0.0.1:1/v1"}, "base url: `none` → `http://127.0.0.1:1/v1`"),
    ],
    ids=["model", "options", "address"],
)
async def test_changed_errand_is_refused_by_name(place: Place, flags, named: str) -> None:
    """L14, I11: a resumed run takes no other model, option or address; both values are named."""
    await place.leave_unfinished()

    async with place.house(**flags) as weft:
        with pytest.raises(ChangedSpec, match=re.escape(named)):
            await weft.runs.prepare_resume()


async def test_changed_prompt_is_a_new_run(place: Place) -> None:
    """L14: the same table with another prompt begins anew; what is left unfinished is named."""
    left = await place.leave_unfinished()

    async with place.house() as weft:
        errand = await weft.runs.prepare(place.request(prompt="Repeat {{ body }}"))

    assert errand.run.id != left.id
    assert any(f"`{left.id}`" in note and "prompt and schema" in note for note in errand.notes)


# ── what is remembered ───────────────────────────────────────────────────────────────────────────


async def test_damaged_answer_is_asked_again(place: Place) -> None:
    """L16, I14: an answer with a flipped bit is not shown: this row, and no other, is asked again."""
    async with place.house() as weft:
        await place.run(weft)
    with closing(sqlite3.connect(place.store)) as file, file:
        changed = file.execute(
            "UPDATE rows SET answer = ? WHERE answer = ?", (b'{"echo":"2 txet"}', b'{"echo":"3 txet"}')
        )
        assert changed.rowcount == 1

    async with place.house() as weft:
        run = await place.run(weft)
        found = answers(weft, run)

    assert found == echoes(BODIES)
    assert run.tally.recalled == len(BODIES) - 1
    assert sorted(place.paid.values()) == [1] * (len(BODIES) - 1) + [2]


# ── odd tables ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("bodies", "expected", "calls", "code"),
    [
        ([], [], 0, 0),
        (["alone"], [RowState.ANSWERED], 1, 0),
        (["twin"] * 50, [RowState.ANSWERED] * 50, 1, 0),
        (["''"] * 3, [RowState.ANSWERED] * 3, 1, 0),
        (['""'] * 3, [RowState.REJECTED] * 3, 0, 1),
    ],
    ids=["no rows", "one row", "twins", "odd text", "all invalid"],
)
async def test_odd_table_ends_well(place: Place, bodies, expected, calls: int, code: int) -> None:
    """L20, L21, P41, P44, I1: every row ends once, whatever there is to ask; the export has them all."""
    place.write(bodies)
    out = place.folder / "out.csv"

    async with place.house() as weft:
        run = await place.run(weft)
        weft.runs.export(run, ExportRequest(target=out))
        found = states(weft, run)
        again = await place.run(weft)

    assert found == expected
    assert (run.state, exit_code(run)) == (RunState.FINISHED, code)
    assert place.provider.requests == calls
    assert again.tally.recalled == expected.count(RowState.ANSWERED)
    with out.open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(bodies)
