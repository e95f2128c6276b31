"""Hand a run over to a server as `weft.run` would begin it: its table, its task, its settings.

Knows that a file is uploaded and rows in memory go along, in one request or in several, and which
settings are the server's own. Every POST that makes something carries a key, so that it may be sent
again. Refuses to wait for the run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from weft.app.arguments import Sorted
from weft.app.configuring import from_flags, settle
from weft.app.planning import open_rows
from weft.app.requesting import RunRequest
from weft.app.summaries import dollars
from weft.errors import BadSetting, Mistake, Outage, WeftError
from weft.kit import plain_json
from weft.money import Usd
from weft.protocols import Table
from weft.remote._wire import Ask, Wire
from weft.remote.shapes import estimate_of, run_of
from weft.remote.tables import Tables
from weft.run import Estimate, Run
from weft.settings import CHOSEN

MOST_ROWS = 1_000  # of one request
MOST_BYTES = 700_000  # of the rows of one request; its body may be a megabyte


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A run that was handed over.

    Attributes:
        notes: what was found or repaired while its table was opened.
        table: the id of the table that was uploaded for it; empty = none was.
    """

    run: Run
    notes: tuple[str, ...]
    table: str = ""


async def hand_over(wire: Wire, asked: Sorted, request: RunRequest, *, lane: str = "usual") -> Begun:
    """Hand a run over; it starts as soon as a lane is free.

    Args:
        wire: to the server.
        asked: the arguments by where they go.
        request: what is asked about which rows.
        lane: `usual`, or `patient` for one that lets others go first.

    Raises:
        Mistake: of every kind that the asker can make; no model is asked then.
    """
    task = task_of(asked, request) | {"fresh": request.fresh, "name": request.name, "lane": lane}
    if isinstance(request.table, str | Path):
        table = await Tables(wire).upload(request.table, **_reading(request))
        try:
            run = await _create(wire, task | {"table": table.id})
        except WeftError as error:
            if not isinstance(error, Outage):  # after one of those the run may be there
                with suppress(WeftError):
                    await Tables(wire).forget(table.id)
            raise
        return Begun(run=run, notes=table.notes, table=table.id)
    rows = open_rows(request)
    parts = blocks(_cells(rows, request.limit))
    first, second = next(parts, []), next(parts, None)
    task |= {"columns": list(rows.columns), "rows": first}
    if second is None:
        return Begun(run=await _create(wire, task), notes=rows.notes)
    run = await _create(wire, task | {"start": False})
    at = len(first)
    while second is not None:
        await _add(wire, run, second, at=at)
        at, second = at + len(second), next(parts, None)
    started = run_of(await wire.ask(Ask(method="POST", path=f"/runs/{run.id}/start")))
    return Begun(run=started, notes=rows.notes)


async def project(wire: Wire, asked: Sorted, request: RunRequest, *, per_row: bool) -> Estimate:
    """Project what a run would take; asks no model. A table that is handed over for it is removed again.

    Raises:
        Mistake: of every kind that the asker can make.
    """
    task = task_of(asked, request) | {"fresh": request.fresh, "name": request.name, "per_row": per_row}
    tables, table = Tables(wire), None
    if isinstance(request.table, str | Path):
        table = await tables.upload(request.table, **_reading(request))
    else:
        rows = open_rows(request)
        first = next(blocks(_cells(rows, request.limit)), [])
        if len(first) < MOST_ROWS and _is_all(rows, first, request.limit):
            return await _estimate(wire, task | {"rows": first})
        table = await _upload_rows(wire, rows)
    try:
        return await _estimate(wire, task | {"table": table.id})
    finally:
        await tables.forget(table.id)


async def _estimate(wire: Wire, task: Mapping[str, Any]) -> Estimate:
    return estimate_of(await wire.ask(Ask(method="POST", path="/estimates", content=task)))


async def _create(wire: Wire, task: Mapping[str, Any]) -> Run:
    headers = {"Idempotency-Key": wire.new_key()}
    return run_of(await wire.ask(Ask(method="POST", path="/runs", content=task, headers=headers)))


async def _add(wire: Wire, run: Run, rows: Sequence[Mapping[str, Any]], *, at: int) -> None:
    content = {"rows": list(rows), "at": at}
    await wire.ask(Ask(method="POST", path=f"/runs/{run.id}/rows", content=content))


async def _upload_rows(wire: Wire, rows: Table) -> Any:
    async def lines() -> AsyncIterator[bytes]:
        for block in blocks(_cells(rows, None)):
            yield b"".join([plain_json.dump(each) + b"\n" for each in block])

    headers = {"Idempotency-Key": wire.new_key()}
    ask = Ask(method="POST", path="/tables", query={"name": "rows.jsonl"}, stream=lines, headers=headers)
    return await Tables(wire).hand_over(ask)


# ── what is asked ────────────────────────────────────────────────────────────────────────────────


def task_of(asked: Sorted, request: RunRequest) -> dict[str, Any]:
    """What is asked, as the server takes it; the rows are still missing.

    Raises:
        Mistake: if it contradicts itself, or cannot be handed over to a server.
    """
    for name in ("provider", "transport", "listeners"):
        if asked.asked.get(name):
            raise BadSetting(f"`{name}` cannot be handed over to a server.", hint="leave it out.", name=name)
    request.check()
    if Path(request.template).suffix:
        raise Mistake(
            f"`{request.template}` is a file; a server knows templates by their keys.",
            hint="`client.templates.list()` shows them.",
        )
    task = {"prompt": request.prompt, "fields": list(request.fields), "mapping": list(request.mapping)}
    task |= {"template": request.template, "variants": request.variants}
    return task | {"limit": request.limit, "settings": settings_in(asked)}


def settings_in(asked: Sorted) -> dict[str, Any]:
    """The settings of a request, checked as the house checks them.

    Raises:
        BadSetting: naming one that has no usable value, or that is the server's own.
    """
    checked = settle(from_flags(asked.settings, keywords=True))
    for name in asked.settings:
        if name not in CHOSEN:
            raise BadSetting(f"`{name}` is a setting of the server itself.", hint="leave it out.", name=name)
    found = {name: getattr(checked, name) for name in asked.settings}
    if found.get("budget_usd") is not None:
        found["budget_usd"] = dollars(Usd.of(found["budget_usd"]))
    if not found.get("structured", True):
        del found["structured"]
    return found


def _reading(request: RunRequest) -> dict[str, str]:
    found = asdict(request.read)
    if found["ragged"] == "reject":
        del found["ragged"]
    return found


def _cells(rows: Table, limit: int | None) -> Iterator[Mapping[str, Any]]:
    return (row.cells for row in islice(rows.rows(), limit))


def blocks(rows: Iterator[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Rows in so many requests as they need."""
    block: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        weight = len(plain_json.dump(row))
        if block and (len(block) == MOST_ROWS or size + weight > MOST_BYTES):
            yield block
            block, size = [], 0
        block.append(row)
        size += weight
    if block:
        yield block


def _is_all(rows: Table, first: Sequence[Mapping[str, Any]], limit: int | None) -> bool:
    return next(islice(_cells(rows, limit), len(first), None), None) is None
