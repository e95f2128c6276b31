"""The forms of a word: plurals, persons and participles, so that whole words can be compared.

Knows light rules for English, German, French and Spanish, and that case and accents do not matter.
A form that does not exist does no harm, for nobody writes it. Refuses to know what words mean.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_RUN = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_DOUBLED = re.compile(r"[a-z]*[^aeiou][aeiou][bdgklmnprtv]")  # commit → committed
_NOUN_ENDINGS = {"de": ("e", "en", "n", "s", "er", "es", "ern", "em"), "fr": ("s", "x"), "es": ("s", "es")}
_VERB_ENDINGS = {
    "de": ("e", "t", "et", "en", "n", "st", "te", "ten", "end"),
    "fr": ("e", "es", "ent", "ons", "ez", "ant", "er", "ee", "ees", "it", "issent"),
    "es": ("a", "an", "ar", "ando", "ado", "ada", "e", "en", "er", "iendo", "ido", "ir", "o"),
}
_INFINITIVES = {
    "de": re.compile(r"(e?n)$"),
    "fr": re.compile(r"(er|re|ir)$"),
    "es": re.compile(r"(ar|er|ir)$"),
}
_SHORT = 3  # letters of the shortest stem that takes endings


def folded_word(word: str) -> str:
    """A word without case and accents: `Schlüssel` → `schlussel`."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(mark for mark in plain if not unicodedata.combining(mark))


def word_runs(text: str) -> list[str]:
    """The words of a text as written; `_`, `-`, dots and quotes part them."""
    return _RUN.findall(text)


def humps(word: str) -> list[str]:
    """The parts of a word written like `PostgresAdapter`; the word alone where it has none."""
    return _HUMP.findall(word) if not (word.islower() or word.isupper()) else [word]


def noun_forms(noun: str, language: str = "en") -> Iterator[str]:
    """A folded noun and its plurals."""
    yield noun
    if len(noun) < _SHORT:
        if language == "en":
            yield f"{noun}s"
        return
    if language != "en":
        yield from (noun + ending for ending in _NOUN_ENDINGS[language])
        if language == "fr" and noun.endswith("al"):
            yield f"{noun[:-1]}ux"
        return
    if noun.endswith("y") and noun[-2] not in "aeiou":
        yield f"{noun[:-1]}ies"
    elif noun.endswith(("s", "x", "z", "ch", "sh")):
        yield f"{noun}es"
    elif noun.endswith("f"):
        yield f"{noun[:-1]}ves"
    else:
        yield f"{noun}s"


def verb_forms(verb: str, language: str = "en") -> Iterator[str]:
    """A folded infinitive and its persons and participles."""
    yield verb
    if language != "en":
        stem = _INFINITIVES[language].sub("", verb)
        if len(stem) >= _SHORT:
            yield from (stem + ending for ending in _VERB_ENDINGS[language])
            if language == "de":
                yield from (f"ge{stem}t", f"ge{stem}en")
        return
    yield from _IRREGULAR.get(verb, ())
    if verb.endswith("y") and verb[-2] not in "aeiou":
        yield from (f"{verb[:-1]}ies", f"{verb[:-1]}ied", f"{verb}ing")
        return
    yield f"{verb}es" if verb.endswith(("s", "x", "z", "ch", "sh", "o")) else f"{verb}s"
    if verb.endswith("e"):
        yield from (f"{verb}d", f"{verb[:-1]}ing", f"{verb}r", f"{verb}rs")
        return
    yield from (f"{verb}ed", f"{verb}ing", f"{verb}er", f"{verb}ers")
    if _DOUBLED.fullmatch(verb):
        yield from (f"{verb}{verb[-1]}ed", f"{verb}{verb[-1]}ing")


_IRREGULAR = {
    "read": ("reads",),
    "write": ("wrote", "written"),
    "send": ("sent",),
    "keep": ("kept",),
    "find": ("found",),
    "take": ("took", "taken"),
    "undo": ("undone", "undid"),
    "run": ("ran",),
    "build": ("built",),
    "forecast": ("forecast",),
    "split": ("split",),
    "pay": ("paid",),
    "sum": ("summed",),
    "drive": ("drove", "driven"),
}
