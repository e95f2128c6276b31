"""Hears what a text says: which concerns its words name, what it denies, what it mentions in passing.

Knows clauses: "no database" denies, "called by the gateway" only mentions, "without losing events" is
a promise and denies nothing. Refuses to know modules, kinds and variants; nothing is added up here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from weft.variants.inflecting import folded_word, humps
from weft.variants.vocabulary import Mark, Phrase, Vocabulary

IN_PASSING = 0.2  # of a word's strength where it stands aside
SETTING_OFF = 0.6  # where it names what sets the work off
FIRST = 1.2  # in the first sentence, which people write to say what a thing is
REACH = 7  # words that a denial or an aside reaches, if nothing ends it before
AFTER_HIT = 3  # words that a denial reaches beyond the thing it denied
NEAR = 4  # words after a denial in which a promise may stand, or a conjunction that goes on with a list
SAYING = 3  # letters of the shortest word that is told as unknown
LONGEST = 20_000  # characters of a text; more is cut, for a description is no book
_PIECES = re.compile(r"[^\W_]+|[.;:!?()\n,–—]")
_STOPS = frozenset(".;:!?()\n–—")


class Hit(NamedTuple):
    """One word or phrase that says something.

    Attributes:
        said: its dictionary form.
        mark: what it says.
        factor: how much of its strength counts here; 0 where it is denied.
    """

    said: str
    mark: Mark
    factor: float


class Heard(NamedTuple):
    """Everything that a text says.

    Attributes:
        hits: in the order of the text; one word may speak for several concerns.
        duties: distinct verbs in their dictionary form, in the order of the text.
        unknown: words that say nothing to the vocabulary, each once.
    """

    hits: tuple[Hit, ...]
    duties: tuple[str, ...]
    unknown: tuple[str, ...]


SILENCE = Heard((), (), ())


class _Word(NamedTuple):
    text: str
    exact: Phrase | None
    breaks: int  # what stands before it: 0 nothing, 1 a comma, 2 the end of a clause


def hear(text: str, vocabulary: Vocabulary) -> Heard:
    """Listen to a text in English, or to the basics in German, French and Spanish."""
    words = _words(text[:LONGEST], vocabulary)
    return _Listening(words, vocabulary).listen() if words else SILENCE


def _words(text: str, vocabulary: Vocabulary) -> list[_Word]:
    small, phrases, exact = vocabulary.grammar.small, vocabulary.phrases, vocabulary.exact
    found: list[_Word] = []
    breaks = 2
    for piece in _PIECES.findall(text):
        if piece in _STOPS:
            breaks = 2
        elif piece == ",":
            breaks = max(breaks, 1)
        else:
            word = folded_word(piece)
            if word in small:
                continue
            parts = [piece] if word in phrases or piece[1:].islower() else humps(piece)
            if len(parts) == 1:
                found.append(_Word(word, exact.get(piece), breaks))
            else:
                for part in parts:
                    found.append(_Word(folded_word(part), exact.get(part), breaks))
                    breaks = 0
            breaks = 0
    return found


class _Listening:
    """One walk over the words of a text."""

    def __init__(self, words: list[_Word], vocabulary: Vocabulary) -> None:
        self._words = words
        self._texts = [word.text for word in words]
        self._vocabulary = vocabulary
        self._grammar = vocabulary.grammar
        self._hits: list[Hit] = []
        self._duties: dict[str, None] = {}
        self._unknown: dict[str, None] = {}
        self._sentence = 0
        self._denied = 0  # words that a denial still reaches
        self._aside = 0  # words that an aside still reaches
        self._factor = 1.0  # inside an aside

    def listen(self) -> Heard:
        at = 0
        while at < len(self._words):
            word = self._words[at]
            self._turn(at, word)
            found = self._phrase_at(at, word)
            if found is None:
                self._note_plain(at, word)
                step = 1
            else:
                step = 1 + len(found.rest)
                self._note(found)
                self._note_duty(at, word)
            self._denied = max(0, self._denied - step)
            self._aside = max(0, self._aside - step)
            at += step
        return Heard(tuple(self._hits), tuple(self._duties), tuple(self._unknown))

    def _turn(self, at: int, word: _Word) -> None:
        """End or begin a denial or an aside at this word."""
        text, grammar = word.text, self._grammar
        if word.breaks == 2:
            self._sentence += 1
            self._denied = self._aside = 0
        elif word.breaks == 1:
            self._aside = 0
            if not any(each in grammar.bind for each in self._texts[at : at + NEAR]):
                self._denied = 0
        if text in grammar.turn or (
            text in grammar.bind and at + 1 < len(self._texts) and self._texts[at + 1] in grammar.duties
        ):
            self._denied = self._aside = 0
        if text in grammar.deny and not any(
            each in grammar.promises for each in self._texts[at + 1 : at + 1 + NEAR]
        ):
            self._denied = REACH
        if _opens(grammar.aside, self._texts, at):
            self._aside, self._factor = REACH, IN_PASSING
        elif not self._aside and _opens(grammar.trigger, self._texts, at):
            self._aside, self._factor = REACH, SETTING_OFF

    def _phrase_at(self, at: int, word: _Word) -> Phrase | None:
        for phrase in self._vocabulary.phrases.get(word.text, ()):
            rest = phrase.rest
            if not rest or (
                (self._texts[at + 1] == rest[0] if at + 1 < len(self._texts) else False)
                and tuple(self._texts[at + 1 : at + 1 + len(rest)]) == rest
            ):
                return phrase if rest or word.exact is None else _stronger(phrase, word.exact)
        return word.exact

    def _note(self, phrase: Phrase) -> None:
        factor = FIRST if self._sentence == 1 else 1.0
        if self._denied:
            factor = 0.0
            self._denied = min(self._denied, AFTER_HIT + len(phrase.rest) + 1)
        elif self._aside:
            factor *= self._factor
        self._hits.extend(Hit(phrase.said, mark, factor) for mark in phrase.marks)

    def _note_duty(self, at: int, word: _Word) -> bool:
        """Count a verb, unless it stands where it is a thing: "orders" in "reads orders"."""
        duty = self._grammar.duties.get(word.text)
        if duty is None:
            return False
        begins = word.breaks or self._texts[at - 1] in self._grammar.bind
        counts = not self._denied and not (self._aside and self._factor == IN_PASSING)
        if counts and (begins or word.text not in self._grammar.ambiguous):
            self._duties[duty] = None
        return True

    def _note_plain(self, at: int, word: _Word) -> None:
        text, grammar = word.text, self._grammar
        if self._note_duty(at, word) or len(text) < SAYING or text.isdigit():
            return
        if text in grammar.stop or text in grammar.deny or text in grammar.promises:
            return
        marks = self._vocabulary.compound(text)
        if marks:
            self._note(Phrase((), text, marks))
        else:
            self._unknown[text] = None


def _opens(openings: Mapping[str, tuple[tuple[str, ...], ...]], texts: list[str], at: int) -> bool:
    """Whether one of these phrases begins at a word."""
    rests = openings.get(texts[at])
    return rests is not None and any(tuple(texts[at + 1 : at + 1 + len(rest)]) == rest for rest in rests)


def _stronger(phrase: Phrase, exact: Phrase) -> Phrase:
    """A word that is known in any case, too: what says more."""
    strongest = max(mark.strength for mark in phrase.marks)
    return exact if exact.marks[0].strength > strongest else phrase
