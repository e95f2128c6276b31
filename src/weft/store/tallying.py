"""How a run stands: its line, its spec and its counts as a `Run` with a `Tally`.

Knows that counts of a run at rest are kept with it and all others are counted when asked for
(about 0.2 µs a row). Refuses to write anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from sqlalchemy import bindparam, func, or_, select

from weft.ids import RunId
from weft.kit import plain_json
from weft.money import Budget, Usd
from weft.protocols import Standing
from weft.row import RowState
from weft.run import Run, RunSpec, RunState, Tally, Wish
from weft.store.lines import RunLine
from weft.store.reading import Reader
from weft.store.sql import EMPTY, Sql, number, word
from weft.store.tables import ROW_CODES, calls, rows, runs

_LINE = [runs.c[name] for name in RunLine.__slots__]
NEWEST_RUNS = Sql(
    select(runs.c.spec, runs.c.created_at, *_LINE)
    .order_by(runs.c.created_at.desc(), runs.c.seq.desc())
    .limit(bindparam("limit"))
    .offset(number(0)),
    "limit",
)
UNFINISHED = Sql(
    # Read every second by everybody who takes up runs: no spec, no counts.
    select(runs.c.id, runs.c.state, runs.c.reason, runs.c.owner, runs.c.beats, runs.c.epoch)
    .where(
        runs.c.state.in_([word(str(each)) for each in ("drafted", "queued", "running", "paused")]),
        or_(runs.c.reason == EMPTY, runs.c.reason == bindparam("reason")),
    )
    .order_by(runs.c.created_at, runs.c.seq),
    "reason",
)
ONE_RUN = Sql(select(runs.c.spec, runs.c.created_at, *_LINE).where(runs.c.id == bindparam("run")), "run")
COUNT_ROWS = Sql(
    # Not grouped: SQLite would sort every row of the run in memory to form six groups. Filtered: what
    # does not count costs no step of an aggregate, so that this takes half the time of six cases.
    select(
        *(func.count().filter(rows.c.state == number(code)) for code in range(len(ROW_CODES))),
        func.count().filter(rows.c.recalled == number(1)),
    ).where(rows.c.spot >= bindparam("first"), rows.c.spot < bindparam("end")),
    "first", "end",
)  # fmt: skip
SENT_PLACES = Sql(
    # `state < 3` as in the index of open calls; reserved calls have not asked anything yet.
    select(calls.c.places).where(
        calls.c.run == bindparam("run"), calls.c.state < number(3), calls.c.state > number(0)
    ),
    "run",
)

LOOK_PLACES = 500  # places of one query
STILL_WAITING = Sql(
    select(func.count()).where(
        rows.c.spot.in_([bindparam(f"s{n}") for n in range(LOOK_PLACES)]), rows.c.state == number(0)
    ),
    *(f"s{n}" for n in range(LOOK_PLACES)),
)


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows of a run by stored state (`tables.ROW_CODES`), and those that were recalled."""

    by_code: tuple[int, ...]
    recalled: int

    @property
    def text(self) -> str:
        """The counts as JSON, as they are kept with a run at rest."""
        return orjson.dumps([list(self.by_code), self.recalled]).decode()

    def of(self, state: RowState) -> int:
        """How many rows are stored in a state."""
        return self.by_code[ROW_CODES[state]]


NOT_COUNTED = RowCounts((0,) * len(ROW_CODES), 0)
"""Where nobody wants to know."""


def count_rows(execute: Callable[..., Any], line: RunLine) -> RowCounts:
    """Count the rows of a run, or take the counts that are kept with it.

    Args:
        execute: runs a statement and gives what it found as an iterable of tuples.
    """
    if line.counted is not None:
        by_code, recalled = orjson.loads(line.counted)
        return RowCounts(tuple(by_code), recalled)
    ((*by_code, recalled),) = execute(COUNT_ROWS, (line.base, line.end))
    return RowCounts(tuple(by_code), recalled)


def read_run(reader: Reader, run: RunId, counted: bool = True) -> Run:  # noqa: FBT001, FBT002 - handed on as it is
    """Read one run with its tally.

    Args:
        reader: reads.
        run: which one.
        counted: `False` leaves the counts of rows at zero, unless they are kept with the run.

    Raises:
        UnknownName: if there is none.
    """
    found = reader.fetch(ONE_RUN, (run,))
    if not found:
        reader.run(run)  # says so
    return _run(reader, found[0], counted=counted)


def read_runs(reader: Reader, limit: int, counted: bool = True) -> list[Run]:  # noqa: FBT001, FBT002 - handed on as it is
    """Read the newest runs first, with their tallies; `counted` as for `read_run`."""
    return [_run(reader, found, counted=counted) for found in reader.fetch(NEWEST_RUNS, (limit,))]


def read_unfinished(reader: Reader, reason: str) -> list[Standing]:
    """Read how runs stand that have not ended, the oldest first."""
    return [
        Standing(RunId(run), RunState(state), why, owner, beats, epoch)
        for run, state, why, owner, beats, epoch in reader.fetch(UNFINISHED, (reason,))
    ]


def asked_places(reader: Reader, run: int) -> frozenset[int]:
    """Places in calls that were sent and not settled."""
    return frozenset(
        place for (places,) in reader.fetch(SENT_PLACES, (run,)) for place in orjson.loads(places)
    )


def spec_facts(spec: RunSpec) -> dict[str, Any]:
    """Lay a spec out as plain JSON values."""
    return asdict(spec) | {"columns": list(spec.columns), "fields": list(spec.fields)}


def read_spec(text: str) -> RunSpec:
    """Read a spec back from its JSON; what a later release added and this one lacks is left out."""
    facts = {
        name: value for name, value in plain_json.load(text.encode()).items() if name in RunSpec.__slots__
    }
    return RunSpec(**facts | {"columns": tuple(facts["columns"]), "fields": tuple(facts["fields"])})


def _run(reader: Reader, found: tuple[Any, ...], *, counted: bool = True) -> Run:
    spec, created_at, *fields = found
    line = RunLine.read(fields)
    usd = None if line.budget_usd is None else Usd(line.budget_usd)
    known = counted or line.counted
    rows = count_rows(reader.fetch, line) if known else NOT_COUNTED
    return Run(
        id=line.id,
        spec=read_spec(spec),
        state=RunState(line.state),
        created_at=created_at,
        name=line.name,
        budget=Budget(usd=usd, tokens=line.budget_tokens),
        epoch=line.epoch,
        reason=line.reason,
        message=line.message,
        elapsed_s=line.elapsed_s,
        first_start=line.first_start,
        last_completion=line.last_completion,
        wish=Wish(line.wish),
        tally=tally_of(line, rows, asked=_count_asked(reader, line) if known else 0),
        changed=line.changed,
    )


def tally_of(line: RunLine, counted: RowCounts, *, asked: int = 0) -> Tally:
    """The tally of a run, from its line and its counted rows; rows in open calls come beside."""
    return Tally(
        total=sum(counted.by_code),
        waiting=counted.of(RowState.WAITING),
        asked=asked,
        answered=counted.of(RowState.ANSWERED),
        failed=counted.of(RowState.FAILED),
        rejected=counted.of(RowState.REJECTED),
        skipped=counted.of(RowState.SKIPPED),
        recalled=counted.recalled,
        calls=line.calls,
        input_tokens=line.input_tokens,
        output_tokens=line.output_tokens,
        cached_input_tokens=line.cached_input_tokens,
        spent=None if line.spent is None else Usd(line.spent),
        unsure=Usd(line.unsure),
        reserved=Usd(line.reserved),
        unknown_calls=line.unknown_calls,
    )


def _count_asked(reader: Reader, line: RunLine) -> int:
    """Rows in calls that were sent and not settled, unless they have ended in another way."""
    spots = [line.base + place for place in asked_places(reader, line.seq)]
    total = 0
    for start in range(0, len(spots), LOOK_PLACES):
        some = spots[start : start + LOOK_PLACES]
        padded = some + [some[0]] * (LOOK_PLACES - len(some))  # one text for every number of places
        total += reader.fetch(STILL_WAITING, padded)[0][0]
    return total
