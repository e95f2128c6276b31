"""Words of a text, their stems and their weight, for the built-in local model.

Knows how to cut text into sentences and words and which words say little. Knows no row, no schema
and no language but a little English: other languages work, with less sense for endings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import log, sqrt

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
SENTENCE = re.compile(r"[^.!?\n;]+(?:[.!?;](?=\S)[^.!?\n;]*)*[.!?]*")  # a dot inside `3.5` ends nothing

_STOP_TEXT = """
a about above after again all also an and any are as at be because been before being below between both
but by can could did do does doing down during each few for from further had has have having he her here
hers him his how i if in into is it its itself just like me more most my no nor not of off on once only
or other our out over own please same she should so some such than that the their them then there these
they this those through to too under until up us very was we were what when where which while who whom
why will with would you your yours
"""
STOP = frozenset(_STOP_TEXT.split())
STEM_LENGTH = 8  # longer words differ in their ends, not in what they are about
_ENDINGS = (
    "ations",
    "ation",
    "ings",
    "ing",
    "ies",
    "ied",
    "ers",
    "er",
    "ed",
    "es",
    "ly",
    "al",
    "s",
    "y",
    "e",
)
_stems: dict[str, str] = {}
_MOST_STEMS = 100_000  # words remembered; a few megabytes


def stem(word: str) -> str:
    """Cut a lower-case word down to what its forms share; roughly."""
    found = _stems.get(word)
    if found is None:
        found = _cut(word)
        if len(_stems) < _MOST_STEMS:
            _stems[word] = found
    return found


def _cut(word: str) -> str:
    word = word.replace("’", "'").partition("'")[0] or word  # `expert's` is about an expert
    for ending in _ENDINGS:
        if len(word) - len(ending) >= 3 and word.endswith(ending):  # three letters carry a meaning
            word = word[: -len(ending)]
            break
    return word[:STEM_LENGTH]


def stems(text: str) -> list[str]:
    """The stems of the words that say something, in order, repeats included."""
    return [stem(word) for word in WORD.findall(text.lower()) if word not in STOP]


def sentences(text: str) -> list[str]:
    """The sentences of a text, trimmed, without empty ones."""
    return [found for each in SENTENCE.findall(text) if (found := each.strip())]


def spaced(name: str) -> str:
    """A name as words: `dueDate` and `due_date` are both `due date`."""
    return re.sub(r"[_\W]+|(?<=[a-z])(?=[A-Z])", " ", name)


class Nearest:
    """Finds which of a few documents a text is nearest to, by cosine over TF-IDF.

    The documents are known beforehand and weigh the words; a text never changes them, so that
    every text is judged alone.
    """

    __slots__ = ("_found_in", "_size")

    def __init__(self, documents: Iterable[Mapping[str, float]]) -> None:
        """Weigh documents, each given as stems and how often they count."""
        kept = list(documents)
        self._size = len(kept)
        spread: dict[str, int] = {}
        for document in kept:
            for word in document:
                spread[word] = spread.get(word, 0) + 1
        # A word of every document still counts a little: with one document there is nothing else.
        weight = {word: log((1 + self._size) / count) + 0.01 for word, count in spread.items()}
        self._found_in: dict[str, list[tuple[int, float]]] = {}
        for place, document in enumerate(kept):
            length = sqrt(sum((count * weight[word]) ** 2 for word, count in document.items())) or 1.0
            for word, count in document.items():
                score = count * weight[word] * weight[word] / length
                self._found_in.setdefault(word, []).append((place, score))

    def scores(self, counts: Mapping[str, float]) -> list[float]:
        """How near a text is to each document; 0 = they share no word."""
        found = [0.0] * self._size
        for word, count in counts.items():
            for place, score in self._found_in.get(word, ()):
                found[place] += count * score
        return found


def counts(words: Iterable[str], *, weight: float = 1.0) -> dict[str, float]:
    """How often each stem occurs, times a weight."""
    found: dict[str, float] = {}
    for word in words:
        found[word] = found.get(word, 0.0) + weight
    return found
