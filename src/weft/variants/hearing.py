"""Hears what a text says: which concerns its words name, what it denies, what it mentions in passing.

Knows clauses: "no database" denies, "called by the gateway" only mentions, "is done by another team"
sets a whole clause aside, "without losing events" is a promise and denies nothing.
Refuses to know modules, kinds and variants; nothing is added up here.
"""

from __future__ import annotations

from typing import NamedTuple

from weft.variants.reading import (
    BINDS,
    CLAUSE,
    COMPOUND,
    LINE,
    OTHERS,
    PASSIVE,
    TURNS,
    UNKNOWN,
    Word,
    Words,
    read_words,
)
from weft.variants.vocabulary import Mark, Phrase, Vocabulary

IN_PASSING = 0.15  # of a word's strength where it stands aside
SETTING_OFF = 0.6  # where it names what sets the work off
FIRST = 1.2  # in the first sentence, which people write to say what a thing is
REACH = 7  # words that a denial or an aside reaches, if nothing ends it before
AFTER_HIT = 3  # words that a denial reaches beyond the thing it denied
NEAR = 4  # words after a comma in which a conjunction goes on with a denied list
NEXT = 2  # words after a denial of which one makes it a promise: "not only", "without ever waiting"
LONGEST = 20_000  # characters of a text; more is cut, for a description is no book

PERCENTILES = frozenset({"p50", "p75", "p90", "p95", "p99", "p999", "percentile"})
_PROMISED = Phrase([], "percentile promised", (Mark(feature="service_level", rank="heavy"),))


class Hit(NamedTuple):
    """One word or phrase that says something.

    Attributes:
        said: its dictionary form.
        mark: what it says.
        factor: how much of its strength counts here; 0 where it is denied.
        sentence: which clause of the text it stands in, counted from 1.
        line: which line of the text it stands in, counted from 1.
    """

    said: str
    mark: Mark
    factor: float
    sentence: int
    line: int


class Heard(NamedTuple):
    """Everything that a text says.

    Attributes:
        hits: in the order of the text; one word may speak for several concerns.
        duties: distinct verbs in their dictionary form, in the order of the text.
        unknown: words that say nothing to the vocabulary, each once.
        stated: number of operations that the text states ("five functions"); 0 = none.
        sentences: how many clauses it has.
    """

    hits: tuple[Hit, ...]
    duties: tuple[str, ...]
    unknown: tuple[str, ...]
    stated: int
    sentences: int


SILENCE = Heard((), (), (), 0, 0)


def hear(text: str, vocabulary: Vocabulary, *, is_told: bool = True) -> Heard:
    """Listen to a text in English, or to the basics in German, French and Spanish.

    Args:
        is_told: it is a description, whose first sentence says what the thing is; no list of names.
    """
    words = read_words(text[:LONGEST], vocabulary)
    return _Listening(words, vocabulary, FIRST if is_told else 1.0).listen() if words.texts else SILENCE


class _Listening:
    """One walk over the words of a text."""

    __slots__ = (
        "_aside", "_breaks", "_clause", "_comma", "_denied", "_duties", "_factor", "_first", "_gone", "_grammar",
        "_hits", "_left", "_line", "_sentence", "_stated", "_texts", "_unknown", "_words",
    )  # fmt: skip

    def __init__(self, words: Words, vocabulary: Vocabulary, first: float) -> None:
        self._words, self._texts, self._breaks = words
        self._grammar = vocabulary.grammar
        self._first = first
        self._hits: list[Hit] = []
        self._duties: list[str] = []
        self._unknown: list[str] = []
        self._stated = self._sentence = self._line = 0
        self._clause = self._comma = (0, 0)  # hits and duties before the clause, and before the last comma
        self._denied = 0  # the place up to which a denial reaches
        self._aside = 0  # likewise an aside
        self._factor = 1.0  # inside an aside
        self._gone = False  # the rest of the clause is about something that is not there
        self._left = False  # the rest of the clause is about somebody else's work

    def listen(self) -> Heard:
        at, words, breaks, unknown = 0, self._words, self._breaks, self._unknown
        end = len(words)
        while at < end:
            word = words[at]
            if breaks[at]:
                self._break(at, breaks[at])
            if word.is_dull:  # as most words are
                if word.plain:
                    unknown.append(word.text)
                at += 1
                continue
            if word.is_signal:
                self._turn(at, word)
            phrase = self._phrase_at(at, word) if word.start or word.exact else None
            step = 1
            if phrase is not None:
                self._note(at, phrase)
                step += len(phrase.rest)
            elif word.plain:
                self._note_plain(at, word)
            if word.duty:
                self._note_duty(at, word)
            at += step
        return Heard(
            tuple(self._hits),
            tuple(dict.fromkeys(self._duties)),
            tuple(dict.fromkeys(self._unknown)),
            self._stated,
            self._sentence,
        )

    def _break(self, at: int, breaks: int) -> None:
        """End what a comma or the end of a clause ends."""
        here = (len(self._hits), len(self._duties))
        self._comma = here
        self._aside = 0
        if breaks >= CLAUSE:
            self._clause = here
            self._gone = self._left = False
            self._sentence += 1
            self._denied = 0
            self._line += max(0, breaks - LINE + 1)
            return
        if self._texts[at] in self._grammar.us:
            self._gone = self._left = False
        if self._denied > at and not any(each in self._grammar.bind for each in self._texts[at : at + NEAR]):
            self._denied = 0

    def _turn(self, at: int, word: Word) -> None:
        """End or begin a denial or an aside at this word."""
        texts, role = self._texts, word.role
        if role & TURNS:
            self._denied = self._aside = 0
            self._gone = self._left = False
        elif role & BINDS and at + 1 < len(texts) and self._words[at + 1].duty:
            self._denied = self._aside = 0
        if (role & OTHERS and self._is_other(at, word.text)) or (role & PASSIVE and self._has_agent(at)):
            self._leave_to_others()
        opening = word.opening
        if opening is None:
            return
        if opening.gone and _opens(opening.gone, texts, at):
            self._set_aside(0.0)
            self._gone = True
        elif opening.elsewhere and _opens(opening.elsewhere, texts, at):
            self._leave_to_others()
        elif opening.aside and _opens(opening.aside, texts, at):
            self._aside, self._factor = at + REACH, IN_PASSING
        elif opening.trigger and self._aside <= at and _opens(opening.trigger, texts, at):
            self._aside, self._factor = at + REACH, SETTING_OFF
        if opening.deny and _opens(opening.deny, texts, at) and not self._is_promise(at):
            self._denied = at + REACH

    def _leave_to_others(self) -> None:
        """Let the clause be about somebody else's work, before this word and after it."""
        self._set_aside(IN_PASSING)
        self._left = True

    def _has_agent(self, at: int) -> bool:
        """Whether somebody or something else is named that does the work: "is drawn by the statistics page"."""
        texts, breaks, grammar = self._texts, self._breaks, self._grammar
        for place in range(at + 1, min(at + 1 + NEAR, len(texts))):
            if breaks[place] or texts[place] in grammar.own:
                return False
            if texts[place] in grammar.agents:
                return True
        return False

    def _is_promise(self, at: int) -> bool:
        """Whether a denial is one about the work, such as "without losing events"."""
        grammar, texts = self._grammar, self._texts
        return any(each in grammar.promises for each in texts[at + 1 : at + 1 + NEXT]) or any(
            each in grammar.losses for each in texts[at + 1 : at + 1 + REACH]
        )

    def _is_other(self, at: int, text: str) -> bool:
        """Whether somebody else is named who may do the work; the first clause is about the module itself."""
        grammar = self._grammar
        if self._sentence == 1 and not self._comma[0]:
            return False
        if text in grammar.others:
            return True
        before = self._texts[at - 1] if at and not self._breaks[at] else ""
        if text not in grammar.others_named or not before or before in grammar.own:
            return False
        is_verb = before in grammar.duties and not before.endswith("ing")
        return before in grammar.which or not (is_verb or before in grammar.stop)

    def _set_aside(self, factor: float) -> None:
        """Weaken what the clause has said so far, from its last comma or, if nothing stands there, its begin."""
        hits, duties = self._comma if self._comma[0] < len(self._hits) else self._clause
        self._hits[hits:] = [hit._replace(factor=min(hit.factor, factor)) for hit in self._hits[hits:]]
        del self._duties[duties:]

    def _phrase_at(self, at: int, word: Word) -> Phrase | None:
        start = word.start
        if start is None:
            return word.exact
        texts = self._texts
        if start.going_on and at + 1 < len(texts):
            for phrase in start.going_on.get(texts[at + 1], ()):
                rest = phrase.rest
                if len(rest) == 1 or texts[at + 1 : at + 1 + len(rest)] == rest:
                    return phrase
        return start.alone if word.exact is None else _stronger(start.alone, word.exact)

    def _note(self, at: int, phrase: Phrase) -> None:
        factor = self._first if self._sentence == 1 else 1.0
        if phrase.said in PERCENTILES and self._is_bounded(at):
            phrase = _PROMISED
        if self._gone:
            factor = 0.0
        elif self._denied > at:
            factor = 0.0
            self._denied = min(self._denied, at + AFTER_HIT + len(phrase.rest) + 1)
        elif self._left:
            factor *= IN_PASSING
        elif self._aside > at:
            factor *= self._factor
        for mark in phrase.marks:
            self._hits.append(Hit(phrase.said, mark, factor, self._sentence, self._line))

    def _is_bounded(self, at: int) -> bool:
        """Whether a bound stands behind a word in its clause."""
        texts, breaks = self._texts, self._breaks
        for place in range(at + 1, min(at + 1 + REACH, len(texts))):
            if breaks[place] == CLAUSE:
                return False
            if texts[place] in self._grammar.bounds:
                return True
        return False

    def _note_duty(self, at: int, word: Word) -> None:
        """Count a verb, unless it stands where it is a thing: "orders" in "reads orders"."""
        if self._gone or self._left or self._denied > at or (self._aside > at and self._factor == IN_PASSING):
            return
        if not word.is_ambiguous or self._breaks[at] or self._texts[at - 1] in self._grammar.bind:
            self._duties.append(word.duty)

    def _note_plain(self, at: int, word: Word) -> None:
        """Note a word that begins no phrase."""
        if word.plain == UNKNOWN:
            self._unknown.append(word.text)
        elif word.plain == COMPOUND and word.compound is not None:
            self._note(at, word.compound)
        elif any(each in self._grammar.countable for each in self._texts[at + 1 : at + 3]):
            self._stated = max(self._stated, word.number)


def _opens(rests: tuple[list[str], ...], texts: list[str], at: int) -> bool:
    """Whether one of these rests of phrases follows a word."""
    for rest in rests:  # noqa: SIM110 - a generator would cost more than the comparison
        if not rest or texts[at + 1 : at + 1 + len(rest)] == rest:
            return True
    return False


def _stronger(phrase: Phrase | None, exact: Phrase) -> Phrase:
    """A word that is known in any case, too: what says more."""
    strongest = max((mark.strength for mark in phrase.marks), default=0.0) if phrase is not None else 0.0
    return exact if phrase is None or exact.marks[0].strength > strongest else phrase
