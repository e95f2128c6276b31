"""The built-in local model: honest, small, deterministic, and no language model.

It reads nothing but the prompt: the schema says what is asked, the task's text says what options
mean and shows demonstrations, the rows say the rest. It picks the nearest option by TF-IDF, the
most central words within the limits, and numbers, dates and addresses that stand in the row.
It understands nothing, and each row is judged alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any

from weft.limits import compile_pattern
from weft.providers._local_extracts import (
    Limits,
    address_in,
    central_sentences,
    central_terms,
    central_text,
    match_in,
    moment_in,
    number_in,
)
from weft.providers._local_words import WORD, Nearest, counts, sentences, spaced, stems

Answer = Callable[["Reading"], Any]
"""Answers one field for one row."""

_MARKUP = re.compile(r"</?[A-Za-z][\w.-]{0,40}>")  # as templates write it around values
_FRAME = "\n# Rows\n"  # heading after which the frame, not the task, speaks
DEFAULT_WORDS = 24  # where neither schema nor description limits a text
DEFAULT_TERMS = 3  # entries of a list of texts without stated number
_FALLBACKS = ("other", "others", "none", "unknown", "unclear", "neutral", "general", "misc", "n/a", "na")
_WORD_LIMITS = re.compile(r"\((?:(\d+) to (\d+) words?|at most (\d+) words?|at least (\d+) words?)\)")


@dataclass(frozen=True, slots=True)
class Reading:
    """A row as the model sees it.

    Attributes:
        texts: its texts with the names of their fields, in order.
        counts: how often each stem occurs in them.
        numbers: its values that are numbers, with their names.
    """

    texts: tuple[tuple[str, str], ...]
    counts: Mapping[str, float]
    numbers: tuple[tuple[str, float], ...]


class LocalModel:
    """Answers rows by what a schema asks for and a task's text explains. Keeps no row."""

    def __init__(self, system: str, schema: Mapping[str, Any]) -> None:
        """Prepare one task.

        Args:
            system: the task's text.
            schema: JSON Schema of a reply, with the fields of a row under `rows`.
        """
        fields = _row_fields(schema)
        self._task = _Task(system)
        self._answers = {name: self._task.answer(name, each) for name, each in fields.items() if name != "id"}

    def answer(self, label: str, content: Any) -> dict[str, Any]:
        """Answer one row under its label."""
        reading = read_row(content)
        return {"id": label, **{name: answer(reading) for name, answer in self._answers.items()}}


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


def _row_fields(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    rows = schema.get("properties", {}).get("rows", {})
    found: Mapping[str, Any] = rows.get("items", {}).get("properties", {})
    return found


class _Task:
    """What the task's text says, and the ways of answering that follow from it and a field."""

    def __init__(self, system: str) -> None:
        # What follows the task is the frame that every task has: it explains no option.
        task, _, frame = system.rpartition(_FRAME)
        self._clauses = [clause for line in (task or frame).splitlines() for clause in sentences(line)]
        self._words = [frozenset(WORD.findall(clause.lower())) for clause in self._clauses]
        self._shown = [(read_row(content), answer) for content, answer in demonstrations(system)]

    def answer(self, name: str, schema: Mapping[str, Any]) -> Answer:
        """The way of answering one field."""
        kinds = schema.get("type", "string")
        kinds = [kinds] if isinstance(kinds, str) else list(kinds)
        kind = next((each for each in kinds if each != "null"), "string")
        if "const" in schema:
            return lambda _: schema["const"]
        if schema.get("enum"):
            return self._option(name, schema)
        make = {
            "boolean": self._flag,
            "integer": self._number,
            "number": self._number,
            "array": self._list,
            "object": self._object,
        }.get(kind, self._text)
        return make(name, schema)

    def _option(self, name: str, schema: Mapping[str, Any]) -> Answer:
        options = [option for option in schema["enum"] if option is not None]
        nearest = Nearest(
            self._demonstrated(name, option, self._meaning(option, options, schema)) for option in options
        )
        fallback = next((each for each in options if str(each).lower() in _FALLBACKS), options[0])
        if len(options) < len(schema["enum"]):
            fallback = None

        def answer(reading: Reading) -> Any:
            scores = nearest.scores(reading.counts)
            best = max(scores)
            return options[scores.index(best)] if best > 0 else fallback

        return answer

    def _demonstrated(self, name: str, value: Any, meaning: dict[str, float]) -> dict[str, float]:
        """Add the words of the demonstrations that were answered so."""
        for reading, answer in self._shown:
            if name in answer and answer[name] == value:
                for word, count in reading.counts.items():
                    meaning[word] = meaning.get(word, 0.0) + count
        return meaning

    def _meaning(self, option: Any, options: list[Any], schema: Mapping[str, Any]) -> dict[str, float]:
        """Everything that is said about an option: its name, and each clause that names no other."""
        own = frozenset(WORD.findall(spaced(str(option)).lower()))
        others = [frozenset(WORD.findall(spaced(str(each)).lower())) for each in options if each != option]
        meaning = counts(stems(spaced(str(option))), weight=3.0)  # its own name says most
        described = [(c, frozenset(WORD.findall(c.lower()))) for c in _clauses(schema.get("description", ""))]
        for clause, words in [*described, *zip(self._clauses, self._words, strict=True)]:
            if own and own <= words and not any(other and other <= words for other in others):
                for word in stems(clause):
                    meaning[word] = meaning.get(word, 0.0) + 1.0
        return meaning

    def _flag(self, name: str, schema: Mapping[str, Any]) -> Answer:
        about = [*stems(spaced(name)), *stems(_described(schema))]
        wanted = frozenset(about) - _QUESTION_WORDS
        if {True, False} <= {shown[name] for _, shown in self._shown if isinstance(shown.get(name), bool)}:
            yes = counts(wanted)
            nearest = Nearest([self._demonstrated(name, False, {}), self._demonstrated(name, True, yes)])

            def compare(reading: Reading) -> bool:
                no_score, yes_score = nearest.scores(reading.counts)
                return yes_score > no_score

            return compare

        def answer(reading: Reading) -> bool:
            return any(word in reading.counts for word in wanted)

        return answer

    def _number(self, name: str, schema: Mapping[str, Any]) -> Answer:
        about = frozenset([*stems(spaced(name)), *stems(_described(schema))])
        whole = "integer" in schema["type"]
        low, high = schema.get("minimum"), schema.get("maximum")
        missing = None if "null" in schema["type"] else (low if low is not None else 0)

        def answer(reading: Reading) -> Any:
            found = number_in(reading.texts, reading.numbers, about)
            if found is None:
                return missing
            if low is not None:
                found = max(found, low)
            if high is not None:
                found = min(found, high)
            return round(found) if whole else found

        return answer

    def _list(self, name: str, schema: Mapping[str, Any]) -> Answer:
        items = schema.get("items", {})
        least, most = int(schema.get("minItems", 0)), schema.get("maxItems")
        if items.get("enum"):
            return self._options(items, least, most)
        if items.get("type", "string") != "string" or items.get("format"):
            return self._entries(name, items, least=least, most=most)
        wanted = int(most) if most is not None else max(least, DEFAULT_TERMS)
        limit = int(items.get("maxLength", 80))

        def answer(reading: Reading) -> list[str]:
            return central_terms(reading.texts, reading.counts, most=wanted, max_length=limit)

        return answer

    def _entries(self, name: str, items: Mapping[str, Any], *, least: int, most: int | None) -> Answer:
        """One entry from each of the most central sentences, in their order."""
        one = self.answer(name, items)
        wanted = max(least, DEFAULT_TERMS if most is None else min(int(most), DEFAULT_TERMS))

        def answer(reading: Reading) -> list[Any]:
            parts = central_sentences(reading.texts, reading.counts, most=wanted)
            found = [one(read_row({key: text})) for key, text in parts]
            entries = [each for place, each in enumerate(found) if each and each not in found[:place]]
            while entries and len(entries) < least:  # the row says no more, the schema wants it
                entries.append(entries[-1])
            return entries

        return answer

    def _options(self, items: Mapping[str, Any], least: int, most: int | None) -> Answer:
        options = [option for option in items["enum"] if option is not None]
        nearest = Nearest(self._meaning(option, options, items) for option in options)

        def answer(reading: Reading) -> list[Any]:
            scores = nearest.scores(reading.counts)
            ranked = sorted(range(len(options)), key=lambda place: (-scores[place], place))
            near = [place for place in ranked if scores[place] > 0] or ranked[:least]
            near = ranked[:least] if len(near) < least else near
            return [options[place] for place in near[:most]]

        return answer

    def _object(self, name: str, schema: Mapping[str, Any]) -> Answer:
        del name
        inner = {key: self.answer(key, each) for key, each in schema.get("properties", {}).items()}
        return lambda reading: {key: answer(reading) for key, answer in inner.items()}

    def _text(self, name: str, schema: Mapping[str, Any]) -> Answer:
        nullable = "null" in schema.get("type", ())
        written = schema.get("format")
        if written in {"date", "date-time"}:
            return lambda reading: (
                moment_in(reading.texts, with_time=written == "date-time") or _none(nullable)
            )
        if written in {"email", "uri"}:
            return lambda reading: address_in(reading.texts, kind=written) or _none(nullable)
        matches = _pattern(schema)
        if matches is not None:
            return lambda reading: match_in(reading.texts, matches) or _none(nullable)
        limits = _limits(schema)
        about = frozenset([*stems(spaced(name)), *stems(_described(schema))])
        return lambda reading: (
            central_text(reading.texts, reading.counts, about=about, limits=limits) or _none(nullable)
        )


_QUESTION_WORDS = frozenset(
    stems("true false whether yes no row text contains mentions says asks question value")
)


def _none(nullable: bool) -> str | None:  # noqa: FBT001 - one question, one answer
    return None if nullable else ""


def _pattern(schema: Mapping[str, Any]) -> Callable[[str], bool] | None:
    """What a stated pattern accepts; `None` where there is none that can be used."""
    try:
        return compile_pattern(schema["pattern"]) if schema.get("pattern") else None
    except ValueError:
        return None


def _described(schema: Mapping[str, Any]) -> str:
    return _WORD_LIMITS.sub("", str(schema.get("description", "")))


def _clauses(text: str) -> list[str]:
    """Descriptions list options as `a: …, b: …` or `a = …; b = …`; cut where the next one begins."""
    return [part for part in re.split(r"[;\n.]|,(?=\s*\S+\s*[:=–-])", text) if part.strip()]


def _limits(schema: Mapping[str, Any]) -> Limits:
    found = _WORD_LIMITS.search(str(schema.get("description", "")))
    least, most = (found[1] or found[4], found[2] or found[3]) if found else (None, None)
    max_length = schema.get("maxLength")
    return Limits(
        min_words=int(least or 0),
        max_words=int(most) if most else max(DEFAULT_WORDS, int(least or 0)),
        min_length=int(schema.get("minLength", 0)),
        max_length=int(max_length) if max_length is not None else 400,
    )
