"""What went wrong, as an agent reads it: a sentence, what to do next, and nothing that it should not see.

Knows errors of the house and of arguments; of any other error only a number leaves, which stands in the
log too. Refuses to know the protocol.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping

from pydantic import ValidationError

from weft.errors import WeftError

LOG = logging.getLogger("weft.agents")
MOST_PROBLEMS = 10  # of one error; the first say enough
LONGEST = 300  # characters of one of them


def tell_error(error: WeftError) -> str:
    """An error of the house: what happened, its first problems, and the next step."""
    found = error.facts.get("problems")
    problems = found if isinstance(found, list | tuple) else ()
    texts = [str(each.get("message", each)) if isinstance(each, Mapping) else str(each) for each in problems]
    lines = [f"- {text[:LONGEST]}" for text in texts[:MOST_PROBLEMS] if text not in error.message]
    return "\n".join([error.message, *lines, *([f"hint: {error.hint}"] if error.hint else [])])


def tell_arguments(tool: str, error: ValidationError) -> str:
    """Arguments that a tool does not take, each by its name; values are not repeated."""
    lines = []
    for each in error.errors(include_url=False, include_context=False, include_input=False)[:MOST_PROBLEMS]:
        place = ".".join(str(part) for part in each["loc"])
        lines.append(f"- `{place[:LONGEST]}`: {each['msg']}")
    return "\n".join(
        [
            f"`{tool}` was called with arguments that it does not take.",
            *lines,
            "hint: its input schema says what it takes.",
        ]
    )


def tell_bug(number: str, error: BaseException) -> str:
    """An unforeseen error: a number, and in the log where it happened."""
    lines = "".join(
        traceback.format_tb(error.__traceback__)
    )  # messages may hold rows and keys, so they stay out
    LOG.error("error %s: %s\n%s", number, type(error).__name__, lines)
    return (
        f"weft has a bug; it is number `{number}` in its log.\n"
        "hint: what is settled in the store is safe; the person may report the lines of the log."
    )
