"""What was asked of a run: read back as it was handed in, and kept as a template of one's own.

Knows that a run keeps the whole text of its prompt, and that only a prompt without a file is worth
keeping: a template is there already. Refuses to change the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from weft.app.prompters import KIND, kept_template
from weft.app.submitting import mark_of
from weft.app.targeting import QUICK
from weft.errors import Mistake
from weft.protocols import ReadOptions
from weft.run import Run
from weft.templates.front_matter import front_matter_text, split_text
from weft.templates.template import Template

FIRST = "1.0.0"  # version of a template that is kept, where nobody says another


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTask:
    """What was asked about every row.

    Attributes:
        template: prompt and answer fields as they were then; `None` for a pack of prompts.
        variants: name of the pack of prompts; empty = there is one prompt.
        mapping: input, or key of a parameter → column.
        reading: how its table was read.
        settings: those that were handed in with it; decoding parameters are in `options`.
        fresh: remembered answers were not recalled.
    """

    template: Template | None
    variants: str
    mapping: Mapping[str, str]
    reading: ReadOptions
    settings: Mapping[str, Any]
    options: Mapping[str, Any]
    limit: int | None
    fresh: bool
    rows_per_call: int


def task_of(run: Run) -> RunTask:
    """What was asked about every row of a run.

    Raises:
        BadTemplate: if this version of weft cannot read the text that the run keeps.
    """
    source = run.spec.prompter_source
    has_one = source.get("kind") == KIND
    return RunTask(
        template=replace(kept_template(source), path="") if has_one else None,
        variants="" if has_one else str(source.get("key", "")),
        mapping=source.get("sources", {}),
        reading=ReadOptions(**source.get("read", {})),
        settings=(mark_of(run) or {}).get("settings", {}),
        options=run.spec.options,
        limit=run.spec.limit,
        fresh=run.spec.fresh,
        rows_per_call=run.spec.rows_per_call,
    )


def text_to_keep(run: Run, *, name: str, version: str = "") -> str:
    """The prompt of a run as the text of a template with a name and a version.

    Raises:
        Mistake: if it was asked with a template or a pack of prompts, which is there already.
    """
    source = run.spec.prompter_source
    if source.get("kind") != KIND or source.get("key") != QUICK or source.get("path"):
        kind = "the template" if source.get("kind") == KIND else "the prompts"
        raise Mistake(
            f"Run `{run.id}` was asked with {kind} `{source.get('key', '')}`, which is there already.",
            hint="`weft templates clone` makes a template of your own of another.",
            run=run.id,
        )
    parts = split_text(source["text"])
    front = {**parts.front, "name": name, "version": version or FIRST}
    return front_matter_text({key: value for key, value in front.items() if value != []}) + parts.body + "\n"
