"""How rows stand: outcomes for people, raw tuples for exports, calls as plain values.

Knows that memory must not grow with the run: everything is read in pages by place, so that no
reader holds an old state of the database for long. Refuses to write anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import bindparam, case, select
from sqlalchemy.sql.elements import literal_column

from weft.ids import CallId, RunId
from weft.kit import plain_json
from weft.money import Usd
from weft.protocols import AnswerRow, ExportRow
from weft.row import Outcome, RowState
from weft.store.lines import RunLine
from weft.store.reading import Reader
from weft.store.sql import Sql, number, word
from weft.store.tables import CALL_STATES, ROW_CODES, calls, cells, replies, rows, runs
from weft.store.tallying import asked_places, read_run

FIRST = 60  # rows read first: who wants to see a page need not wait for two thousand
PAGE = 2_000  # rows read at once after that, about 1 MB of ordinary cells

_STATE = case(*((rows.c.state == number(code), word(state.value)) for state, code in ROW_CODES.items()))
OUTCOME = (
    (rows.c.spot - bindparam("base")).label("place"), cells.c.line, cells.c.cells, _STATE, rows.c.answer,
    rows.c.problem, rows.c.problem_code, rows.c.cost, rows.c.input_tokens, rows.c.output_tokens,
    rows.c.attempts, calls.c.id, rows.c.recalled, rows.c.notes,
)  # fmt: skip
"""What `outcome_of` reads."""
_WITH_CELLS = rows.join(cells, cells.c.spot == rows.c.spot)
_NEXT = (rows.c.spot > bindparam("after"), rows.c.spot < bindparam("end"))
EXPORT = Sql(
    select(*OUTCOME)
    .select_from(_WITH_CELLS.outerjoin(calls, calls.c.seq == rows.c.call))
    .where(*_NEXT, literal_column("(1 << rows.state)").op("&")(bindparam("states")) > number(0))
    .order_by(rows.c.spot)
    .limit(bindparam("limit"))
    .offset(number(0)),
    "base", "after", "end", "states", "limit",
)  # fmt: skip
ANSWERED = Sql(
    select(OUTCOME[0], cells.c.cells, rows.c.answer)
    .select_from(_WITH_CELLS)
    .where(*_NEXT)
    .order_by(rows.c.spot)
    .limit(bindparam("limit"))
    .offset(number(0)),
    "base", "after", "end", "limit",
)  # fmt: skip

_CALL = ("id", "places", "labels", "attempt", "state", "reserved", "reserved_tokens", "cost", "estimated",
         "input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens", "model", "request_id",
         "reserved_at", "sent_at", "answered_at", "ended_at", "problem_code", "problem")  # fmt: skip
CALLS = Sql(
    select(*(calls.c[name] for name in _CALL), replies.c.status, replies.c.elapsed_s)
    .select_from(
        calls.join(runs, runs.c.seq == calls.c.run).outerjoin(replies, replies.c.call == calls.c.seq)
    )
    .where(runs.c.id == bindparam("run"))
    .order_by(calls.c.seq),
    "run",
)


class OutcomesPart:
    """The store's reports on rows and calls; see the end of `weft.protocols.RunStore`."""

    _reader: Reader

    def outcomes(self, run: RunId, *, after: int = -1, states: Sequence[RowState] = ()) -> Iterator[Outcome]:
        """Stream outcomes in the order of the table; memory does not grow with the run.

        Every page of up to 2,000 rows shows one moment; rows that move while pages are read may show
        an older or a newer state, but none is left out and none comes twice.

        Raises:
            UnknownName: if there is no such run.
        """
        columns = read_run(self._reader, run, counted=False).spec.columns
        return (outcome_of(columns, row) for row in self.export_rows(run, after=after, states=states))

    def export_rows(
        self, run: RunId, *, after: int = -1, states: Sequence[RowState] = ()
    ) -> Iterator[ExportRow]:
        """Stream rows as plain tuples in the order of `ExportRow`; the fast way of `outcomes`."""
        return self._pages(self._reader.run(run), after, frozenset(states or RowState))

    def answer_rows(self, run: RunId, *, after: int = -1) -> Iterator[AnswerRow]:
        """Stream rows without the facts about them: the driver takes its time for every column."""
        line, size = self._reader.run(run), FIRST
        while page := self._reader.fetch(ANSWERED, (line.base, line.base + after, line.end, size)):
            yield from page
            if len(page) < size:
                return
            after, size = page[-1][0], PAGE

    def _pages(self, line: RunLine, after: int, states: frozenset[RowState]) -> Iterator[ExportRow]:
        stored = states | {RowState.WAITING} if RowState.ASKED in states else states
        mask = sum(1 << ROW_CODES[state] for state in stored)
        size = FIRST
        while True:
            asked = asked_places(self._reader, line.seq)
            page = self._reader.fetch(EXPORT, (line.base, line.base + after, line.end, mask, size))
            if asked or len(stored) != len(states):
                yield from _with_asked(page, asked, states)
            else:
                yield from page
            if len(page) < size:
                return
            after = page[-1][0]
            size = PAGE

    async def calls(self, run: RunId, *, place: int | None = None) -> list[Mapping[str, Any]]:
        """The calls of a run, or those that carried one row, oldest first, as plain values.

        Costs in nano-dollars, times in seconds since the epoch, `state` in words; `status` and
        `elapsed_s` are `None` for calls without a reply.

        Raises:
            UnknownName: if there is no such run.
        """
        return await self._reader.apart(_calls, run, place)


def _with_asked(
    page: list[ExportRow], asked: frozenset[int], states: frozenset[RowState]
) -> Iterator[ExportRow]:
    for row in page:
        state = row[3]
        if state == RowState.WAITING and row[0] in asked:
            state = RowState.ASKED.value
        if state in states:
            yield (*row[:3], state, *row[4:])


def outcome_of(columns: Sequence[str], row: ExportRow) -> Outcome:
    """A row as it was read by `OUTCOME`."""
    (
        place,
        line,
        values,
        state,
        answer,
        problem,
        code,
        cost,
        tokens_in,
        tokens_out,
        attempts,
        call,
        recalled,
        notes,
    ) = row
    return Outcome(
        place=place,
        line=line,
        cells=dict(zip(columns, plain_json.load(values), strict=False)),
        state=RowState(state),
        answer=None if answer is None else plain_json.load(answer),
        problem=problem,
        problem_code=code,
        cost=None if cost is None else Usd(cost),
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        attempts=attempts,
        call=None if call is None else CallId(call),
        recalled=bool(recalled),
        notes=tuple(plain_json.load(notes.encode())) if notes else (),
    )


def _calls(reader: Reader, run: RunId, place: int | None) -> list[Mapping[str, Any]]:
    reader.run(run)
    found = (_call_facts(each) for each in reader.fetch(CALLS, (run,)))
    return [facts for facts in found if place is None or place in facts["places"]]


def _call_facts(found: Sequence[Any]) -> dict[str, Any]:
    facts = dict(zip((*_CALL, "status", "elapsed_s"), found, strict=True))
    facts["places"], facts["labels"] = orjson.loads(facts["places"]), orjson.loads(facts["labels"])
    facts["state"] = CALL_STATES[facts["state"]].value
    facts["estimated"] = bool(facts["estimated"])
    return facts
