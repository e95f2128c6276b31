"""Limits of a value: characters, words, ranges, patterns, and what can be stored at all.

Knows how a value that does not fit is told: a phrase that follows the field's name, and a code.
Refuses to know how a value was read. Every limit takes linear time; patterns run on RE2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from weft.schema import Field

MAX_SHOWN = 60  # characters of a value in a message; enough to recognise it, too few to leak a row

Limit = Callable[[Any], None]
"""Looks at a value of the right kind; raises `Unfit` where it does not hold."""


class Unfit(ValueError):
    """A value does not fit; `phrase` follows the field's name in a sentence, `code` is stable."""

    def __init__(self, code: str, phrase: str) -> None:
        """Keep the stable code and the phrase, such as `must be a number, got 'x'`."""
        super().__init__(phrase)
        self.code = code
        self.phrase = phrase


def shown(value: Any) -> str:
    """Show a value in a message: short, printable, and never the inside of a list or object."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value if len(value) <= MAX_SHOWN else value[: MAX_SHOWN - 1] + "…")
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 64 else "a whole number of more than 19 digits"
    if isinstance(value, Mapping | list | tuple):
        return "an object" if isinstance(value, Mapping) else "a list"
    return repr(value) if isinstance(value, float) else f"a {type(value).__name__}"


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Compile a regular expression that must match a whole text, in linear time (RE2).

    Raises:
        ValueError: if RE2 does not accept it; look-around and back references it never does.
    """
    import re2  # noqa: PLC0415 - a native library that few schemas need

    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20  # bytes; RE2's own default, said here because it bounds hostile patterns
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as exc:
        reason = exc.args[0] if exc.args else "unknown"
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"{pattern!r} is no regular expression in RE2 syntax ({reason})") from exc
    return lambda text: compiled.fullmatch(text) is not None


# ── limits ───────────────────────────────────────────────────────────────────────────────────────


def storable(text: str) -> None:
    """Refuse what no database and no request body can carry.

    Raises:
        Unfit: if the text holds NUL or half a surrogate pair.
    """
    if "\0" in text:
        raise Unfit("unstorable", "holds the character NUL, which cannot be stored")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unfit("unstorable", "holds half a surrogate pair, which is no character") from None


def text_limits(field: Field) -> tuple[Limit, ...]:
    """Make the limits of a text: characters, words, pattern; empty where it has none.

    Raises:
        ValueError: if RE2 does not accept the pattern.
    """
    limits: list[Limit] = []
    if field.min_length is not None or field.max_length is not None:
        limits.append(_length_limit(field.min_length or 0, field.max_length))
    if field.min_words is not None or field.max_words is not None:
        limits.append(_words_limit(field.min_words or 0, field.max_words))
    if field.pattern:
        limits.append(_pattern_limit(field.pattern))
    return tuple(limits)


def _length_limit(least: int, most: int | None) -> Limit:
    ceiling = math.inf if most is None else most

    def limit(text: str) -> None:
        if len(text) > ceiling:
            raise Unfit("too_long", f"has {counted(len(text), 'character')}, at most {most} are allowed")
        if len(text) < least:
            raise Unfit("too_short", f"has {counted(len(text), 'character')}, at least {least} are needed")

    return limit


def _words_limit(least: int, most: int | None) -> Limit:
    ceiling = math.inf if most is None else most

    def limit(text: str) -> None:
        words = len(text.split())
        if words > ceiling:
            raise Unfit("too_many_words", f"has {counted(words, 'word')}, at most {most} are allowed")
        if words < least:
            raise Unfit("too_few_words", f"has {counted(words, 'word')}, at least {least} are needed")

    return limit


ANYWHERE = ("(?s:.*)(?:", ")(?s:.*)")
"""What stands around a pattern that may match anywhere in a text, as JSON Schema means it."""


def plain_pattern(pattern: str) -> str:
    """The pattern as a person wrote it, without `ANYWHERE` around it."""
    before, after = ANYWHERE
    if pattern.startswith(before) and pattern.endswith(after):
        return pattern[len(before) : -len(after)]
    return pattern


def _pattern_limit(pattern: str) -> Limit:
    matches = compile_pattern(pattern)

    def limit(text: str) -> None:
        if not matches(text):
            raise Unfit("no_match", f"must match the pattern `{plain_pattern(pattern)}`, got {shown(text)}")

    return limit


def range_limit(field: Field) -> Limit | None:
    """Make the limit of a number, both ends included; `None` where it has none."""
    least, most = field.minimum, field.maximum
    if least is None and most is None:
        return None

    def limit(number: float) -> None:
        if most is not None and number > most:
            raise Unfit("too_large", f"must be at most {bare(most)}, got {shown(number)}")
        if least is not None and number < least:
            raise Unfit("too_small", f"must be at least {bare(least)}, got {shown(number)}")

    return limit


def bare(number: float) -> str:
    """Write a limit as a person would: `10`, `0.5`, `1000000`."""
    return str(int(number)) if number == int(number) else repr(number)


def counted(count: int, noun: str) -> str:
    """Say a number of things: `1 word`, `2 words`, `0 entries`."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{count} {noun if count == 1 else plural}"
