"""Vocabulary: which whole words and phrases speak for which concern, and how strongly.

Knows `aliases.toml` and `grammar.toml`, unfolds every word into its forms once, and answers by look-up:
nothing is ever found inside a word, so `feedback` holds no db and `html` no ml. The one exception are
German compounds of long known words. Refuses to know sentences (`hearing.py`) and variants.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from weft.variants.inflecting import folded_word, noun_forms, verb_forms, word_runs
from weft.variants.variant import Domain, Variant

STRENGTHS: Mapping[str, float] = {"sure": 3.0, "strong": 2.0, "likely": 1.0, "hint": 0.4}
"""What a word of each rank weighs; two likely words are as good as one strong one."""

FEATURE_STRENGTH = 1.5  # of a feature's common name where no rank is given: between likely and strong
OWN_TERM_STRENGTH = 2.0  # of a word that a variant of your own claims
RANKS = ("basic", "heavy", "light")  # features that belong to no concern
COMPOUND = 6  # letters of the shortest German word that is looked for in compounds
LANGUAGES = ("de", "fr", "es")


class Mark(NamedTuple):
    """What one word or phrase says.

    Attributes:
        domain: the concern that it speaks for; `None` = none.
        strength: how strongly, see `STRENGTHS`.
        feature: the name of the feature that it stands for; empty = none.
        rank: `basic`, `heavy` or `light` for a feature of no concern; otherwise empty.
        variant: the variant of your own that claims it; otherwise empty.
    """

    domain: Domain | None = None
    strength: float = 0.0
    feature: str = ""
    rank: str = ""
    variant: str = ""


Marks = tuple[Mark, ...]
Openings = Mapping[str, tuple[list[str], ...]]
"""First word → what may follow it, the longest first."""

NUMBER = "#"  # stands for any number in a phrase


SILENT = Mark()
"""Of phrases in which a known word means something else, such as `model railway`."""


class Phrase(NamedTuple):
    """The rest of a phrase after its first word, and what the whole says; no rest = a single word."""

    rest: list[str]
    said: str
    marks: Marks


class Start(NamedTuple):
    """What may begin with a word.

    Attributes:
        alone: the word itself; `None` = it says nothing alone.
        going_on: second word → phrases, the longest first.
    """

    alone: Phrase | None
    going_on: dict[str, tuple[Phrase, ...]]


@dataclass(frozen=True, slots=True)
class Grammar:
    """Small words that bind, deny or set aside; all folded."""

    small: frozenset[str]
    stop: frozenset[str]
    silent: frozenset[str]
    deny: Openings
    promises: frozenset[str]
    losses: frozenset[str]
    bind: frozenset[str]
    turn: frozenset[str]
    gone: Openings
    elsewhere: Openings
    aside: Openings
    trigger: Openings
    others: frozenset[str]
    others_named: frozenset[str]
    passive: frozenset[str]
    agents: frozenset[str]
    us: frozenset[str]
    own: frozenset[str]
    which: frozenset[str]
    bounds: frozenset[str]
    openers: frozenset[str]
    signals: frozenset[str]
    duties: Mapping[str, str]
    ambiguous: frozenset[str]
    numbers: Mapping[str, int]
    countable: frozenset[str]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Every known word, ready for look-up.

    Attributes:
        phrases: first word → what may begin with it.
        exact: words that count only as written, such as `REST`.
        stems: long German words that may stand in compounds, with what they say.
        read: a memory for `reading.py`: what each word as written turned out to be.
    """

    phrases: Mapping[str, Start]
    exact: Mapping[str, Phrase]
    stems: Mapping[str, Marks]
    stem_starts: tuple[str, ...]
    grammar: Grammar
    read: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def knows(self, word: str) -> bool:
        """Whether a folded word alone or a phrase that begins with it is known."""
        return word in self.phrases

    def listed(self) -> Iterator[tuple[str, Phrase]]:
        """Every phrase with its first word."""
        for first, start in self.phrases.items():
            if start.alone is not None:
                yield first, start.alone
            for phrases in start.going_on.values():
                yield from ((first, each) for each in phrases)

    def compound(self, word: str) -> Marks:
        """What a folded German compound says, such as `datenbankabfrage`; nothing for other words."""
        if word.startswith(self.stem_starts) or word.endswith(self.stem_starts):
            for stem, marks in self.stems.items():
                if word.startswith(stem) or word.endswith(stem):
                    return marks
        return ()


@cache
def own_vocabulary() -> Vocabulary:
    """Weft's own vocabulary; read once (some 15 ms)."""
    folder = Path(__file__).parent
    aliases = tomllib.loads((folder / "aliases.toml").read_text(encoding="utf-8"))
    grammar = tomllib.loads((folder / "grammar.toml").read_text(encoding="utf-8"))
    return make_vocabulary(aliases, grammar)


def vocabulary_for(variants: Collection[Variant]) -> Vocabulary:
    """Weft's own vocabulary, the terms that variants claim, and features that only they know by name.

    A feature that only variants of one concern offer speaks for this concern.
    """
    own = own_vocabulary()
    marks = [(term, Mark(v.domain, OWN_TERM_STRENGTH, variant=v.name)) for v in variants for term in v.terms]
    known = {mark.feature for _, phrase in own.listed() for mark in phrase.marks}
    offered: dict[str, set[Domain | None]] = {}
    for each in variants:
        for feature in each.features:
            offered.setdefault(feature, set()).add(each.domain)
    for feature, domains in offered.items():
        if feature not in known:
            only = next(iter(domains)) if len(domains) == 1 else None
            rank = "" if only else "basic"
            marks.append(
                (feature.replace("_", " "), Mark(only, FEATURE_STRENGTH if only else 0.0, feature, rank))
            )
    if not marks:
        return own
    gathered = _Gathering(own.grammar.small, own.grammar.numbers)
    for text, mark in marks:
        gathered.add(text, mark)
    for first, phrase in own.listed():
        for mark in phrase.marks or (SILENT,):
            gathered.add_form((first, *phrase.rest), phrase.said, mark)
    return Vocabulary(gathered.phrases(), own.exact, own.stems, own.stem_starts, own.grammar)


def make_vocabulary(aliases: Mapping[str, Any], grammar: Mapping[str, Any]) -> Vocabulary:
    """Unfold tables of words as `aliases.toml` and `grammar.toml` hold them.

    Raises:
        KeyError, ValueError: a table has a key that is not known: a mistake of whoever wrote it.
    """
    small = frozenset(map(folded_word, grammar["small"]))
    gathered = _Gathering(small, frozenset(map(folded_word, grammar["numbers"])))
    exact: dict[str, Phrase] = {}
    stems: dict[str, Marks] = {}
    for text in aliases["silent"]["phrases"]:
        gathered.add(text, SILENT)
    for domain in Domain:
        for word in aliases[domain].get("exact", ()):
            exact[word] = Phrase([], word, (Mark(domain, STRENGTHS["strong"]),))
        for language in ("en", *LANGUAGES):
            table = aliases[domain] if language == "en" else aliases[language][domain]
            stems |= _gather_words(gathered, table, domain, language)
    for group, table in aliases["features"].items():
        rank = group if group in RANKS else ""
        strength = 0.0 if rank else FEATURE_STRENGTH
        for feature, words in table.items():
            mark = Mark(None if rank else Domain(group), strength, feature, rank)
            for word in (*words, feature.replace("_", " ")):
                gathered.add(word, mark)
    return Vocabulary(gathered.phrases(), exact, stems, tuple(stems), _grammar(grammar, small))


def _gather_words(
    gathered: _Gathering, table: Mapping[str, Any], domain: Domain, language: str
) -> dict[str, Marks]:
    """Note the words of one concern in one language; returns German stems for compounds."""
    stems: dict[str, Marks] = {}
    for key, words in table.items():
        if key == "exact":
            continue
        rank = key.rpartition("_")[2]
        mark = Mark(domain, STRENGTHS[rank])
        for word in words:
            gathered.add(word, mark, language=language, is_verb=key.startswith("verbs_"))
        if language == "de" and rank in {"sure", "strong", "likely"}:
            stems |= dict.fromkeys(_stems(words), (mark,))
    return stems


class _Gathering:
    """Collects marks by the words of a phrase; of one concern the strongest mark stays."""

    def __init__(self, small: frozenset[str], numbers: Collection[str]) -> None:
        self._small = small
        self._numbers = numbers
        self._found: dict[tuple[str, ...], tuple[str, list[Mark]]] = {}

    def add(self, text: str, mark: Mark, *, language: str = "en", is_verb: bool = False) -> None:
        """Note what a phrase says in all its forms; small words inside it do not count."""
        words = self.plain(text)
        said = " ".join(words)
        for form in _forms(words, language, is_verb=is_verb):
            self.add_form(form, said, mark)

    def add_form(self, words: tuple[str, ...], said: str, mark: Mark) -> None:
        """Note what exactly these words say; `said` is their dictionary form."""
        _, marks = self._found.setdefault(words, (said, []))
        if mark is SILENT:
            return
        for at, other in enumerate(marks):
            one = not (other.feature and mark.feature) or other.feature == mark.feature
            if other.domain == mark.domain and one and not mark.variant:
                # A feature's name may be an everyday word: "transactions" in a text are not always ours.
                named = mark.feature and other.strength
                strength = other.strength if named else max(other.strength, mark.strength)
                feature, rank = other.feature or mark.feature, other.rank or mark.rank
                marks[at] = Mark(mark.domain, strength, feature, rank, other.variant)
                return
        marks.append(mark)

    def plain(self, text: str) -> tuple[str, ...]:
        words = plain_words(text, self._small)
        return tuple(NUMBER if word in self._numbers else word for word in words)

    def phrases(self) -> dict[str, Start]:
        alone: dict[str, Phrase] = {}
        longer: dict[str, dict[str, list[Phrase]]] = {}
        for words, (said, marks) in self._found.items():
            first, *rest = words
            phrase = Phrase(rest, said, tuple(marks))
            if rest:
                longer.setdefault(first, {}).setdefault(rest[0], []).append(phrase)
            else:
                alone[first] = phrase
        return {
            first: Start(
                alone.get(first),
                {
                    second: tuple(sorted(phrases, key=lambda each: -len(each.rest)))
                    for second, phrases in longer.get(first, {}).items()
                },
            )
            for first in {**alone, **longer}
        }


def plain_words(text: str, small: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The folded words of a phrase without small ones; a lone `#` stands for any number."""
    words = (folded_word(word) for word in word_runs(text.replace(NUMBER, " 0 ")))
    return tuple(NUMBER if word == "0" else word for word in words if word not in small)


def _forms(words: tuple[str, ...], language: str, *, is_verb: bool) -> Iterator[tuple[str, ...]]:
    if not words:
        return
    if not is_verb:
        for last in noun_forms(words[-1], language):
            yield (*words[:-1], last)
        return
    for first in verb_forms(words[0], language):
        if len(words) == 1:
            yield (first,)
            continue
        for last in noun_forms(words[-1], language):
            yield (first, *words[1:-1], last)


def _stems(words: Iterable[str]) -> list[str]:
    found = [plain_words(word) for word in words]
    return [each[0] for each in found if len(each) == 1 and len(each[0]) >= COMPOUND]


def _grammar(table: Mapping[str, Any], small: frozenset[str]) -> Grammar:
    def words(key: str) -> frozenset[str]:
        return frozenset(folded_word(word) for word in table[key])

    def openings(key: str) -> dict[str, tuple[list[str], ...]]:
        found: dict[str, list[list[str]]] = {}
        for text in table[key]:
            first, *rest = plain_words(text, small)
            found.setdefault(first, []).append(rest)
        return {first: tuple(sorted(rests, key=len, reverse=True)) for first, rests in found.items()}

    duties = {form: verb for verb in table["duties_or_things"] for form in verb_forms(verb)}
    ambiguous = frozenset(duties)
    for language in ("en", *LANGUAGES):
        for verb in map(folded_word, table["duties" if language == "en" else f"duties_{language}"]):
            for form in verb_forms(verb, language):
                duties.setdefault(form, verb)
    opening = {key: openings(key) for key in ("deny", "gone", "elsewhere", "aside", "trigger")}
    openers = frozenset[str]().union(*opening.values())
    others, named, agents = (
        frozenset(form for word in table[key] for form in noun_forms(folded_word(word)))
        for key in ("others", "others_named", "agents")
    )
    return Grammar(
        small=small,
        stop=words("stop"),
        silent=words("stop") | words("promises") | words("losses") | frozenset(opening["deny"]),
        promises=words("promises"),
        losses=words("losses"),
        bind=words("bind"),
        turn=words("turn"),
        others=others,
        others_named=named,
        passive=words("passive"),
        agents=agents | others | named,
        us=words("us"),
        own=words("own"),
        which=words("which"),
        bounds=words("bounds"),
        openers=openers,
        signals=openers | others | named | words("passive") | words("turn") | words("bind"),
        duties=duties,
        ambiguous=ambiguous,
        numbers={folded_word(word): number for word, number in table["numbers"].items()},
        countable=frozenset(form for word in table["countable"] for form in noun_forms(folded_word(word))),
        **opening,
    )
