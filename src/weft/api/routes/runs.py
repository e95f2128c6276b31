"""Runs: hand one in, list, look at, add rows, start, pause, resume, cancel, ask again.

Knows that a run which was handed in is walked by the worker, whatever becomes of the request, and
that a key gives one run however often it comes. Refuses paths: rows come along, or from a table
that was handed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Request
from starlette.responses import JSONResponse, Response

from weft.api.needs import AnOffice, House, Office
from weft.api.paging import USUAL, Cursor, Limit, page
from weft.api.permitting import check, needs, principal_of
from weft.api.placing import placed
from weft.api.problems import Complaint, Refused, invalid
from weft.api.repeating import IdempotencyKey
from weft.api.wire.runs import RUN, ResumeAsked, RowsAsked, RunAsked, RunShape, RunsPage
from weft.app.queueing import LOOK_BACK, PAUSED, QueueDesk
from weft.app.requesting import RunRequest
from weft.app.submitting import AGAIN, Lane, Submission, lane_of, mark_of
from weft.app.summaries import dollars, summarise
from weft.ids import RunId
from weft.kit.plain_json import sayable_text
from weft.money import Budget, Usd
from weft.protocols import ReadOptions
from weft.rights import Permission
from weft.run import Run, RunState

routes = APIRouter(tags=["runs"])
RunPath = Annotated[str, Path(pattern=RUN)]


@dataclass(frozen=True, slots=True)
class Given:
    """Rows of a request with their columns, shaped like a frame."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]

    def iter_rows(self) -> Iterator[Sequence[Any]]:
        """The cells of each row; `None` where it has none."""
        return ([row.get(name) for name in self.columns] for row in self.rows)


# ── handing in ───────────────────────────────────────────────────────────────────────────────────


@routes.post(
    "/runs",
    operation_id="create_run",
    dependencies=[needs(Permission.HAND_OVER)],
    status_code=HTTPStatus.CREATED,
)
async def create_run(
    office: AnOffice, request: Request, asked: RunAsked, *, idempotency_key: IdempotencyKey = ""
) -> RunShape:
    """Hand a run in. It is checked at once, and walked as soon as a lane is free.

    With an `Idempotency-Key` there is one run, however often the request comes, also after a crash.
    """
    if asked.start:
        check(principal_of(request), Permission.RUN)
    body = sha256(await request.body()).hexdigest()
    sender = principal_of(request)

    async def create() -> Response:
        with placed(asked):
            wanted, table = await _request(office, asked)
            submission = Submission(
                sender=sender.id,
                sender_name=sender.name,
                key=idempotency_key,
                body=body,
                table=table,
                settings=asked.settings.given(),
                starts=asked.start,
                lane=Lane(asked.lane),
                other_fields=asked.other_fields,
            )
            run = await office.house.queue_with(asked.settings.given()).submit(wanted, submission)
        office.worker.wake()
        return JSONResponse(told(run).model_dump(mode="json"), status_code=HTTPStatus.CREATED)

    return await office.repeats.once(request, idempotency_key, create)  # type: ignore[return-value]  # its shape is told above


@routes.post("/runs/{run}/rows", operation_id="add_rows", dependencies=[needs(Permission.HAND_OVER)])
async def add_rows(
    office: AnOffice,
    request: Request,
    run: RunPath,
    *,
    asked: RowsAsked,
    idempotency_key: IdempotencyKey = "",
) -> RunShape:
    """Add rows to a run that has not started. With `at` or a key, sending them again changes nothing."""

    async def plan() -> Mapping[str, Any]:
        return {"at": asked.at if asked.at is not None else (await queue(office).get(RunId(run))).tally.total}

    async def add(cut: Mapping[str, Any]) -> Response:
        found = await queue(office).add_rows(RunId(run), asked.rows, at=cut.get("at", asked.at))
        return JSONResponse(told(found).model_dump(mode="json"))

    return await office.repeats.once(request, idempotency_key, add, plan=plan)  # type: ignore[return-value]  # its shape is told above


# ── looking ──────────────────────────────────────────────────────────────────────────────────────


@routes.get("/runs", operation_id="list_runs", dependencies=[needs(Permission.LOOK)])
async def list_runs(house: House, *, limit: Limit = USUAL, cursor: Cursor = "") -> RunsPage:
    """List runs, the newest first; those of the command line too."""
    known = await house.looking.newest(LOOK_BACK if cursor else limit + 1)
    found, following = page(sorted(known, key=_key), listed="runs", cursor=cursor, limit=limit, key=_key)
    return RunsPage(runs=[told(each) for each in found], next=following)


@routes.get("/runs/{run}", operation_id="get_run", dependencies=[needs(Permission.LOOK)])
async def get_run(office: AnOffice, run: RunPath) -> RunShape:
    """Tell how a run stands."""
    return told(await office.house.looking.get(RunId(run)))


# ── saying what is to become of it ───────────────────────────────────────────────────────────────


@routes.post("/runs/{run}/start", operation_id="start_run", dependencies=[needs(Permission.RUN)])
async def start_run(office: AnOffice, run: RunPath) -> RunShape:
    """Let a run start that was handed in with `start: false`; harmless when repeated."""
    return await _woken(office, await queue(office).start(RunId(run)))


@routes.post("/runs/{run}/pause", operation_id="pause_run", dependencies=[needs(Permission.RUN)])
async def pause_run(office: AnOffice, run: RunPath) -> RunShape:
    """Pause a run; answers in flight are awaited and kept.

    A run that another process walks hears of it within seconds; until it rests, `wish` says so.
    """
    return told(await office.worker.pause(RunId(run)))


@routes.post("/runs/{run}/resume", operation_id="resume_run", dependencies=[needs(Permission.RUN)])
async def resume_run(
    office: AnOffice, run: RunPath, asked: Annotated[ResumeAsked, Body(default_factory=ResumeAsked)]
) -> RunShape:
    """Let a run go on that was paused, stopped or cancelled; skipped rows wait again."""
    desk = queue(office)
    budget = None
    if asked.model_fields_set:
        standing = (await desk.get(RunId(run))).budget
        usd = standing.usd if "budget_usd" not in asked.model_fields_set else _usd(asked.budget_usd)
        given = "budget_tokens" in asked.model_fields_set
        budget = Budget(usd=usd, tokens=asked.budget_tokens if given else standing.tokens)
    return await _woken(office, await desk.resume(RunId(run), budget=budget))


@routes.post("/runs/{run}/cancel", operation_id="cancel_run", dependencies=[needs(Permission.RUN)])
async def cancel_run(office: AnOffice, run: RunPath) -> RunShape:
    """End a run; answers in flight are kept, the other rows are skipped. `resume` may take it up again.

    For a run that another process walks the same holds as for `pause`.
    """
    return told(await office.worker.cancel(RunId(run)))


@routes.post("/runs/{run}/retries", operation_id="retry_rows", dependencies=[needs(Permission.RUN)])
async def retry_rows(office: AnOffice, run: RunPath) -> RunShape:
    """Ask again about every row that has failed."""
    return await _woken(office, await queue(office).retry(RunId(run)))


@routes.post(
    "/runs/{run}/rows/{place}/retries", operation_id="retry_row", dependencies=[needs(Permission.RUN)]
)
async def retry_row(office: AnOffice, run: RunPath, place: Annotated[int, Path(ge=0, le=2**31)]) -> RunShape:
    """Ask again about one row that has failed; its calls stay in its story."""
    return await _woken(office, await queue(office).retry(RunId(run), place=place))


# ── steps ────────────────────────────────────────────────────────────────────────────────────────


def queue(office: Office) -> QueueDesk:
    """The desk for runs that the worker walks, with the server's own settings."""
    return office.house.queue_with({})


def told(run: Run) -> RunShape:
    """A run on the wire.

    One that goes on as soon as a lane is free is told as queued, and a draft may be paused.
    """
    found = summarise(run).plain()
    mark = mark_of(run) or {}
    if mark:
        found["table"] = mark.get("table") or "rows of the request"
        if run.reason == AGAIN:
            found["reason"] = ""
            if run.state in {RunState.PAUSED, RunState.DRAFTED}:  # a draft whose table is to be read
                found["state"] = RunState.QUEUED.value
        elif run.reason == PAUSED and run.state is RunState.DRAFTED:
            found["state"] = RunState.PAUSED.value
    return RunShape(
        id=found.pop("run"),
        columns=list(map(sayable_text, run.spec.columns)),  # an older weft took any name
        fields=list(run.spec.fields),
        created_at=run.created_at,
        created_by=mark.get("sender", ""),
        created_by_name=mark.get("sender_name", ""),
        lane=lane_of(run).value,
        warnings=mark.get("warnings", []),
        budget_usd=dollars(run.budget.usd),
        budget_tokens=run.budget.tokens,
        **found,
    )


async def _request(office: Office, asked: RunAsked) -> tuple[RunRequest, str]:
    """What is asked of the desk, and what its table is called.

    Raises:
        Refused: if there is a table and rows, or neither.
        UnknownName: if there is no such table.
    """
    table: Any = None
    name, read = "", ReadOptions()
    if asked.table is not None:
        known = asked.table
        kept = await asyncio.to_thread(lambda: office.house.tables.get(known))
        table, name, read = kept.path, kept.name, kept.read
    elif asked.columns:
        table = Given(asked.columns, asked.rows or ())
    elif asked.rows:
        table = asked.rows
    _check_table(asked, has_rows=table is not None)
    return RunRequest(
        table=table,
        template=asked.template,
        variants=asked.variants,
        prompt=asked.prompt,
        fields=tuple(asked.fields),
        mapping=tuple(asked.mapping),
        read=read,
        limit=asked.limit,
        fresh=asked.fresh,
        name=asked.name,
    ), name


def _check_table(asked: RunAsked, *, has_rows: bool) -> None:
    complaints = []
    if not has_rows:
        complaints.append(Complaint(path="body.table", message="is missing; give a table or rows."))
    if asked.table is not None and (asked.rows is not None or asked.columns):
        complaints.append(
            Complaint(path="body.rows", message="are given beside a table; leave one of them out.")
        )
    known = set(asked.columns)
    for number, row in enumerate(asked.rows or () if known else ()):
        complaints += [
            Complaint(path=f"body.rows.{number}", message=f"`{name[:60]}` is none of the columns.")
            for name in row
            if name not in known
        ][:3]
    if complaints:
        raise Refused(invalid(complaints[:20], status=HTTPStatus.UNPROCESSABLE_ENTITY, code="mistake"))


async def _woken(office: Office, run: Run) -> RunShape:
    office.worker.wake()
    return told(run)


def _usd(text: str | None) -> Usd | None:
    return None if text is None else Usd.of(text)


def _key(run: Run) -> str:
    return f"{10**12 - run.created_at:020.6f} {run.id}"
