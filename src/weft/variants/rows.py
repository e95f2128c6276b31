"""What can be said about a row without asking anybody: what it holds, how long it is, its language and shape.

Knows a guess of the language by everyday words and scripts, and when lines form a table. A guess that
is not clear is empty. Refuses to know prompts and variants.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from weft.row import Value
from weft.variants.variant import Conditions

LOOKED_AT = 2_000  # characters in which language and shape are guessed
CLEAR = 2  # everyday words that a language needs, and its lead over the next one
ROWS = 3  # lines of a table at least
_WORD = re.compile(r"[^\W\d_]+")
_BULLET = re.compile(r"\s*(?:[-*•]|\d{1,3}[.)])\s+\S")
_BARS = ("\t", "|", ";", ",")
_EVERYDAY: Mapping[str, frozenset[str]] = {
    "en": frozenset(
        [
            "the",
            "and",
            "of",
            "to",
            "is",
            "are",
            "was",
            "with",
            "for",
            "that",
            "this",
            "have",
            "has",
            "not",
            "you",
            "your",
            "from",
            "but",
        ]
    ),
    "de": frozenset(
        [
            "der",
            "die",
            "das",
            "und",
            "ist",
            "nicht",
            "ein",
            "eine",
            "mit",
            "für",
            "auf",
            "von",
            "den",
            "dem",
            "zu",
            "wir",
            "sie",
            "ich",
            "auch",
        ]
    ),
    "fr": frozenset(
        [
            "le",
            "la",
            "les",
            "des",
            "et",
            "est",
            "une",
            "pas",
            "pour",
            "dans",
            "que",
            "qui",
            "avec",
            "nous",
            "vous",
            "sur",
            "ce",
            "du",
        ]
    ),
    "es": frozenset(
        [
            "el",
            "la",
            "los",
            "las",
            "de",
            "y",
            "es",
            "una",
            "no",
            "para",
            "con",
            "que",
            "por",
            "se",
            "del",
            "lo",
            "como",
            "más",
        ]
    ),
    "it": frozenset(
        [
            "il",
            "la",
            "gli",
            "di",
            "e",
            "è",
            "una",
            "non",
            "per",
            "con",
            "che",
            "del",
            "della",
            "sono",
            "come",
            "più",
            "anche",
            "questo",
        ]
    ),
    "pt": frozenset(
        [
            "o",
            "a",
            "os",
            "as",
            "de",
            "e",
            "é",
            "uma",
            "não",
            "para",
            "com",
            "que",
            "do",
            "da",
            "em",
            "por",
            "mais",
            "você",
        ]
    ),
    "nl": frozenset(
        [
            "de",
            "het",
            "een",
            "en",
            "van",
            "is",
            "niet",
            "met",
            "voor",
            "op",
            "dat",
            "zijn",
            "aan",
            "wij",
            "ik",
            "ook",
            "maar",
            "naar",
        ]
    ),
}
_SCRIPTS = (
    ("ja", "\u3040", "\u30ff"),
    ("ko", "\uac00", "\ud7af"),
    ("zh", "\u4e00", "\u9fff"),
    ("ru", "\u0400", "\u04ff"),
    ("ar", "\u0600", "\u06ff"),
    ("el", "\u0370", "\u03ff"),
    ("he", "\u0590", "\u05ff"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFacts:
    """Facts about one row, as far as some variant asks for them.

    Attributes:
        present: inputs that are there and not empty.
        characters: of all text together.
        language: two letters, or empty where the guess is not clear.
        shape: one of `SHAPES` by the longest text, or empty for a row without text.
        model: name of the model that will be asked.
    """

    present: frozenset[str] = frozenset()
    characters: int = 0
    language: str = ""
    shape: str = ""
    model: str = ""


def facts_of(values: Mapping[str, Value], *, model: str = "") -> RowFacts:
    """Look at a row's values."""
    texts = [value for value in values.values() if isinstance(value, str) and value.strip()]
    longest = max(texts, key=len, default="")
    return RowFacts(
        present=frozenset(name for name, value in values.items() if not is_blank(value)),
        characters=sum(map(len, texts)),
        language=language_of(texts),
        shape=shape_of(longest),
        model=model,
    )


def is_blank(value: Value) -> bool:
    """Whether there is nothing: no value, an empty text or list; 0 and false are something."""
    return (
        value is None
        or (isinstance(value, str | list | tuple | dict) and not len(value))
        or (isinstance(value, str) and not value.strip())
    )


def language_of(texts: Iterable[str]) -> str:
    """Guess a language from everyday words, or from the script; empty where it is not clear.

    >>> language_of(["Wir haben die Rechnung nicht erhalten."]), language_of(["42"])
    ('de', '')
    """
    text = " ".join(texts)[:LOOKED_AT]
    for code, first, last in _SCRIPTS:
        if sum(first <= mark <= last for mark in text) * 5 > len(text):
            return code
    words = [word.lower() for word in _WORD.findall(text)]
    counts = sorted(
        ((sum(w in known for w in words), code) for code, known in _EVERYDAY.items()), reverse=True
    )
    (most, code), (next_, _) = counts[:2]
    return code if most >= CLEAR and most >= next_ + CLEAR else ""


def shape_of(text: str) -> str:
    r"""Say whether a text is a table, a list or prose; empty for no text.

    A table has at least three lines, nine in ten of them with the same number (one or more) of tabs,
    bars or semicolons, or two or more commas. A list has at least three lines, most of them with a bullet or number.

    >>> shape_of("name;age\nAnn;31\nBob;40"), shape_of("One sentence.")
    ('table', 'prose')
    """
    lines = [line for line in text[:LOOKED_AT].splitlines() if line.strip()]
    if not lines:
        return ""
    if len(lines) >= ROWS:
        if any(_alike(lines, bar) for bar in _BARS):
            return "table"
        if sum(_BULLET.match(line) is not None for line in lines) * 3 >= len(lines) * 2:
            return "list"
    return "prose"


def _alike(lines: Sequence[str], bar: str) -> bool:
    counts = [line.count(bar) for line in lines]
    usual = max(set(counts), key=counts.count)
    return usual >= (2 if bar == "," else 1) and counts.count(usual) * 10 >= len(counts) * 9


def unmet(when: Conditions, row: RowFacts) -> str:
    """Why a row is none that a variant was made for; empty if it is."""
    reasons = (
        (when.columns, set(when.columns) <= row.present, f"needs {', '.join(when.columns)}"),
        (
            when.without,
            row.present.isdisjoint(when.without),
            f"is for rows without {', '.join(when.without)}",
        ),
        (
            when.longer_than is not None,
            row.characters > (when.longer_than or 0),
            f"is for more than {when.longer_than} characters",
        ),
        (
            when.shorter_than is not None,
            row.characters < (when.shorter_than or 0),
            f"is for fewer than {when.shorter_than} characters",
        ),
        (when.languages, row.language in when.languages, f"is for {', '.join(when.languages)}"),
        (when.shapes, row.shape in when.shapes, f"is for text that is a {' or a '.join(when.shapes)}"),
        (
            when.models,
            any(fnmatchcase(row.model, each) for each in when.models),
            f"is for {', '.join(when.models)}",
        ),
    )
    return next((reason for asked, holds, reason in reasons if asked and not holds), "")
