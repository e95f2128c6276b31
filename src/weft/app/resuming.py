"""Which stored run continues what is asked for, and whether it still is the same errand.

Knows that answers of one run come from one prompt, model and table (I11); what merely changes the
pace may differ. Refuses to walk a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any

from weft.app.requesting import IN_MEMORY
from weft.app.summaries import UNFINISHED
from weft.engine.runner import STALE_AFTER_S
from weft.errors import ChangedSpec, UnknownName
from weft.ids import RunId
from weft.protocols import Store
from weft.row import RowState
from weft.run import Run, RunSpec, RunState
from weft.tables.formats._files import digest_of

LOOK_BACK = 1000  # newest runs among which an unfinished one is looked for
SHOWN_LINES = 12  # of a difference between two templates


async def find_unfinished(store: Store, spec: RunSpec) -> Run | None:
    """The newest run that is the same errand and did not finish; `None` if there is none.

    Args:
        store: where runs are kept.
        spec: what is asked for now.
    """
    wanted = _errand(spec)
    for run in await store.runs(limit=LOOK_BACK):
        if _errand(run.spec) == wanted:
            return run if run.state in UNFINISHED else None  # a later finished one is no reason to go back
    return None


async def changed_since(store: Store, spec: RunSpec) -> str:
    """Say which unfinished run of this table and template is left as it is, and why; empty if none (L11).

    Args:
        store: where runs are kept.
        spec: what is asked for now; no unfinished run is the same errand.
    """
    for run in await store.runs(limit=LOOK_BACK):
        if _subject(run.spec) != _subject(spec):
            continue
        before, now = run.spec.identity, spec.identity
        changed = [name for name, value in now.items() if before[name] != value]
        if run.state not in UNFINISHED or not changed:
            return ""
        return (
            f"Run `{run.id}` did not finish and is left as it is, because what was asked for has changed: "
            f"{', '.join(changed)}. This is a new run; answers that are still valid are recalled."
        )
    return ""


def _subject(spec: RunSpec) -> tuple[str, str]:
    """The table and the template's key: what people mean by "the same run"."""
    return spec.table, spec.template.partition(" ")[0]


def _errand(spec: RunSpec) -> tuple[Any, ...]:
    """All that must be equal: the identity, how the table is read, and whether answers are recalled."""
    return spec.identity, spec.prompter_source.get("read"), spec.fresh


async def newest_unfinished(store: Store) -> Run:
    """The newest run that can be resumed.

    Raises:
        UnknownName: if there is none.
    """
    for run in await store.runs(limit=LOOK_BACK):
        if run.state in UNFINISHED:
            return run
    raise UnknownName("There is no unfinished run to resume.", hint="`weft runs` lists all runs.")


async def find_run(store: Store, name: str | None, *, unfinished: bool = False) -> Run:
    """A run by its id, by the beginning of its id, or by its name; the newest one for `None`.

    Args:
        store: where runs are kept.
        name: what a person wrote.
        unfinished: for `None`, the newest that can be resumed.

    Raises:
        UnknownName: if there is none, or several begin like this.
    """
    if name is None:
        return await newest_unfinished(store) if unfinished else await _newest(store)
    runs = await store.runs(limit=LOOK_BACK)
    for found in ([r for r in runs if r.id == name], [r for r in runs if r.name == name]):
        if found:
            return found[0]
    alike = [r for r in runs if r.id.startswith(name)] if name else []
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise UnknownName(
            f"{len(alike)} runs begin with `{name}`.", hint="write more of the id; `weft runs` lists them."
        )
    try:
        return await store.run(RunId(name))  # older than those that were looked at
    except UnknownName:
        raise UnknownName.among(
            "run", name, [r.id for r in runs], hint="`weft runs` lists all runs."
        ) from None


async def _newest(store: Store) -> Run:
    found = await store.runs(limit=1)
    if not found:
        raise UnknownName("There is no run yet.", hint="`weft run` starts one.")
    return found[0]


async def reopen_skipped(store: Store, run: Run, *, owner: str) -> None:
    """Let rows that were skipped wait again, as a person wants who resumes the run.

    Raises:
        RunBusy: if another living process owns it.
    """
    if run.state not in {RunState.STOPPED, RunState.CANCELLED} or not run.tally.skipped:
        return
    epoch = await store.take_over(run.id, owner=owner, stale_after_s=STALE_AFTER_S)
    await store.reopen(run.id, [RowState.SKIPPED], epoch=epoch)


def check_same(run: Run, now: Mapping[str, Any]) -> None:
    """Refuse to go on with a run whose errand has changed.

    Args:
        run: as it was begun.
        now: parts of its identity as they are now, by the names of `RunSpec.identity`.

    Raises:
        ChangedSpec: naming each part that changed, with both values.
    """
    before = run.spec.identity
    changed = {name: (before[name], value) for name, value in now.items() if before[name] != value}
    if changed:
        told = "; ".join(f"{name}: {_short(was)} → {_short(value)}" for name, (was, value) in changed.items())
        raise changed_spec(run, told, {name: [was, value] for name, (was, value) in changed.items()})


def changed_spec(run: Run, told: str, changed: Mapping[str, Any]) -> ChangedSpec:
    """The refusal to resume a run that is no longer the same errand."""
    return ChangedSpec(
        f"Run `{run.id}` cannot go on, because what it was asked for has changed: {told}.",
        hint="undo the change, or start a new run with `weft run`; answers that are still valid are recalled.",
        run=run.id,
        changed=dict(changed),
    )


def changed_table(spec: RunSpec) -> str:
    """Say that the file of a run's table has changed since it was read; empty if not, or if it is gone.

    Reads the whole file once, piece by piece.
    """
    path = Path(spec.table)
    try:
        if spec.table == IN_MEMORY or not path.is_file() or digest_of(path) == spec.table_digest:
            return ""
    except OSError:  # it may not be read any more, and need not be
        return ""
    return f"`{path.name}` has changed since; the rows as they were read are used."


def check_template(run: Run, stored: str, found: str) -> None:
    """Refuse to go on if a template's file is no longer the one that the run began with (L14).

    Raises:
        ChangedSpec: with the lines that differ.
    """
    if stored == found:
        return
    lines = list(unified_diff(stored.splitlines(), found.splitlines(), "as begun", "now", lineterm="", n=0))[
        2:
    ]
    told = [line for line in lines if not line.startswith("@@")]
    rest = len(told) - SHOWN_LINES
    shown = told[:SHOWN_LINES] + ([f"… and {rest} more lines"] if rest > 0 else [])
    error = changed_spec(run, "its template", {"template": lines})
    error.facts["problems"] = shown
    raise error


def _short(value: Any) -> str:
    text = "none" if value in ("", None, [], {}) else str(value)
    return f"`{text if len(text) <= 60 else text[:57] + '…'}`"
