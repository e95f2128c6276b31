"""How it reads when a template fails while it runs: the line and the name, no text of any row.

Knows the errors of jinja2 and of Python that a template can run into, and where in the template's
text they came from. Refuses to know how a body is compiled, and which errors are our own faults.
"""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Template as JinjaTemplate
from jinja2 import TemplateError
from jinja2.exceptions import SecurityError, UndefinedError

from weft.errors import BadTemplate, MissingInput, Mistake
from weft.templates.flaws import over_limit
from weft.templates.syntax import where

# What a template may run into; our own mistakes are of other kinds and are not caught.
RUNTIME = (
    TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
)


class TooMuch(SecurityError):
    """A row has met a bound on its loops, its values or its text."""


def failure(
    exc: Exception, *, names: Sequence[str], line: int = 0, expression: str = "", text: str = ""
) -> Mistake:
    """Say what went wrong while a template ran: its line and reason, no text of any row.

    Args:
        names: the template's key, and then the titles of the pieces that its lines may tell.
        line: as the compiled tree has it, see `line_of`; 0 for an expression.
        expression, text: name and text of the expression that failed.
    """
    name, line = where(line, names)
    place = (
        f"`{expression}` (`{text}`) of template `{name}`"
        if expression
        else f"Line {line} of template `{name}`"
    )
    facts = {"name": name, "line": line, "expression": expression}
    if isinstance(exc, UndefinedError):
        return MissingInput(
            f"{place} uses something that has no value: {exc.message}.",
            hint="give it a value, or test for it with `is defined`.",
            **facts,
        )
    if isinstance(exc, TooMuch):
        return over_limit(name, str(exc), line=line, expression=expression)
    reason = str(exc).rstrip(".") if isinstance(exc, SecurityError | ZeroDivisionError) else _kind_of(exc)
    return BadTemplate(f"{place} cannot be computed: {reason}.", hint="correct the template.", **facts)


def _kind_of(exc: Exception) -> str:
    if isinstance(exc, TypeError):
        return "the kinds of its values do not fit together"
    if isinstance(exc, TemplateError):
        return exc.message or "a template error"
    return f"a {type(exc).__name__}"


def line_of(exc: BaseException, template: JinjaTemplate | None) -> int:
    """The template line that a running template failed at; 1 where it cannot be told."""
    line = 1
    trace = exc.__traceback__
    while trace is not None and template is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line
