"""What a run is about, its target, and whether its answers have other fields than the target's last run.

Knows that the target is the template by its key, or for a prompt without a file the run's name: what
people mean by "the same thing again". A run always has its own fields; a difference is only told.
Refuses to change anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from weft.app.prompters import KIND, kept_template
from weft.errors import ImpossibleMove, WeftError
from weft.protocols import Store
from weft.run import RunSpec
from weft.schema import Field

LOOK_BACK = 200  # newest runs among which the target's last one is looked for
QUICK = "quick"  # what the template of a prompt without a file is called


def target_of(spec: RunSpec, name: str) -> str:
    """What a run is about; empty = a prompt of its own without a name.

    Args:
        spec: as it is written down.
        name: the run's, for people.
    """
    key = spec.template.partition(" ")[0]
    return name if key == QUICK else f"template {key}"


async def fields_note(store: Store | None, spec: RunSpec, name: str) -> str:
    """Say how the answers differ from those of the target's last run.

    Empty where they do not, and where it is the first.

    Args:
        store: where runs are kept; `None` = there is none yet.
        spec: what is asked for now.
        name: the run's, for people.
    """
    target = target_of(spec, name)
    if store is None or not target:
        return ""
    for run in await store.runs(limit=LOOK_BACK):
        if target_of(run.spec, run.name) == target:
            told = _difference(run.spec, spec)
            return (
                f"The last run of {_shown(target)}, `{run.id}`, has other answer fields: {told}."
                if told
                else ""
            )
    return ""


def refuse_other_fields(note: str) -> None:
    """Refuse a run whose answers have other fields, for who asked to be refused then.

    Raises:
        ImpossibleMove: if there is something to tell.
    """
    if note:
        raise ImpossibleMove(
            note,
            hint='hand it in with `"other_fields": "accept"` if that is meant.',
            problems=[{"path": "body.fields", "message": note}],
        )


def _difference(before: RunSpec, now: RunSpec) -> str:
    old, new = _fields(before), _fields(now)
    both = [name for name in new if name in old]
    parts = {
        "new": [name for name in new if name not in old],
        "gone": [name for name in old if name not in new],
        "otherwise defined": [
            name for name in both if None not in (old[name], new[name]) and old[name] != new[name]
        ],
    }
    return "; ".join(
        f"{', '.join(f'`{name}`' for name in names)} {what}" for what, names in parts.items() if names
    )


def _fields(spec: RunSpec) -> Mapping[str, Field | None]:
    """Answer fields by name, without what people merely read; `None` = only the name is known."""
    if spec.prompter_source.get("kind") == KIND:
        try:
            answers = kept_template(spec.prompter_source).answers
        except WeftError:  # written by a weft that reads templates otherwise
            return dict.fromkeys(spec.fields)
        return {each.name: replace(each, description="", label="", examples=()) for each in answers}
    return dict.fromkeys(spec.fields)


def _shown(target: str) -> str:
    kind, _, key = target.partition(" ")
    return f"the template `{key}`" if kind == "template" else f"`{target}`"
