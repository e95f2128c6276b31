"""Steps that tidy an answer's texts and lists before they are checked.

Knows a small set of pure functions by name, some with one number: `trim`, `truncate_words(12)`.
A step that can lose words is noted with the row; one that only tidies is not.
Refuses to know schemas: a value that a step is not made for passes unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

_CALL = re.compile(r"([a-z_]+)(?:\(\s*([0-9]{1,6})\s*\))?")
_SENTENCE = re.compile(r".+?[.!?…](?=[\s\"'”’)]|$)[\"'”’)]*", re.DOTALL)
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "„": "“", "«": "»", "`": "`"}

Step = Callable[[Any], Any]
"""Takes a value, returns it tidied; the same value where there is nothing to do."""


def collapse_spaces(text: str) -> str:
    """Make every run of white space one space, and none at the ends."""
    return " ".join(text.split())


def first_sentence(text: str) -> str:
    """Keep the text up to the end of its first sentence."""
    found = _SENTENCE.match(text.strip())
    return found.group() if found else text


def strip_quotes(text: str) -> str:
    """Take one pair of quotation marks off that embraces the whole text."""
    bare = text.strip()
    embraced = len(bare) > 1 and _QUOTES.get(bare[0]) == bare[-1]
    return bare[1:-1] if embraced and bare[0] not in bare[1:-1] else text


def strip_period(text: str) -> str:
    """Take one full stop off the end; an ellipsis stays."""
    bare = text.rstrip()
    return bare[:-1] if bare.endswith(".") and not bare.endswith("..") else text


def sentence_case(text: str) -> str:
    """Begin with a capital letter; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def truncate_words(text: str, count: int) -> str:
    """Keep the first `count` words."""
    words = text.split()
    return text if len(words) <= count else " ".join(words[:count])


def truncate_chars(text: str, count: int) -> str:
    """Keep the first `count` characters, cut at a space where there is one."""
    if len(text) <= count:
        return text
    kept, space, _ = text[: count + 1].rpartition(" ")
    return kept.rstrip() if space else text[:count]


def unique(entries: list[Any]) -> list[Any]:
    """Keep the first of equal entries; texts are equal whatever their case."""
    seen: list[Any] = []
    kept = []
    for entry in entries:
        mark = entry.casefold().strip() if isinstance(entry, str) else entry
        if mark not in seen:
            seen.append(mark)
            kept.append(entry)
    return kept


def first(entries: list[Any], count: int) -> list[Any]:
    """Keep the first `count` entries."""
    return entries[:count]


TEXT_STEPS: dict[str, Callable[[str], str]] = {
    "trim": str.strip,
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "sentence_case": sentence_case,
    "collapse_spaces": collapse_spaces,
    "strip_quotes": strip_quotes,
    "strip_period": strip_period,
    "first_sentence": first_sentence,
}
"""Steps for a text, or for every text of a list."""
COUNTED_TEXT_STEPS: dict[str, Callable[[str, int], str]] = {
    "truncate_words": truncate_words,
    "truncate_chars": truncate_chars,
}
LIST_STEPS: dict[str, Callable[[list[Any]], list[Any]]] = {
    "unique": unique,
    "sort": lambda entries: (
        sorted(entries, key=lambda entry: (str(type(entry)), entry))
        if all(isinstance(entry, str | int | float) for entry in entries)
        else entries
    ),
}
COUNTED_LIST_STEPS: dict[str, Callable[[list[Any], int], list[Any]]] = {"first": first}
LOSING = frozenset({"first_sentence", "truncate_words", "truncate_chars", "first"})
"""Steps that can lose words or entries: what they change is noted with the row."""


@dataclass(frozen=True, slots=True)
class NamedStep:
    """One step as a template names it, ready to run.

    Attributes:
        name: as written, such as `truncate_words(12)`.
        loses: whether what it changes must be noted.
    """

    name: str
    run: Step
    loses: bool


def step_of(text: str) -> NamedStep:
    """Read a step such as `trim` or `truncate_words(12)`.

    Raises:
        ValueError: with a sentence that says what is wrong.
    """
    found = _CALL.fullmatch(text.strip())
    name, number = found.groups() if found else (text, None)
    counted: dict[str, Callable[[Any, int], Any]] = {**COUNTED_TEXT_STEPS, **COUNTED_LIST_STEPS}
    bare: dict[str, Callable[[Any], Any]] = {**TEXT_STEPS, **LIST_STEPS}
    if name in counted:
        if not number or int(number) < 1:
            raise ValueError(f"The step `{name}` needs a number from 1, such as `{name}(12)`.")
        limit, shorten = int(number), counted[name]
        return NamedStep(text, _fitted(name, lambda value: shorten(value, limit)), name in LOSING)
    if name not in bare:
        near = get_close_matches(name, [*bare, *counted], n=1, cutoff=0.5)
        told = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(sorted([*bare, *counted]))}."
        raise ValueError(f"There is no step `{text}`; {told}")
    if number is not None:
        raise ValueError(f"The step `{name}` takes no number.")
    return NamedStep(text, _fitted(name, bare[name]), name in LOSING)


def _fitted(name: str, function: Step) -> Step:
    """Let a step run on the kind of value that it is made for and on nothing else."""
    if name in LIST_STEPS or name in COUNTED_LIST_STEPS:
        return lambda value: function(value) if isinstance(value, list) else value

    def tidy(value: Any) -> Any:
        if isinstance(value, str):
            return function(value)
        if isinstance(value, list):
            return [function(entry) if isinstance(entry, str) else entry for entry in value]
        return value

    return tidy
