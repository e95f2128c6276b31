"""From words of the house to what an agent is told: runs, projections, rows within a size.

Knows how much text one answer may hold, and that a page which would be larger ends early, or has its
longest texts cut. Pure. Refuses to ask anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from weft.agents.sessions import is_at_rest
from weft.agents.shapes import (
    EstimateTold,
    ResultRow,
    Results,
    RunTold,
    TemplateLine,
    Templates,
    TemplateTold,
)
from weft.app.submitting import AGAIN
from weft.app.summaries import dollars, plain_estimate, summarise
from weft.errors import UnknownName
from weft.kit.plain_json import dump
from weft.row import Outcome
from weft.run import Estimate, Run, RunState

PAGE_BYTES = 60_000  # of the rows of one answer; some 15,000 tokens
ROW_BYTES = 20_000  # of one row; beyond it long texts are cut
CUT_CHARS = 1_000  # that a cut text keeps, at most; fewer where there are many
MOST_TEMPLATES = 100  # in one answer


def run_told(run: Run) -> RunTold:
    """A run; one that goes on as soon as there is room is told as queued."""
    summary = summarise(run)
    plain = summary.plain()
    waits = run.reason == AGAIN
    names = set(RunTold.model_fields) - {"is_at_rest", "budget_usd", "budget_tokens", "created_at"}
    return RunTold(
        **{name: plain[name] for name in names - {"state", "reason"}},
        state=RunState.QUEUED.value if waits and run.state is RunState.PAUSED else summary.state,
        reason="" if waits else summary.reason,
        is_at_rest=is_at_rest(run),
        budget_usd=dollars(run.budget.usd),
        budget_tokens=run.budget.tokens,
        created_at=run.created_at,
    )


def estimate_told(estimate: Estimate) -> EstimateTold:
    """A projection."""
    plain = plain_estimate(estimate)
    return EstimateTold(**{name: plain[name] for name in EstimateTold.model_fields})


def templates_told(listed: Iterable[Mapping[str, Any]], containing: str) -> Templates:
    """The list of templates, or those of it that hold a text."""
    wanted = containing.casefold()
    found = [
        TemplateLine(**{name: _listed(each[name]) for name in TemplateLine.model_fields})
        for each in listed
        if wanted in " ".join([each["key"], each["description"], *each["tags"]]).casefold()
    ]
    return Templates(templates=found[:MOST_TEMPLATES], more=max(0, len(found) - MOST_TEMPLATES))


def template_told(plain: Mapping[str, Any]) -> TemplateTold:
    """A template with its text."""
    fields = {
        side: [
            {name: each[name] for name in ("name", "type", "required", "description")} for each in plain[side]
        ]
        for side in ("inputs", "answers")
    }
    names = set(TemplateTold.model_fields) - set(fields)
    return TemplateTold(**{name: plain[name] for name in names}, **fields)  # type: ignore[arg-type]  # pydantic reads them


def results_told(run: Run, found: Sequence[Outcome], *, limit: int, columns: Sequence[str] | None) -> Results:
    """A page of rows: at most `limit`, and no larger than an answer may be.

    Args:
        found: the next rows, one more than `limit` if there are more.
        columns: of the table, in the answer; `None` = all.

    Raises:
        UnknownName: if a column is not in the table.
    """
    for each in columns or ():
        if each not in run.spec.columns:
            raise UnknownName.among("column", each, list(run.spec.columns))
    rows: list[ResultRow] = []
    room = PAGE_BYTES
    for outcome in found[:limit]:
        row, size = _row(outcome, columns)
        if rows and size > room:
            break
        room -= size
        rows.append(row)
    is_last = len(rows) == len(found)
    return Results(
        run=run.id,
        rows=rows,
        next=None if is_last or not rows else rows[-1].place,
        is_complete=is_at_rest(run),
    )


def _row(outcome: Outcome, columns: Sequence[str] | None) -> tuple[ResultRow, int]:
    """A row, and the bytes of its text."""
    cells = {name: value for name, value in outcome.cells.items() if columns is None or name in set(columns)}
    answer = None if outcome.answer is None else dict(outcome.answer)
    size = len(dump([cells, answer, outcome.problem]))
    is_cut = size > ROW_BYTES
    if is_cut:
        most = min(CUT_CHARS, max(8, ROW_BYTES // (len(cells) + len(answer or ()) + 1)))
        cells = {name: _cut(value, most) for name, value in cells.items()}
        answer = None if answer is None else {name: _cut(value, most) for name, value in answer.items()}
        size = len(dump([cells, answer, outcome.problem]))
    row = ResultRow(
        place=outcome.place,
        state=outcome.state.value,
        cells=cells,
        answer=answer,
        problem=outcome.problem,
        cut=is_cut,
    )
    return row, size


def _cut(value: Any, most: int) -> Any:
    """A value of a row that is too long; what is no text is told as text then."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else dump(value).decode()
    return text if len(text) <= most else f"{text[:most]}…"


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
