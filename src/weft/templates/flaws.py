"""What is wrong with a template file: one Flaw each, told together in one BadTemplate.

Knows how a complaint about a file reads: path inside the front matter, line, sentence.
Refuses to know what a template may contain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weft.errors import BadTemplate, RenderLimit

HINT = "correct the template file; `weft templates lint` checks it without asking a model."


@dataclass(frozen=True, slots=True)
class Flaw:
    """One complaint about a template.

    Attributes:
        path: dotted place such as `answers.tldr` or `body`; empty for the whole file.
        line: physical line in the file counted from 1; 0 where no line is to blame.
        message: one sentence.
        code: stable, such as `unknown_key`, `undefined_name`, `unsafe`.
    """

    path: str
    line: int
    message: str
    code: str = "invalid"

    def __str__(self) -> str:
        place = f"`{self.path}`" if self.path else "the file"
        return f"{place}{f', line {self.line}' if self.line else ''}: {self.message}"


def bad_template(name: str, flaws: Sequence[Flaw], *, hint: str = HINT) -> BadTemplate:
    """Tell every flaw of one template in one error, in the order of their lines.

    Args:
        name: the template's key or path, as the asker knows it; empty for a prompt without a file.
        flaws: at least one.
        hint: what to do next.
    """
    ordered = sorted(flaws, key=lambda flaw: flaw.line or 10**9)
    first = ordered[0].line
    count = "1 problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    listed = "".join(f"\n  - {flaw}" for flaw in ordered)
    return BadTemplate(
        f"{f'Template `{name}`' if name else 'The prompt'} has {count}:{listed}",
        hint=hint,
        name=name,
        line=first,
        problems=[{"path": f.path, "line": f.line, "message": f.message, "code": f.code} for f in ordered],
    )


def over_limit(name: str, reason: str, *, line: int = 0, expression: str = "") -> RenderLimit:
    """Refuse one row that takes more than a template may.

    Args:
        name: the template's key.
        reason: how the sentence ends, such as `it takes more than 0.25 s of the processor`.
        line: physical line; 0 where it is not known.
        expression: the computed field or rule; empty for the body.
    """
    place = f"Line {line} of template" if line else "Template"
    if expression:
        place = f"`{expression}` of template"
    return RenderLimit(
        f"{place} `{name}` cannot be computed: {reason}.",
        hint="shorten the cell, or simplify the template.",
        name=name,
        line=line,
        expression=expression,
        reason=reason,
    )
