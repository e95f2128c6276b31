"""Hears what a text says: which concerns its words name, what it denies, what it mentions in passing.

Knows clauses: "no database" denies, "called by the gateway" only mentions, "is done by another team"
sets a whole clause aside, "without losing events" is a promise and denies nothing.
Refuses to know modules, kinds and variants; nothing is added up here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from weft.variants.inflecting import folded_word, humps
from weft.variants.vocabulary import NUMBER, Mark, Openings, Phrase, Vocabulary

IN_PASSING = 0.15  # of a word's strength where it stands aside
SETTING_OFF = 0.6  # where it names what sets the work off
FIRST = 1.2  # in the first sentence, which people write to say what a thing is
REACH = 7  # words that a denial or an aside reaches, if nothing ends it before
AFTER_HIT = 3  # words that a denial reaches beyond the thing it denied
NEAR = 4  # words after a comma in which a conjunction goes on with a denied list
NEXT = 2  # words after a denial of which one makes it a promise: "not only", "without ever waiting"
SAYING = 3  # letters of the shortest word that is told as unknown
LONGEST = 20_000  # characters of a text; more is cut, for a description is no book
CLAUSE, COMMA = 2, 1  # what stands before a word
_PIECES = re.compile(r"[^\W_]+|[.;:!?()\n,–—→]")
_SIGNS = {**dict.fromkeys(".;:!?()\n–—→", CLAUSE), ",": COMMA}


PERCENTILES = frozenset({"p50", "p75", "p90", "p95", "p99", "p999", "percentile"})
_PROMISED = Phrase([], "percentile promised", (Mark(feature="service_level", rank="heavy"),))


class Hit(NamedTuple):
    """One word or phrase that says something.

    Attributes:
        said: its dictionary form.
        mark: what it says.
        factor: how much of its strength counts here; 0 where it is denied.
        sentence: which clause of the text it stands in, counted from 1.
    """

    said: str
    mark: Mark
    factor: float
    sentence: int


class Heard(NamedTuple):
    """Everything that a text says.

    Attributes:
        hits: in the order of the text; one word may speak for several concerns.
        duties: distinct verbs in their dictionary form, in the order of the text.
        unknown: words that say nothing to the vocabulary, each once.
        stated: number of operations that the text states ("five functions"); 0 = none.
    """

    hits: tuple[Hit, ...]
    duties: tuple[str, ...]
    unknown: tuple[str, ...]
    stated: int


SILENCE = Heard((), (), (), 0)


def hear(text: str, vocabulary: Vocabulary, *, is_tag: bool = False) -> Heard:
    """Listen to a text in English, or to the basics in German, French and Spanish.

    Args:
        is_tag: a free tag, in which products may be written in lower case.
    """
    words = _words(text[:LONGEST], vocabulary, is_tag=is_tag)
    return _Listening(words, vocabulary).listen() if words.texts else SILENCE


@dataclass(slots=True)
class _Words:
    """The words of a text side by side; separate lists, for this is the busiest place of a choice.

    Attributes:
        texts: folded; numbers are `NUMBER`.
        breaks: what stands before each: 0, `COMMA` or `CLAUSE`.
        exact, numbers: place → product written as it is known; value of a number.
    """

    texts: list[str] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    exact: dict[int, Phrase] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)


def _words(text: str, vocabulary: Vocabulary, *, is_tag: bool) -> _Words:
    grammar, phrases, exact = vocabulary.grammar, vocabulary.phrases, vocabulary.exact
    words = _Words()
    texts, breaks = words.texts, words.breaks
    before = CLAUSE
    pieces = _PIECES.findall(text)
    # The lower case of other scripts may be longer, so that the pieces would not stand side by side.
    lower = _PIECES.findall(text.lower()) if text.isascii() else [folded_word(piece) for piece in pieces]
    for piece, word in zip(pieces, lower, strict=True):
        if word in grammar.small:
            continue
        if word in phrases or word == piece:
            if word in _SIGNS:
                before = max(before, _SIGNS[word])
                continue
            if word.isdecimal() or word in grammar.numbers:
                words.numbers[len(texts)] = grammar.numbers.get(word) or int(word[:6])
                word = NUMBER  # noqa: PLW2901 - every number is the same to a phrase
            elif piece is not word and (piece in exact or is_tag):
                found = exact.get(piece) or (exact.get(piece.title()) if is_tag else None)
                if found is not None:
                    words.exact[len(texts)] = found
            texts.append(word)
            breaks.append(before)
        else:
            _add_written(piece, word, words, before, vocabulary)
        before = 0
    return words


def _add_written(piece: str, word: str, words: _Words, before: int, vocabulary: Vocabulary) -> None:
    """Add a word with capitals: a number, a product, a name in several parts, or a plain word."""
    at = len(words.texts)
    number = vocabulary.grammar.numbers.get(word)
    parts = [piece] if number or piece in vocabulary.exact or piece[1:].islower() else humps(piece)
    if number:
        words.numbers[at] = number
        parts, word = [NUMBER], NUMBER
    for place, part in enumerate(parts):
        if part in vocabulary.exact:
            words.exact[at + place] = vocabulary.exact[part]
        words.texts.append(word if len(parts) == 1 else folded_word(part))
        words.breaks.append(0 if place else before)


class _Listening:
    """One walk over the words of a text."""

    __slots__ = (
        "_aside", "_clause", "_comma", "_denied", "_duties", "_factor", "_grammar", "_hits", "_sentence",
        "_stated", "_texts", "_unknown", "_vocabulary", "_words",
    )  # fmt: skip

    def __init__(self, words: _Words, vocabulary: Vocabulary) -> None:
        self._words = words
        self._texts = words.texts
        self._vocabulary = vocabulary
        self._grammar = vocabulary.grammar
        self._hits: list[Hit] = []
        self._duties: list[str] = []
        self._unknown: dict[str, None] = {}
        self._stated = 0
        self._sentence = 0
        self._clause = self._comma = (0, 0)  # hits and duties before the clause, and before the last comma
        self._denied = 0  # words that a denial still reaches
        self._aside = 0  # words that an aside still reaches
        self._factor = 1.0  # inside an aside

    def listen(self) -> Heard:
        at, texts, breaks = 0, self._texts, self._words.breaks
        signals, phrases, exact = self._grammar.signals, self._vocabulary.phrases, self._words.exact
        while at < len(texts):
            text = texts[at]
            if breaks[at]:
                self._break(at, breaks[at])
            if text in signals:
                self._turn(at, text)
            found = self._phrase_at(at, text) if text in phrases or at in exact else None
            if found is None:
                self._note_plain(at, text)
                step = 1
            else:
                self._note(at, found)
                self._note_duty(at, text)
                step = 1 + len(found.rest)
            if self._denied:
                self._denied = max(0, self._denied - step)
            if self._aside:
                self._aside = max(0, self._aside - step)
            at += step
        return Heard(
            tuple(self._hits), tuple(dict.fromkeys(self._duties)), tuple(self._unknown), self._stated
        )

    def _break(self, at: int, breaks: int) -> None:
        """End what a comma or the end of a clause ends."""
        here = (len(self._hits), len(self._duties))
        self._comma = here
        self._aside = 0
        if breaks == CLAUSE:
            self._clause = here
            self._sentence += 1
            self._denied = 0
        elif self._denied and not any(each in self._grammar.bind for each in self._texts[at : at + NEAR]):
            self._denied = 0

    def _turn(self, at: int, text: str) -> None:
        """End or begin a denial or an aside at this word."""
        grammar, texts = self._grammar, self._texts
        if text in grammar.turn or (
            text in grammar.bind and at + 1 < len(texts) and texts[at + 1] in grammar.duties
        ):
            self._denied = self._aside = 0
        if self._is_other(at, text):
            self._set_aside(IN_PASSING)
            self._aside, self._factor = REACH, IN_PASSING
        if text not in grammar.openers:
            return
        if _opens(grammar.gone, texts, at):
            self._set_aside(0.0)
            self._denied = REACH
        elif _opens(grammar.elsewhere, texts, at):
            self._set_aside(IN_PASSING)
            self._aside, self._factor = REACH, IN_PASSING
        elif _opens(grammar.aside, texts, at):
            self._aside, self._factor = REACH, IN_PASSING
        elif not self._aside and _opens(grammar.trigger, texts, at):
            self._aside, self._factor = REACH, SETTING_OFF
        if _opens(grammar.deny, texts, at) and not (
            any(each in grammar.promises for each in texts[at + 1 : at + 1 + NEXT])
            or any(each in grammar.losses for each in texts[at + 1 : at + 1 + REACH])
        ):
            self._denied = REACH

    def _is_other(self, at: int, text: str) -> bool:
        """Whether somebody else is named who may do the work; the first clause is about the module itself."""
        grammar = self._grammar
        if self._sentence == 1 and not self._comma[0]:
            return False
        if text in grammar.others:
            return True
        before = self._texts[at - 1] if at and not self._words.breaks[at] else ""
        if text not in grammar.others_named or not before or before in grammar.own:
            return False
        is_verb = before in grammar.duties and not before.endswith("ing")
        return before in grammar.which or not (is_verb or before in grammar.stop)

    def _set_aside(self, factor: float) -> None:
        """Weaken what the clause has said so far, from its last comma or, if nothing stands there, its begin."""
        hits, duties = self._comma if self._comma[0] < len(self._hits) else self._clause
        self._hits[hits:] = [hit._replace(factor=min(hit.factor, factor)) for hit in self._hits[hits:]]
        del self._duties[duties:]

    def _phrase_at(self, at: int, text: str) -> Phrase | None:
        texts, exact = self._texts, self._words.exact.get(at)
        start = self._vocabulary.phrases.get(text)
        if start is None:
            return exact
        if start.going_on and at + 1 < len(texts):
            for phrase in start.going_on.get(texts[at + 1], ()):
                rest = phrase.rest
                if texts[at + 1 : at + 1 + len(rest)] == rest:
                    return phrase
        return start.alone if exact is None else _stronger(start.alone, exact)

    def _note(self, at: int, phrase: Phrase) -> None:
        factor = FIRST if self._sentence == 1 else 1.0
        if phrase.said in PERCENTILES and self._is_bounded(at):
            phrase = _PROMISED
        if self._denied:
            factor = 0.0
            self._denied = min(self._denied, AFTER_HIT + len(phrase.rest) + 1)
        elif self._aside:
            factor *= self._factor
        for mark in phrase.marks:
            self._hits.append(Hit(phrase.said, mark, factor, self._sentence))

    def _is_bounded(self, at: int) -> bool:
        """Whether a bound stands behind a word in its clause."""
        texts, breaks = self._texts, self._words.breaks
        for place in range(at + 1, min(at + 1 + REACH, len(texts))):
            if breaks[place] == CLAUSE:
                return False
            if texts[place] in self._grammar.bounds:
                return True
        return False

    def _note_duty(self, at: int, text: str) -> bool:
        """Count a verb, unless it stands where it is a thing: "orders" in "reads orders"."""
        duty = self._grammar.duties.get(text)
        if duty is None:
            return False
        begins = self._words.breaks[at] or self._texts[at - 1] in self._grammar.bind
        counts = not self._denied and not (self._aside and self._factor == IN_PASSING)
        if counts and (begins or text not in self._grammar.ambiguous):
            self._duties.append(duty)
        return True

    def _note_plain(self, at: int, text: str) -> None:
        grammar = self._grammar
        if text in grammar.silent or text in grammar.others or text in grammar.others_named:
            return
        if text == NUMBER:
            if any(each in grammar.countable for each in self._texts[at + 1 : at + 3]):
                self._stated = max(self._stated, self._words.numbers[at])
            return
        if self._note_duty(at, text) or len(text) < SAYING:
            return
        marks = self._vocabulary.compound(text)
        if marks:
            self._note(at, Phrase([], text, marks))
        else:
            self._unknown[text] = None


def _opens(openings: Openings, texts: list[str], at: int) -> bool:
    """Whether one of these phrases begins at a word."""
    rests = openings.get(texts[at])
    return rests is not None and any(texts[at + 1 : at + 1 + len(rest)] == rest for rest in rests)


def _stronger(phrase: Phrase | None, exact: Phrase) -> Phrase:
    """A word that is known in any case, too: what says more."""
    strongest = max((mark.strength for mark in phrase.marks), default=0.0) if phrase is not None else 0.0
    return exact if phrase is None or exact.marks[0].strength > strongest else phrase
