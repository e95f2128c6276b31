"""Reading a prompt from the other end, for the built-in local model.

Knows how rows and demonstrations stand in a prompt, and takes a row apart into texts and numbers
with the names of their fields. Refuses to know what is asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any

from weft.providers._local_words import counts, spaced, stems

_MARKUP = re.compile(r"</?[A-Za-z][\w.-]{0,40}>")  # as templates write it around values


@dataclass(frozen=True, slots=True)
class Reading:
    """A row as the model sees it.

    Attributes:
        texts: its texts with the names of their fields, in order.
        counts: how often each stem occurs in them.
        numbers: its values that are numbers, with their names.
        chosen: the options that were chosen for fields before this one.
    """

    texts: tuple[tuple[str, str], ...]
    counts: Mapping[str, float]
    numbers: tuple[tuple[str, float], ...]
    chosen: tuple[str, ...] = ()


def rows_of(user: str) -> list[tuple[str, Any]]:
    """Find the labelled rows in a prompt: a JSON array of objects with an `id`; empty if none."""
    decoder = json.JSONDecoder()
    start = user.find("[")
    while start >= 0:
        try:
            found, _ = decoder.raw_decode(user, start)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, list) and found and all(isinstance(row, dict) and "id" in row for row in found):
            return [(str(row["id"]), _content(row)) for row in found]
        start = user.find("[", start + 1)
    return []


def read_row(content: Any) -> Reading:
    """Look at one row: which texts and which numbers are in it."""
    texts: list[tuple[str, str]] = []
    numbers: list[tuple[str, float]] = []
    _collect("", content, texts, numbers)
    found = counts(word for _, text in texts for word in stems(text))
    return Reading(tuple(texts), found, tuple(numbers))


def demonstrations(system: str) -> list[tuple[Any, Mapping[str, Any]]]:
    """Find the demonstrations in a task's text: each row's data and its right answer.

    They stand there as rows and replies stand in a call: an array of rows, and an object `rows`
    with the answers under the same ids.
    """
    shown = dict(rows_of(system))
    start = system.find('{"rows":')
    while shown and start >= 0:
        try:
            found, _ = json.JSONDecoder().raw_decode(system, start)
        except (ValueError, RecursionError):
            found = None
        answers = found.get("rows") if isinstance(found, dict) else None
        if isinstance(answers, list):
            return [
                (shown[answer["id"]], answer)
                for answer in answers
                if isinstance(answer, dict) and answer.get("id") in shown
            ]
        start = system.find('{"rows":', start + 1)
    return []


def _content(row: Mapping[str, Any]) -> Any:
    for name in ("data", "text"):
        if name in row:
            return row[name]
    return {name: value for name, value in row.items() if name not in {"id", "complaint"}}


def _collect(name: str, value: Any, texts: list[tuple[str, str]], numbers: list[tuple[str, float]]) -> None:
    if isinstance(value, str):
        texts.append((name, unescape(_MARKUP.sub("\n", value)) if "</" in value else value))
    elif isinstance(value, bool):
        texts.append((name, f"{spaced(name)} {'yes' if value else 'no'}"))
    elif isinstance(value, int | float):
        numbers.append((name, value))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            _collect(str(key), each, texts, numbers)
    elif isinstance(value, list):
        for each in value:
            _collect(name, each, texts, numbers)
