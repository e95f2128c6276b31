"""The built-in local model: honest, small, deterministic, and no language model.

It reads nothing but the prompt: the schema says what is asked, the task's text says what options
mean and shows demonstrations, the rows say the rest. It picks the nearest option by TF-IDF, the
most central words within the limits, and numbers, dates and addresses that stand in the row.
It understands nothing, and each row is judged alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
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
from weft.providers._local_reading import Reading, demonstrations, read_row
from weft.providers._local_words import WORD, Nearest, counts, sentences, spaced, stems

Answer = Callable[[Reading], Any]
"""Answers one field for one row."""

_FRAME = "\n# Rows\n"  # heading after which the frame, not the task, speaks
DEFAULT_TERMS = 3  # entries of a list of texts without stated number
_FALLBACKS = ("other", "others", "none", "unknown", "unclear", "neutral", "general", "misc", "n/a", "na")
_ADDS_UP = re.compile(r"\b(?:add|adds|sum) up to\b")
_WORD_LIMITS = re.compile(r"\((?:(\d+) to (\d+) words?|at most (\d+) words?|at least (\d+) words?)\)")


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
        self._choices = {name for name in self._answers if fields[name].get("enum")}

    def answer(self, label: str, content: Any) -> dict[str, Any]:
        """Answer one row under its label, field by field; what is chosen first counts for what follows."""
        reading = read_row(content)
        found = {"id": label}
        for name, answer in self._answers.items():
            found[name] = answer(reading)
            if name in self._choices:
                reading = replace(reading, chosen=(*reading.chosen, str(found[name])))
        return found


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
        judged = _judged(schema)
        if {True, False} <= {shown[name] for _, shown in self._shown if isinstance(shown.get(name), bool)}:
            yes = counts(wanted)
            nearest = Nearest([self._demonstrated(name, False, {}), self._demonstrated(name, True, yes)])

            def compare(reading: Reading) -> bool:
                no_score, yes_score = nearest.scores(reading.counts)
                return _ruling(judged, reading.chosen, yes_score > no_score)

            return compare

        def answer(reading: Reading) -> bool:
            return _ruling(judged, reading.chosen, any(word in reading.counts for word in wanted))

        return answer

    def _number(self, name: str, schema: Mapping[str, Any]) -> Answer:
        about = frozenset([*stems(spaced(name)), *stems(_described(schema))])
        missing = None if "null" in schema["type"] else _within(0, schema)

        def answer(reading: Reading) -> Any:
            found = number_in(reading.texts, reading.numbers, about)
            return missing if found is None else _within(found, schema)

        return answer

    def _list(self, name: str, schema: Mapping[str, Any]) -> Answer:
        items = schema.get("items", {})
        least, most = int(schema.get("minItems", 0)), schema.get("maxItems")
        if items.get("enum"):
            return self._options(items, least, most)
        if items.get("type", "string") != "string" or items.get("format"):
            entries = self._entries(name, items, least=least, most=most)
            return self._shared(name, schema, entries) if _ADDS_UP.search(_described(schema)) else entries
        wanted = int(most) if most is not None else max(least, DEFAULT_TERMS)
        limit = int(items.get("maxLength", 80))

        def answer(reading: Reading) -> list[str]:
            return _at_least(
                least, central_terms(reading.texts, reading.counts, most=wanted, max_length=limit)
            )

        return answer

    def _entries(self, name: str, items: Mapping[str, Any], *, least: int, most: int | None) -> Answer:
        """One entry from each of the most central sentences, in their order."""
        one = self.answer(name, items)
        wanted = max(least, DEFAULT_TERMS if most is None else min(int(most), DEFAULT_TERMS))

        def answer(reading: Reading) -> list[Any]:
            parts = central_sentences(reading.texts, reading.counts, most=wanted)
            found = [one(read_row({key: text})) for key, text in parts]
            return _at_least(
                least, [each for place, each in enumerate(found) if each and each not in found[:place]]
            )

        return answer

    def _shared(self, name: str, schema: Mapping[str, Any], entries: Answer) -> Answer:
        """Share a number of the row out among entries whose description says that theirs add up to it."""
        described = _described(schema)
        fields = schema["items"].get("properties", {})
        parts = {key: fields[key] for key in fields if key in WORD.findall(described.lower())}
        about = frozenset([*stems(spaced(name)), *stems(described)])
        least = max(int(schema.get("minItems", 0)), 1)

        def answer(reading: Reading) -> list[Any]:
            found: list[Any] = entries(reading)
            total = number_in(reading.texts, reading.numbers, about)
            if total is None or not found:
                return found
            for key, part in parts.items():
                found = found[: max(least, int(total // (part.get("minimum") or 1)))]
                share = total // len(found) if _is_whole(part) else total / len(found)
                found = [{**each, key: _within(share, part)} for each in found]
            return found

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


def _is_whole(schema: Mapping[str, Any]) -> bool:
    return "integer" in schema.get("type", ())


def _within(number: float, schema: Mapping[str, Any]) -> float:
    """Bring a number into the range that is asked for."""
    low, high = schema.get("minimum"), schema.get("maximum")
    number = number if low is None else max(number, low)
    number = number if high is None else min(number, high)
    return round(number) if _is_whole(schema) else number


def _at_least(least: int, entries: list[Any]) -> list[Any]:
    """Say the last entry again where the row says no more and the schema wants it."""
    return [*entries, *entries[-1:] * (least - len(entries))]


def _judged(schema: Mapping[str, Any]) -> dict[bool, frozenset[str]]:
    """The words of a flag's description under what they speak for: `true if …; false for …`."""
    clauses = [WORD.findall(clause.lower()) for clause in _clauses(_described(schema))]
    return {
        flag: frozenset(word for words in clauses if str(flag).lower() in words[:1] for word in words)
        for flag in (True, False)
    }


def _ruling(judged: Mapping[bool, frozenset[str]], chosen: tuple[str, ...], otherwise: bool) -> bool:  # noqa: FBT001 - what holds without a ruling
    """What a flag's description says about an option that was chosen before."""
    for option in chosen:
        words = frozenset(WORD.findall(spaced(option).lower()))
        for flag, named in judged.items():
            if words and words <= named and not words <= judged[not flag]:
                return flag
    return otherwise


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
        max_words=int(most) if most else None,
        min_length=int(schema.get("minLength", 0)),
        max_length=int(max_length) if max_length is not None else 400,
    )
