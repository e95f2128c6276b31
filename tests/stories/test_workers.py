"""Several processes walk the runs of one server: they share the work, the money, and each other's fate."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from tests.contracts.servers import emptied_store
from tests.stories.kills import PRICES, STORES, WEFT, Server, cost_of, nanos
from tests.stories.kills import serving as model_with_bill
from tests.stories.test_serve import Serving, start
from tests.stories.test_serve_runs import ask_for, end, exported, wait

from weft.kit.clocks import SystemClock
from weft.money import Usd

ROWS, ROWS_PER_CALL, CONCURRENCY = 200, 4, 4
LATENCY_MS = 60
PATIENCE_S = 30


class Site:
    """A project that asks a model with a bill, its server, and workers beside it."""

    def __init__(self, folder: Path, model: Server, store: str) -> None:
        folder.mkdir()
        self.folder, self.model, self.store = folder, model, store
        (folder / "prices.toml").write_text(PRICES, encoding="utf-8")
        (folder / "weft.toml").write_text(
            f'model = "openai/gpt-4o-mini"\nbase_url = "{model.url}/v1"\nprices = "prices.toml"\n'
            f'rows_per_call = {ROWS_PER_CALL}\nconcurrency = {CONCURRENCY}\nstore = "{store}"\n',
            encoding="utf-8",
        )
        self.workers: list[subprocess.Popen[str]] = []
        self.server: Serving | None = None

    def serve(self, *flags: str) -> Serving:
        """Start the server."""
        self.server = start(self.folder, *flags)
        return self.server

    def hire(self, *flags: str, count: int = 1) -> list[subprocess.Popen[str]]:
        """Start workers; they walk as soon as this returns."""
        hired = [
            subprocess.Popen(
                [*WEFT, "worker", *flags], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for _ in range(count)
        ]  # fmt: skip
        self.workers += hired
        for each in hired:
            assert each.stdout is not None
            assert "Walking" in each.stdout.readline()
        return hired

    def paid(self) -> Counter[int]:
        """How often each row's content was charged."""
        return Counter(row for call in self.model.bill() for row in call.digests)

    def owners(self) -> dict[str, int]:
        """Run → the process that owns it, of those that have an owner."""

        async def look() -> dict[str, int]:
            store = STORES.get(self.store.partition(":")[0]).open(self.store, clock=SystemClock())
            try:
                found = await store.unfinished(reason="")
                return {each.run: int(each.owner.split("|")[1]) for each in found if each.owner}
            finally:
                await store.close()

        return asyncio.run(look())

    def leave(self, run: str) -> None:
        """Take a run from its owner, as everybody may whose patience is over, and let it go."""

        async def usurp() -> None:
            store = STORES.get(self.store.partition(":")[0]).open(self.store, clock=SystemClock())
            await store.let_go(run, epoch=await store.take_over(run, owner="test", stale_after_s=0))
            await store.close()

        asyncio.run(usurp())

    def keeps_its_file(self) -> bool:
        """Whether the store is a file that is being written: its lock ends with the process alone."""
        if not self.store.startswith("sqlite"):
            return False
        with closing(sqlite3.connect(self.store.removeprefix("sqlite:///"), timeout=0.5)) as file:
            try:
                file.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            file.rollback()
            return False

    def problems(self) -> list[str]:
        """What does not add up in the books."""

        async def audit() -> list[str]:
            store = STORES.get(self.store.partition(":")[0]).open(self.store, clock=SystemClock())
            try:
                return await store.audit()
            finally:
                await store.close()

        return asyncio.run(audit())

    def close(self) -> None:
        """Leave no process behind."""
        for worker in self.workers:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGCONT)
            worker.kill()
            worker.communicate(timeout=PATIENCE_S)
        if self.server is not None:
            end(self.server)


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A project over each kind of store."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    store = f"sqlite:///{tmp_path}/site/weft.db" if request.param == "sqlite" else emptied_store()
    with model_with_bill(tmp_path / "model", latency_ms=LATENCY_MS) as model:
        found = Site(tmp_path / "site", model, store)
        yield found
        found.close()


def hand_in(program: httpx.Client, name: str, rows: int = ROWS, **more: Any) -> str:
    """Hand a run in whose rows no other run has; its id."""
    lines = [{"body": f"Text {number} of {name} tells of something."} for number in range(rows)]
    run: str = ask_for(program, rows=lines, name=name, **more)["id"]
    return run


def listed(program: httpx.Client, runs: Collection[str]) -> list[dict[str, Any]]:
    """How these runs stand, in one look."""
    found = program.get("/api/v1/runs", params={"limit": 200}).json()["runs"]
    return [each for each in found if each["id"] in runs]


def test_bill_is_the_ledger_of_four_processes(site: Site) -> None:
    """I6, I7, P35: four processes walk 32 runs with money for half of their rows: bill = ledger, overspend 0."""
    runs, rows = 32, 48
    server = site.serve("--workers", "0")
    workers = site.hire("--lanes", "4", count=4)
    with server.program() as program:
        trial = wait(program, hand_in(program, "trial run", rows), "finished")
        budget = Usd(nanos(trial["spent_usd"]) // 2)
        more = {"settings": {"budget_usd": format(budget.dollars, "f"), "until_budget": True}}
        begun = [hand_in(program, f"errand {n:02}", rows, **more) for n in range(runs)]
        at_work = set(site.owners().values())
        while any(each["state"] != "stopped" for each in listed(program, begun)):
            at_work |= set(site.owners().values())
        done = [wait(program, each, "stopped") for each in begun]
    code, _, err = server.stop()

    spent = [nanos(each["spent_usd"]) for each in [trial, *done]]
    assert (code, err) == (0, "")
    assert {each["reason"] for each in done} == {"budget_exceeded"}
    assert max(spent[1:]) <= budget  # overspend 0
    assert min(each["answered"] for each in done) >= rows // 8  # short of the last call's upper bound
    assert len(at_work) > 1
    assert at_work <= {each.pid for each in workers}
    assert cost_of(site.model.bill()) == sum(spent)
    assert set(site.paid().values()) == {1}
    assert site.problems() == []


def test_killed_worker_is_followed_by_others(site: Site) -> None:
    """L9, W39: a worker is killed in the middle; another ends its runs, and only calls in flight are paid twice."""
    server = site.serve("--workers", "0")
    first, second = site.hire("--lanes", "2", count=2)
    with server.program() as program:
        runs = [hand_in(program, f"errand {n}") for n in range(4)]
        for each in runs:
            wait(program, each, "running", "finished", answered=ROWS // 6)
        orphans = [run for run, owner in site.owners().items() if owner == first.pid]
        first.kill()
        first.wait(timeout=PATIENCE_S)
        done = [wait(program, each, "finished") for each in runs]
        records = [exported(program, each) for each in runs]

    paid = site.paid()
    assert orphans
    assert second.poll() is None
    assert [each["answered"] for each in done] == [ROWS] * len(runs)
    assert all(row["kind"] for rows in records for row in rows)
    assert len(paid) == ROWS * len(runs)
    assert sum(times - 1 for times in paid.values()) <= len(orphans) * CONCURRENCY * ROWS_PER_CALL
    assert cost_of(site.model.bill()) <= sum(nanos(each["spent_usd"]) for each in done)
    assert site.problems() == []


def test_stopped_worker_leaves_its_runs_in_order(site: Site) -> None:
    """SIGTERM: a worker awaits its answers in flight and ends with 0; the next one goes on, nothing is paid twice."""
    server = site.serve("--workers", "0")
    (worker,) = site.hire()
    with server.program() as program:
        run = hand_in(program, "errand")
        wait(program, run, "running", answered=ROWS // 6)
        worker.send_signal(signal.SIGTERM)
        _, err = worker.communicate(timeout=PATIENCE_S)
        left = program.get(f"/api/v1/runs/{run}").json()
        site.hire()
        done = wait(program, run, "finished")

    assert (worker.returncode, "Traceback" in err) == (0, False)
    assert (left["state"], 0 < left["waiting"] < ROWS) == ("queued", True)
    assert (done["answered"], done["unknown_calls"]) == (ROWS, 0)
    assert set(site.paid().values()) == {1}
    assert cost_of(site.model.bill()) == nanos(done["spent_usd"])


def test_frozen_worker_changes_nothing_when_it_wakes(site: Site) -> None:
    """L13, I10: a worker that wakes after another took its run over books what it has paid, and works on."""
    server = site.serve("--workers", "0")
    (frozen,) = site.hire("--lanes", "1")
    with server.program() as program:
        run = hand_in(program, "errand")
        wait(program, run, "running", answered=ROWS // 6)
        frozen.send_signal(signal.SIGSTOP)
        while site.keeps_its_file():
            frozen.send_signal(signal.SIGCONT)
            Event().wait(0.01)
            frozen.send_signal(signal.SIGSTOP)
        site.leave(run)
        site.hire("--lanes", "1")
        done = wait(program, run, "finished")
        before = exported(program, run)
        frozen.send_signal(signal.SIGCONT)
        other = wait(program, hand_in(program, "another", 8), "finished")
        after, still = exported(program, run), program.get(f"/api/v1/runs/{run}").json()
    frozen.send_signal(signal.SIGTERM)
    _, err = frozen.communicate(timeout=PATIENCE_S)

    assert (frozen.returncode, "Traceback" in err) == (0, False)
    assert (done["answered"], other["answered"]) == (ROWS, 8)
    assert before == after
    assert (still["state"], still["answered"]) == ("finished", ROWS)
    assert sum(times - 1 for times in site.paid().values()) <= CONCURRENCY * ROWS_PER_CALL
    assert site.problems() == []


def test_run_is_held_and_ended_wherever_it_is_walked(site: Site) -> None:
    """A server that only serves pauses and cancels runs of a worker; answers in flight are kept and paid once."""
    slow = {"settings": {"concurrency": 1, "rows_per_call": 1}}
    server = site.serve("--workers", "0")
    site.hire()
    with server.program() as program:
        run, other = hand_in(program, "held", **slow), hand_in(program, "ended", **slow)
        for each in (run, other):
            wait(program, each, "running", answered=3)
        paused = program.post(f"/api/v1/runs/{run}/pause").json()
        cancelled = program.post(f"/api/v1/runs/{other}/cancel").json()
        billed = len(site.model.bill())
        Event().wait(5 * LATENCY_MS / 1000)  # nobody must ask in this time
        still = len(site.model.bill())
        resumed = program.post(f"/api/v1/runs/{run}/resume", json={}).json()
        wait(program, run, "running", answered=paused["answered"] + 3)

    assert (paused["state"], paused["reason"]) == ("paused", "paused")
    assert (cancelled["state"], resumed["state"]) == ("cancelled", "queued")
    assert cancelled["answered"] + cancelled["skipped"] == ROWS
    assert 0 < paused["waiting"] < ROWS
    assert billed == still
    assert set(site.paid().values()) == {1}


def test_server_starts_a_worker_again_that_has_died(tmp_path: Path) -> None:
    """`--workers 2`: the second process is started again when it is killed, and ends with the server."""
    (tmp_path / "weft.toml").write_text('model = "local"\n', encoding="utf-8")
    server = start(tmp_path, "--workers", "2")
    first = children_of(server.process.pid, 1)
    os.kill(first[0], signal.SIGKILL)
    second = children_of(server.process.pid, 1, other_than=first)
    code, _, err = server.stop()

    assert code == 0
    assert "A worker ended with signal 9; another one starts in 0.5 s." in err
    assert not Path(f"/proc/{second[0]}").exists()


def test_worker_ends_with_whoever_started_it(tmp_path: Path) -> None:
    """A server that is killed leaves no worker behind: its closed input says so."""
    (tmp_path / "weft.toml").write_text('model = "local"\n', encoding="utf-8")
    worker = subprocess.Popen(
        [*WEFT, "worker", "--until-closed", "--json"], cwd=tmp_path, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    out, err = worker.communicate(timeout=PATIENCE_S)

    assert (worker.returncode, err) == (0, "")
    assert json.loads(out) == {"lanes": 8, "process": worker.pid}


def children_of(process: int, count: int, *, other_than: list[int] = ()) -> list[int]:  # type: ignore[assignment]  # nobody
    """Wait until a process has so many children that are workers."""
    clock = SystemClock()
    give_up = clock.monotonic() + PATIENCE_S
    while clock.monotonic() < give_up:
        text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
        found = [int(each) for each in text.split() if int(each) not in other_than]
        if len(found) == count:
            return found
        Event().wait(0.05)
    raise AssertionError(f"process {process} has no {count} workers")
