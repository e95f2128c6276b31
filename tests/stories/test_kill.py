"""Real processes are killed, stopped and frozen at random moments, in front of a server with a bill."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.stories.kills import (
    CONCURRENCY,
    ROWS_PER_CALL,
    STORES,
    Glimpse,
    Life,
    Site,
    cost_of,
    nanos,
    serving,
)

from weft.errors import Halt, RunBusy
from weft.kit.clocks import SystemClock
from weft.run import RunState

ROWS, QUESTIONS = 3_000, 600  # every question stands in five rows: much to read and to write, little to ask
BODIES = [f"Text number {n * 7919 % QUESTIONS} tells of something." for n in range(ROWS)]
OLD = b"id,body\n1,what an earlier export wrote\n"
LATENCY_MS = 25
STORMS, KILLS = 2, 30
TRIES = 5  # a machine with much to do may let a process end between two looks


@dataclass
class Storm:
    """What was seen of one errand and its deaths.

    Attributes:
        deaths: the store as each kill left it.
        files: the export as each kill left it.
        paid: how often each question was billed.
        billed: the server's bill in nano-dollars.
        runs: what `weft runs` says at the end, newest first.
        again: requests of one more run after the errand was done.
    """

    site: Site
    deaths: list[Glimpse] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    out: bytes = b""
    paid: Counter[int] = field(default_factory=Counter)
    billed: int = 0
    runs: list[dict] = field(default_factory=list)
    again: int = 0


def starting(life: Life, random: Random) -> None:
    """While Python and weft are loaded, or a little later."""
    life.lives_for(random.uniform(0.05, 0.8))


def reading(life: Life, random: Random) -> None:
    """While the table is read into the store."""
    life.until(life.has_begun)
    life.lives_for(random.uniform(0, 0.04))


def walking(life: Life, random: Random) -> None:
    """While calls are made, and replies and answers written down."""
    asked = random.randint(1, 12)
    life.until(lambda: life.has_asked(asked))
    life.lives_for(random.uniform(0, 2 * LATENCY_MS / 1000))


def exporting(life: Life, random: Random) -> None:
    """While the new file is written beside the old one."""
    life.until(life.is_exporting)


def moments(random: Random) -> list[Callable[[Life, Random], None]]:
    """Half of the kills: each phase has its share, and those before the export are mixed."""
    middle = [starting] + [walking] * 7
    random.shuffle(middle)
    return [starting, reading, reading, reading, *middle, *[exporting] * 3]


def strike(site: Site, moment: Callable[[Life, Random], None], random: Random) -> None:
    """Start the errand and kill it at a moment; if the moment was missed, start it again."""
    for _ in range(TRIES):
        life = site.run()
        moment(life, random)
        if life.kill():
            return
        assert life.end() == 0, life.said
    raise AssertionError(f"{moment.__name__} was missed {TRIES} times")


def rage(folder: Path, seed: int) -> Storm:
    """Kill the errand again and again, then let it finish; seed 0 leaves it alone."""
    random = Random(seed)
    with serving(folder, latency_ms=LATENCY_MS) as server:
        storm = Storm(Site(folder / "site", server, BODIES))
        site = storm.site
        site.out.write_bytes(OLD)
        for moment in moments(random) if seed else []:
            strike(site, moment, random)
            billed, left = cost_of(server.bill()), site.glimpse()
            assert billed <= left.booked  # I6, also at this moment
            storm.deaths.append(left)
            storm.files.append(site.out.read_bytes())
        last = site.run()
        assert last.end() == 0, last.said
        storm.out, storm.runs = site.out.read_bytes(), site.runs()
        bill = server.bill()
        storm.paid, storm.billed = Counter(row for call in bill for row in call.digests), cost_of(bill)
        before = server.requests
        assert site.run().end() == 0
        storm.again = server.requests - before
    return storm


def test_thirty_kills_lose_nothing(tmp_path: Path) -> None:
    """Law 3, L1, L4, L22, P31, I1-I9: killed thirty times in every phase, the same command ends with the same bytes."""
    with ThreadPoolExecutor(STORMS) as pool:
        calm, *storms = pool.map(lambda seed: rage(tmp_path / str(seed), seed), range(STORMS + 1))

    phases = Counter(death.state for storm in storms for death in storm.deaths)
    assert phases.total() == KILLS
    assert phases[RunState.DRAFTED]
    assert phases[RunState.RUNNING]
    assert phases[RunState.FINISHED]
    for storm in storms:
        check_end(storm, calm)


def check_end(storm: Storm, calm: Storm) -> None:
    """What a storm may leave behind: the calm's bytes, and a bill within the bound."""
    in_flight = sum(death.sent for death in storm.deaths)
    paid_again = {row: times for row, times in storm.paid.items() if times > 1}
    first = storm.runs[-1]

    assert storm.out == calm.out
    assert storm.files == sorted(storm.files, key=[OLD, calm.out].index)  # L22: the old one or all of the new
    assert set(storm.paid) == set(calm.paid)
    assert sum(times - 1 for times in paid_again.values()) <= in_flight
    assert in_flight <= len(storm.deaths) * CONCURRENCY * ROWS_PER_CALL
    assert storm.billed <= sum(nanos(run["spent_usd"]) for run in storm.runs)
    assert nanos(first["unsure_usd"]) > 0 or not in_flight
    assert all((run["total"], run["waiting"], run["failed"]) == (ROWS, 0, 0) for run in storm.runs)
    assert all(run["answered"] + run["recalled"] == ROWS for run in storm.runs)
    assert storm.again == 0
    assert storm.site.names() == {"table.csv", "prices.toml", "weft.db", "out.csv"}


# ── asked to stop ────────────────────────────────────────────────────────────────────────────────

FEW = [f"Short text number {n} says little." for n in range(60)]


def calm_bytes(folder: Path) -> bytes:
    """What the errand about a few texts writes if nobody disturbs it."""
    with serving(folder, latency_ms=0) as server:
        site = Site(folder / "site", server, FEW)
        life = site.run()
        assert life.end() == 0, life.said
        return site.out.read_bytes()


def test_stopped_runs_end_with_the_same_bytes(tmp_path: Path) -> None:
    """L2, I20: stopped three times and resumed by the printed command, nothing is lost or paid twice."""
    expected, random = calm_bytes(tmp_path / "calm"), Random(5)
    with serving(tmp_path / "stops", latency_ms=60) as server:
        site = Site(tmp_path / "stops" / "site", server, FEW)
        life = site.run()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            life.until(lambda life=life: life.has_settled(1))
            life.lives_for(random.uniform(0, 0.06))
            life.signal(number)
            assert life.end() == Halt.exit_code, life.said
            left = site.glimpse()
            assert (left.state, left.sent, left.answered) == (RunState.PAUSED, 0, 0)
            life = site.start(*life.command_to_resume())
        assert life.end() == 0, life.said
        paid, status = Counter(row for call in server.bill() for row in call.digests), site.status()

    assert site.out.read_bytes() == expected
    assert set(paid.values()) == {1}
    assert len(paid) == len(FEW)
    assert status["unknown_calls"] == 0
    assert nanos(status["spent_usd"]) == cost_of(server.bill())


def test_answers_are_not_awaited_for_ever(tmp_path: Path) -> None:
    """L2, I6, I20: after the grace calls in flight are booked as perhaps billed, and their rows wait."""
    with serving(tmp_path / "slow", latency_ms=60_000) as server:
        site = Site(tmp_path / "slow" / "site", server, FEW)
        life = site.run("--grace-s", "0.1")
        life.until(lambda: life.has_asked(CONCURRENCY))
        life.signal(signal.SIGTERM)
        code, left, billed = life.end(), site.glimpse(), cost_of(server.bill())

    assert code == Halt.exit_code, life.said
    assert life.command_to_resume()
    assert (left.state, left.sent, left.ended) == (RunState.PAUSED, 0, 0)
    assert left.states == ("unknown",) * CONCURRENCY
    assert left.booked >= billed > 0


def test_run_stops_while_its_table_is_read(tmp_path: Path) -> None:
    """L2: stopped before anything was asked, the printed command reads on and finishes."""
    with serving(tmp_path / "reading", latency_ms=0) as server:
        site = Site(tmp_path / "reading" / "site", server, FEW[:2] * 20_000)
        life = site.run()
        life.until(life.has_begun)
        life.signal(signal.SIGTERM)
        code, left, requests = life.end(), site.glimpse(), server.requests
        again = site.start(*life.command_to_resume())
        assert again.end() == 0, again.said

    assert code == Halt.exit_code, life.said
    assert left.state is RunState.DRAFTED
    assert requests == 0
    assert site.out.read_bytes().count(b"\n") == 40_001


def test_frozen_process_changes_no_rows(tmp_path: Path) -> None:
    """L13, I10: a process that wakes after another took its run over books what it paid and leaves."""
    expected = calm_bytes(tmp_path / "calm")
    with serving(tmp_path / "frozen", latency_ms=150) as server:
        site = Site(tmp_path / "frozen" / "site", server, FEW)
        zombie = site.run()
        zombie.until(lambda: zombie.has_settled(CONCURRENCY) and zombie.has_asked(2 * CONCURRENCY))
        zombie.signal(signal.SIGSTOP)
        frozen = site.glimpse()
        asyncio.run(usurp(site))
        heir = site.run()
        assert heir.end() == 0, heir.said
        before, rows = site.glimpse(), site.out.read_bytes()
        zombie.signal(signal.SIGCONT)
        code, after = zombie.end(), site.glimpse()
        billed = cost_of(server.bill())
        assert site.start("export", "--out", "again.csv", "--store", "weft.db").end() == 0

    assert frozen.sent
    assert code == RunBusy.exit_code, zombie.said
    assert "held by another process now" in zombie.said
    assert "Traceback" not in zombie.said
    assert rows == expected == (site.folder / "again.csv").read_bytes()
    assert before.states.count("unknown") * ROWS_PER_CALL == frozen.sent
    assert after.states.count("unknown") == 0
    assert after.booked == billed
    assert (after.state, after.ended) == (before.state, before.ended) == (RunState.FINISHED, len(FEW))


async def usurp(site: Site) -> None:
    """Take the newest run from its owner, as everybody may whose patience is over, and let it go."""
    store = STORES.get("sqlite").open(f"sqlite:///{site.store}", clock=SystemClock())
    run = (await store.runs(limit=1))[0].id
    await store.let_go(run, epoch=await store.take_over(run, owner="test", stale_after_s=0))
    await store.close()
