"""Finding things that stand in a row: its most central words, numbers, dates, addresses.

Everything here is taken from the row's own text, nothing is made up; what is not there is `None`
or empty. Knows no schema and no task.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import sqrt

from weft.providers._local_words import STOP, WORD, sentences, spaced, stem, stems

Texts = tuple[tuple[str, str], ...]
"""Texts of a row with the names of their fields."""

_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w]|\.\d)")
_DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?(?:\.\d+)?(Z|[+-]\d{2}:?\d{2})?)?")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_URL = re.compile(r"https?://[^\s<>\"')\]]{1,2000}")
_NEAR, _NEARER = 40, 12  # characters before and after a number in which words say what it counts
_MOST_SENTENCES = 60  # of one row; the beginning of a very long text stands for it
DEFAULT_WORDS = 24  # where nothing limits a text


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a text must and may be, in words and characters.

    Attributes:
        max_words: `None` = not stated: a couple of dozen, or as many as the least length takes.
    """

    min_words: int = 0
    max_words: int | None = None
    min_length: int = 0
    max_length: int = 400


def central_text(texts: Texts, weights: Mapping[str, float], *, about: Iterable[str], limits: Limits) -> str:
    """The words of the row that its other words turn around, in their own order.

    Args:
        weights: how often each stem occurs in the row.
        about: stems of what is asked for; words and field names among them count more.
    """
    wanted = frozenset(about)
    most = limits.max_words or max(DEFAULT_WORDS, limits.min_words)
    best, best_score = "", -1.0
    for name, text in texts:
        bonus = 1.25 if wanted.intersection(stems(spaced(name))) else 1.0
        for sentence in sentences(text)[:_MOST_SENTENCES]:
            found, score = _window(sentence, weights, wanted, most)
            if score * bonus > best_score:
                best, best_score = found, score * bonus
    best = _filled(best, texts, limits)
    return _fitted(best, limits.max_length)


def central_sentences(texts: Texts, weights: Mapping[str, float], *, most: int) -> list[tuple[str, str]]:
    """The sentences that the row turns around, with the names of their fields, in their own order."""
    found = [(name, each) for name, text in texts for each in sentences(text)[:_MOST_SENTENCES]]
    scores = [_window(each, weights, frozenset(), len(each))[1] for _, each in found]
    ranked = sorted(range(len(found)), key=lambda place: (-scores[place], place))[:most]
    return [found[place] for place in sorted(ranked)]


def central_terms(texts: Texts, weights: Mapping[str, float], *, most: int, max_length: int) -> list[str]:
    """The words that occur most, as first written; fewer than `most` where there are fewer."""
    written: dict[str, str] = {}
    for _, text in texts:
        for word in WORD.findall(text):
            low = word.lower()
            if low not in STOP and len(low) > 2 and not low.isdigit() and len(low) <= max_length:
                written.setdefault(stem(low), low)
    places = {root: place for place, root in enumerate(written)}
    ranked = sorted(written, key=lambda root: (-weights.get(root, 0.0), -len(written[root]), places[root]))
    return [written[root] for root in ranked[:most]]


def number_in(texts: Texts, numbers: tuple[tuple[str, float], ...], about: frozenset[str]) -> float | None:
    """The number that stands nearest to the words of the question; `None` if there is none.

    A field that is a number and is named in the question wins over numbers inside a text.
    """
    for name, value in numbers:
        if about.intersection(stems(spaced(name))):
            return value
    best: float | None = None
    best_score = -1
    for name, text in texts:
        matches = list(_NUMBER.finditer(text))
        places = _places(text, about) if matches else []
        named = len(about.intersection(stems(spaced(name)))) if matches else 0
        for match in matches:
            gaps = [max(match.start() - end, start - match.end()) for start, end in places]
            score = 4 * named + sum((gap <= _NEAR) + (gap <= _NEARER) for gap in gaps)
            if score > best_score:
                best, best_score = _value(match[0]), score
    if best is None and numbers:
        return numbers[0][1]
    return best


def _places(text: str, about: frozenset[str]) -> list[tuple[int, int]]:
    """Where the words of the question stand in a text."""
    return [match.span() for match in WORD.finditer(text.lower()) if stem(match[0]) in about]


def moment_in(texts: Texts, *, with_time: bool) -> str:
    """The first date written as 2026-03-31, with its time if wanted; empty if there is none."""
    for _, text in texts:
        for match in _DATE.finditer(text):
            year, month, day, clock, seconds, zone = match.groups()
            if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
                continue
            if not with_time:
                return f"{year}-{month}-{day}"
            return f"{year}-{month}-{day}T{clock or '00:00'}{seconds or ':00'}{zone or 'Z'}"
    return ""


def address_in(texts: Texts, *, kind: str) -> str:
    """The first e-mail address (`kind` email) or web address (`kind` uri); empty if there is none."""
    pattern = _EMAIL if kind == "email" else _URL
    for _, text in texts:
        match = pattern.search(text)
        if match:
            return match[0].rstrip(".,;:!?")
    return ""


def match_in(texts: Texts, matches: Callable[[str], bool]) -> str:
    """The first word that a pattern accepts as a whole; empty if there is none."""
    for _, text in texts:
        for word in text.split():
            for candidate in (word, word.strip(".,;:!?()[]{}<>\"'")):
                if candidate and matches(candidate):
                    return candidate
    return ""


def _window(
    sentence: str, weights: Mapping[str, float], wanted: frozenset[str], most: int
) -> tuple[str, float]:
    """The best run of at most `most` words of a sentence, and how central it is."""
    words = sentence.split()
    values = [_value_of(word, weights, wanted) for word in words]
    if len(words) <= most:
        return sentence, sum(values) / sqrt(len(words) + 2)
    running = sum(values[:most])
    best, at = running, 0
    for start in range(1, len(words) - most + 1):
        running += values[start + most - 1] - values[start - 1]
        if running > best + 1e-9:  # earlier wins, whatever rounding says
            best, at = running, start
    chosen = words[at : at + most]
    while len(chosen) > 1 and _bare(chosen[-1]) in STOP:
        chosen.pop()
    return " ".join(chosen), best / sqrt(most + 2)


def _value_of(word: str, weights: Mapping[str, float], wanted: frozenset[str]) -> float:
    low = _bare(word)
    if not low or low in STOP:
        return 0.0
    root = stem(low)
    return sqrt(weights.get(root, 0.0)) + (1.0 if root in wanted else 0.0)


def _bare(word: str) -> str:
    found = WORD.search(word.lower())
    return found[0] if found else ""


def _filled(text: str, texts: Texts, limits: Limits) -> str:
    """Add further sentences until the text is long enough; a row that has no more is said again."""
    more = (sentence for _, each in texts for sentence in sentences(each) if sentence not in text)
    filled = text
    while filled and (len(filled.split()) < limits.min_words or len(filled) < limits.min_length):
        longer = " ".join(f"{filled} {next(more, filled)}".split()[: limits.max_words])
        if longer == filled:
            break
        filled = longer
    return filled


def _fitted(text: str, most: int) -> str:
    """Cut at a word's end where the text is too long, and drop what dangles."""
    if len(text) > most:
        cut = text[: most + 1].rpartition(" ")[0] or text
        text = cut[:most]
    return text.strip(" ,;:-–—\"'([{")


def _value(text: str) -> float:
    number = float(text.replace(",", ""))
    return int(number) if number.is_integer() else number
