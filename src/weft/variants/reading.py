"""Cuts a text into words and looks every word up once.

Knows signs, numbers, capitals and names in several parts, and remembers what it found for each word as
written, so that hearing a text is a walk over ready answers. Refuses to know clauses and what stands
beside a word: that is for `hearing.py`.
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import NamedTuple

from weft.variants.inflecting import folded_word, humps
from weft.variants.vocabulary import NUMBER, Grammar, Phrase, Start, Vocabulary

CLAUSE, COMMA, LINE = 2, 1, 3  # what stands before a word; a new line ends a clause, too
REMEMBERED = 20_000  # words as written that a vocabulary keeps; then it begins anew
SEVERAL = 2  # parts of a name such as `PostgresAdapter`
SAYING = 3  # letters of the shortest word that is told as unknown
_PIECES = re.compile(r"[^\W_]+|[.;:!?()\n,–—→]")
_SIGNS = {**dict.fromkeys(".;:!?–—→", CLAUSE), "\n": LINE, **dict.fromkeys(",()", COMMA)}

SILENT, COUNTED, UNKNOWN, COMPOUND = range(4)  # what a word is that begins no phrase


TURNS, BINDS, OTHERS, PASSIVE = 1, 2, 4, 8  # what a word may do, as a sum


class Opening(NamedTuple):
    """What may follow a word so that both open something; the longest first, empty = nothing opens."""

    gone: tuple[list[str], ...]
    elsewhere: tuple[list[str], ...]
    aside: tuple[list[str], ...]
    trigger: tuple[list[str], ...]
    deny: tuple[list[str], ...]


class Word(NamedTuple):
    """Everything that a vocabulary knows about one word.

    Attributes:
        text: folded; `NUMBER` for any number.
        number: its value; -1 = it is none.
        exact: what it says as it is written, such as `REST`.
        start: what may begin with it.
        duty: dictionary form of a verb; empty = none.
        is_ambiguous: the verb may be a thing, too.
        is_signal: it may turn, bind, deny, set aside or name others.
        role: a sum of `TURNS`, `BINDS`, `OTHERS` and `PASSIVE`.
        opening: what it may open; `None` = nothing.
        plain: one of `SILENT`, `COUNTED`, `UNKNOWN`, `COMPOUND`.
        compound: what a German compound says.
        is_dull: it says nothing, opens nothing and is no verb.
    """

    text: str
    number: int
    exact: Phrase | None
    start: Start | None
    duty: str
    is_ambiguous: bool
    is_signal: bool
    role: int
    opening: Opening | None
    plain: int
    compound: Phrase | None
    is_dull: bool


_TEXT = attrgetter("text")


class Words(NamedTuple):
    """The words of a text side by side, for this is the busiest place of a choice.

    Attributes:
        breaks: what stands before each: 0, `COMMA`, `CLAUSE` or `LINE`, and one more for each more line.
    """

    words: list[Word]
    texts: list[str]
    breaks: list[int]


def read_words(text: str, vocabulary: Vocabulary) -> Words:
    """The words of a text without small ones."""
    known = vocabulary.read.get
    words: list[Word] = []
    breaks: list[int] = []
    before = LINE
    for piece in _PIECES.findall(text):
        found = known(piece)
        if found is None:
            found = _look_up(piece, vocabulary)
        if isinstance(found, tuple):
            for word in found:
                words.append(word)
                breaks.append(before)
                before = 0
        elif found == LINE:  # lines are counted, even such without a word
            before = max(before + 1, LINE)
        elif found > before:
            before = found
    return Words(words, [*map(_TEXT, words)], breaks)


def _look_up(piece: str, vocabulary: Vocabulary) -> int | tuple[Word, ...]:
    """What a piece is: a break, or words; none for small ones. Remembered."""
    if len(vocabulary.read) >= REMEMBERED:
        vocabulary.read.clear()
    found = _SIGNS.get(piece)
    answer = _words_of(piece, vocabulary) if found is None else found
    vocabulary.read[piece] = answer
    return answer


def _words_of(piece: str, vocabulary: Vocabulary) -> tuple[Word, ...]:
    grammar, word = vocabulary.grammar, folded_word(piece)
    if word in grammar.small:
        return ()
    if word.isdecimal() or word in grammar.numbers:
        number = grammar.numbers.get(word)
        return (_word(NUMBER, vocabulary, number=int(word[:6]) if number is None else number),)
    exact = vocabulary.exact
    if word in vocabulary.phrases or piece in exact or piece[1:].islower():
        return (_word(word, vocabulary, exact=exact.get(piece)),)
    parts = humps(piece)
    if len(parts) < SEVERAL:
        return (_word(word, vocabulary),)
    return tuple(_word(folded_word(part), vocabulary, exact=exact.get(part)) for part in parts)


def _word(text: str, vocabulary: Vocabulary, *, number: int = -1, exact: Phrase | None = None) -> Word:
    grammar = vocabulary.grammar
    duty = grammar.duties.get(text, "")
    compound = None
    if text == NUMBER:
        plain = COUNTED
    elif duty or len(text) < SAYING or text in grammar.silent | grammar.others | grammar.others_named:
        plain = SILENT
    else:
        marks = vocabulary.compound(text)
        compound = Phrase([], text, marks) if marks else None
        plain = COMPOUND if marks else UNKNOWN
    start, is_signal = vocabulary.phrases.get(text), text in grammar.signals
    speaks = is_signal or duty or start is not None or exact is not None
    return Word(
        text=text,
        number=number,
        exact=exact,
        start=start,
        duty=duty,
        is_ambiguous=text in grammar.ambiguous,
        is_signal=is_signal,
        role=_role(text, grammar),
        opening=_opening(text, grammar),
        plain=plain,
        compound=compound,
        is_dull=not speaks and plain in (SILENT, UNKNOWN),
    )


def _role(text: str, grammar: Grammar) -> int:
    roles = (
        (TURNS, grammar.turn),
        (BINDS, grammar.bind),
        (OTHERS, grammar.others | grammar.others_named),
        (PASSIVE, grammar.passive),
    )
    return sum(role for role, words in roles if text in words)


def _opening(text: str, grammar: Grammar) -> Opening | None:
    if text not in grammar.openers:
        return None
    tables = (grammar.gone, grammar.elsewhere, grammar.aside, grammar.trigger, grammar.deny)
    return Opening(*(table.get(text, ()) for table in tables))
