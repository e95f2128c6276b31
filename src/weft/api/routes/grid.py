"""Looking on while a run goes: its grid, what has changed since, and the rows of one screen.

Knows that a page asks for changes several times a second, so that an answer without news is a few
bytes, and that a grid is packed for whoever takes it so. Refuses to keep anything between requests.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from weft.api.needs import House
from weft.api.permitting import needs
from weft.api.routes.runs import RunPath, told
from weft.api.wire.grid import (
    CURSOR,
    ChangesShape,
    CountsShape,
    GridShape,
    LightRowShape,
    LightRowsShape,
    ProgressShape,
)
from weft.app.summaries import dollars
from weft.app.watching import Progress
from weft.ids import RunId
from weft.kit.plain_json import dump, sayable, sayable_text
from weft.protocols import Glance
from weft.rights import Permission

LONGEST = 200  # characters of a cell
MOST_CELLS = 50  # columns of a light row, if none are named
PACKED_FROM = 1_000  # bytes; packing fewer gains nothing
SEVERAL = r"^[0-9]{1,10}(,[0-9]{1,10}){0,199}$"
routes = APIRouter(tags=["rows"])

Since = Annotated[str, Query(pattern=CURSOR, description="`cursor` of the grid, or of the changes before.")]
Places = Annotated[
    str, Query(alias="at", pattern=SEVERAL, description="Places, at most 200, such as `12,13,14`.")
]
Columns = Annotated[
    list[str],
    Query(
        alias="column",
        max_length=MOST_CELLS,
        description="Only these cells; none = the first 50 of the table.",
    ),
]


@routes.get(
    "/runs/{run}/grid",
    operation_id="get_grid",
    dependencies=[needs(Permission.LOOK)],
    response_model=GridShape,
)
async def get_grid(house: House, request: Request, run: RunPath) -> Response:
    """Tell how every row of a run stands, in one letter each; also while its table is still being read.

    Whoever has it follows with `get_changes`, and has the grid as it is at any time.
    """
    grid = await house.watching.grid(RunId(run))
    body = dump({"cursor": str(grid.cursor), "codes": grid.codes})
    headers = {"Vary": "Accept-Encoding"}
    if len(body) >= PACKED_FROM and _takes_gzip(request.headers.get("accept-encoding", "")):
        body = gzip.compress(body, 1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)


@routes.get("/runs/{run}/changes", operation_id="get_changes", dependencies=[needs(Permission.LOOK)])
async def get_changes(house: House, run: RunPath, *, since: Since) -> ChangesShape:
    """Tell which rows stand differently than at a cursor, and how the run stands; made to be asked often."""
    found = await house.watching.changes(RunId(run), since=int(since))
    return ChangesShape(
        cursor=str(found.cursor),
        reset=found.is_reset,
        more=not found.is_last,
        summary=None if found.progress is None else _progress(found.progress),
        rows=list(found.codes.items()),  # type: ignore[arg-type]  # the store has no other letters
    )


@routes.get("/runs/{run}/cells", operation_id="get_cells", dependencies=[needs(Permission.LOOK)])
async def get_cells(house: House, run: RunPath, *, at: Places, column: Columns = []) -> LightRowsShape:  # noqa: B006 - the framework copies it
    """Tell some rows as a table shows them, with long texts cut."""
    places = [int(each) for each in at.split(",")]
    found = await house.watching.rows(RunId(run), places)
    return LightRowsShape(rows=[_light(each, column) for each in found])


# ── steps ────────────────────────────────────────────────────────────────────────────────────────


def _takes_gzip(accepted: str) -> bool:
    """Whether a browser or program takes an answer that is packed."""
    offers = [each.strip().lower().split(";") for each in accepted.split(",")]
    return any(name.strip() == "gzip" and _weight(facts) > 0 for name, *facts in offers)


def _weight(facts: Sequence[str]) -> float:
    try:
        return min(
            [float(each.partition("=")[2]) for each in facts if each.strip().startswith("q=")] or [1.0]
        )
    except ValueError:
        return 0.0


def _progress(found: Progress) -> ProgressShape:
    run = found.run
    shape = told(run)
    return ProgressShape(
        state=shape.state,
        reason=shape.reason,
        message=shape.message,
        wish=shape.wish,
        total=found.total,
        counts=CountsShape(**found.counts),
        calls=run.tally.calls,
        spent_usd=shape.spent_usd,
        unsure_usd=shape.unsure_usd,
        reserved_usd=dollars(run.tally.reserved),
        budget_usd=shape.budget_usd,
        elapsed_s=run.elapsed_s,
        rows_per_s=found.rows_per_s,
        left_s=found.left_s,
        first_start=run.first_start,
        last_completion=run.last_completion,
    )


def _light(found: Glance, columns: Sequence[str]) -> LightRowShape:
    row = found.outcome
    named = columns or row.cells
    cells = sayable({name: row.cells[name] for name in list(named)[:MOST_CELLS] if name in row.cells})
    short, problem = _cut(cells), _short(sayable_text(row.problem))
    answer = None if row.answer is None else _cut(row.answer)
    summary = problem if answer is None else " · ".join(map(_text, list(answer.values())[:2]))
    return LightRowShape(
        place=row.place,
        line=row.line,
        code=found.code,  # type: ignore[arg-type]  # the store has no other letters
        started_at=found.started_at,
        ended_at=found.ended_at,
        summary=_short(summary),
        cells=short,
        answer=answer,
        problem=problem,
        problem_code=row.problem_code,
        cost_usd=dollars(row.cost),
        attempts=row.attempts,
        recalled=row.recalled,
        cut=(short, answer, problem) != (cells, row.answer, row.problem) or len(named) > MOST_CELLS,
    )


def _cut(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _short(value) for name, value in values.items()}


def _short(value: Any) -> Any:
    """A value as it is, or the beginning of its text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = _text(value)
    return value if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else dump(value).decode()
