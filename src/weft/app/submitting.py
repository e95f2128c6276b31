"""How a run is handed in, as it is written down with the run: whose it is, how it is walked, by which key.

Knows which runs a worker may take up: those that say so in the store. Refuses to change anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from weft.app.providing import DECODING
from weft.app.summaries import dollars
from weft.errors import Mistake
from weft.ids import RunId, derive
from weft.run import Run, RunSpec, RunState

MARK = "queued"  # in a spec's `prompter_source`: this run was handed in, and how
AGAIN = "queued"  # reason of a run that is to go on as soon as a worker is free
_OF_THE_ERRAND = frozenset({*DECODING, "model", "base_url", "budget_usd", "budget_tokens"})
"""Settings that a run keeps in its spec or its budget; the rest is how it is walked."""


class Lane(StrEnum):
    """How urgent a run is."""

    USUAL = "usual"
    PATIENT = "patient"
    """Is taken up only while no usual run waits, and leaves half of the lanes to others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """How a run is handed in.

    Attributes:
        sender: whose it is, by id.
        sender_name: the same for people; empty = there is no more to tell.
        key: the sender's name for this errand; the same key gives the same run. Empty = none.
        body: hash of all that is asked for; another one under the same key is refused.
        table: what the table is called; empty = rows that come with the request.
        settings: setting → value, for every life of the run.
        starts: it need not wait for `start`.
        lane: how urgent it is.
        other_fields: what to do if its answers have other fields than the last run of its target:
            `warn`, `accept` without a word, or `refuse`.
        warnings: what is to be told about it, wherever it is told.
    """

    sender: str = "local"
    sender_name: str = ""
    key: str = ""
    body: str = ""
    table: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    starts: bool = True
    lane: Lane = Lane.USUAL
    other_fields: str = "warn"
    warnings: Sequence[str] = ()


def mark_of(run: Run) -> Mapping[str, Any] | None:
    """How a run was handed in; `None` for one that was not, but begun by somebody who walks it."""
    found = run.spec.prompter_source.get(MARK)
    return found if isinstance(found, Mapping) else None


def lane_of(run: Run) -> Lane:
    """How urgent a run is; one that was begun on the command line, or long ago, is so as usual."""
    return Lane((mark_of(run) or {}).get("lane", Lane.USUAL))


def wants_worker(run: Run) -> bool:
    """Whether a run may be taken up: it was handed in, and is to go on."""
    if mark_of(run) is None:
        return False
    if run.state in {RunState.QUEUED, RunState.RUNNING}:
        return run.reason in {"", AGAIN}
    return run.state in {RunState.DRAFTED, RunState.PAUSED} and run.reason == AGAIN


def settings_of(run: Run) -> dict[str, Any]:
    """The settings with which a run that was handed in is walked: its pace, and its budget as it stands."""
    mark = mark_of(run) or {}
    asked = {name: value for name, value in mark.get("settings", {}).items() if name not in _OF_THE_ERRAND}
    return asked | {"budget_usd": dollars(run.budget.usd), "budget_tokens": run.budget.tokens}


def id_for(submission: Submission) -> RunId | None:
    """The run that a key stands for; `None` where there is no key."""
    return RunId("r" + derive(f"{submission.sender}\n{submission.key}", 12)) if submission.key else None


def marked(spec: RunSpec, submission: Submission) -> RunSpec:
    """The spec of a run that is handed in."""
    mark = {
        "sender": submission.sender,
        "sender_name": submission.sender_name,
        "lane": submission.lane.value,
        "warnings": list(submission.warnings),
        "body": submission.body,
        "table": submission.table,
        "settings": dict(submission.settings),
    }
    return replace(spec, prompter_source={**spec.prompter_source, MARK: mark})


def check_columns(spec: RunSpec, rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuse rows with columns that a run does not have.

    Raises:
        Mistake: with each of them.
    """
    known = set(spec.columns)
    problems = [
        {"path": f"body.rows.{number}.{name}"[:200], "message": "is no column of this run."}
        for number, row in enumerate(rows)
        for name in row
        if name not in known
    ]
    if problems:
        raise Mistake(
            f"The run has no column `{problems[0]['path'].rpartition('.')[2]}`.",
            hint=f"its columns: {', '.join(spec.columns[:12])}.",
            problems=problems[:20],
        )
