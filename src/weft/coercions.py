"""Single values: reading a cell as its kind, reading a value of an answer.

Cells are generous (text becomes what it says), answers are strict (only exact, declared coercions).
Refuses to know names, lists, objects and whole rows: `checks.py` puts them together.
Every reader takes linear time in the length of the value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from weft.limits import Limit, Unfit, range_limit, shown, storable, text_limits
from weft.schema import Field, Kind

Reader = Callable[[Any], Any]
"""Takes a value, returns it clean; the same thing where nothing was changed. Raises `Unfit`."""

INT_MIN, INT_MAX = -(2**63), 2**63 - 1  # what every store and file format keeps exactly
_WHOLE = re.compile(r"([+-]?[0-9]{1,60})(?:\.0{1,30})?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:[,'_ \u00a0\u202f][0-9]{3})+(?:\.[0-9]*)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_YES = frozenset({"true", "yes", "1", "on"})
_NO = frozenset({"false", "no", "0", "off"})
_LABEL = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?")  # one part of a domain name, RFC 1035 length

# ── what a text says ─────────────────────────────────────────────────────────────────────────────


def _whole_of(text: str) -> int:
    match = _WHOLE.fullmatch(text) if len(text) <= 64 else None
    if match is None:
        raise Unfit("not_an_integer", f"must be a whole number, got {shown(text)}{_number_hint(text)}")
    return _in_range(int(match[1]))


def _in_range(number: int) -> int:
    if not INT_MIN <= number <= INT_MAX:
        raise Unfit("too_many_digits", "must be a whole number of 64 bits, at most 19 digits")
    return number


def _number_of(text: str) -> float:
    if len(text) > 800 or not _NUMBER.fullmatch(text):
        raise Unfit("not_a_number", f"must be a number, got {shown(text)}{_number_hint(text)}")
    if len(text) <= 19 and _WHOLE.fullmatch(text) and "." not in text:
        return int(text)
    number = float(text)
    if math.isinf(number):
        raise Unfit("not_finite", f"must be a finite number, got {shown(text)}")
    return number


def _number_hint(text: str) -> str:
    if len(text) <= 64 and _GROUPED.fullmatch(text):
        return "; write it without thousands separators"
    if len(text) <= 64 and re.fullmatch(r"[+-]?[0-9]+,[0-9]+", text):
        return "; write a decimal point"
    return ""


def _date_text(text: str) -> str:
    if _DATE.fullmatch(text):
        try:
            date.fromisoformat(text)
        except ValueError:
            pass
        else:
            return text
    raise Unfit("not_a_date", f"must be a date such as 2026-03-31, got {shown(text)}")


def _datetime_text(text: str) -> str:
    if len(text) <= 40 and _DATETIME.fullmatch(text):
        try:
            datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            return text.replace(" ", "T", 1)
    raise Unfit("not_a_datetime", f"must be a date and time such as 2026-03-31T14:05:00Z, got {shown(text)}")


def _email_text(text: str) -> str:
    local, _, domain = text.rpartition("@")
    if (
        0 < len(local) <= 64
        and len(domain) <= 253
        and "@" not in local
        and not any(c.isspace() or c in '<>()[],;:\\"' or not c.isprintable() for c in local)
        and not (local.startswith(".") or local.endswith(".") or ".." in local)
        and _is_domain(domain)
    ):
        return text
    raise Unfit("not_an_email", f"must be a valid e-mail address, got {shown(text)}")


def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    return len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels)


def _url_text(text: str) -> str:
    try:
        parts = urlsplit(text if text.isprintable() and " " not in text else "")
        _ = parts.port  # raises where it is no number up to 65535
        if parts.scheme in {"http", "https"} and (parts.hostname or "").strip("."):
            return text
    except ValueError:  # brackets that hold no address, a port that is no port
        pass
    raise Unfit("not_a_url", f"must be a web address such as https://example.org, got {shown(text)}")


_TEXTS: Mapping[Kind, Callable[[str], str]] = {
    Kind.DATE: _date_text,
    Kind.DATETIME: _datetime_text,
    Kind.EMAIL: _email_text,
    Kind.URL: _url_text,
}


# ── cells ────────────────────────────────────────────────────────────────────────────────────────


def cell_reader(field: Field) -> Reader:
    """Make the reader of one cell or typed input; any kind but array and object.

    Text keeps its white space for `string` and `text`; all other kinds ignore it at both ends.
    Whole numbers may carry a fraction of zeros (`3.0`), as spreadsheets write them; thousands
    separators are refused. Booleans: true, false, yes, no, 1, 0, on, off in any case.
    """
    match field.kind:
        case Kind.INTEGER:
            return _limited(_cell_integer, range_limit(field))
        case Kind.NUMBER:
            return _limited(_cell_number, range_limit(field))
        case Kind.BOOLEAN:
            return _cell_boolean
        case Kind.ENUM:
            return _cell_enum(field)
        case _:
            return _cell_text(field)


def _limited(read: Reader, limit: Limit | None) -> Reader:
    if limit is None:
        return read

    def read_limited(value: Any) -> Any:
        clean = read(value)
        limit(clean)
        return clean

    return read_limited


def _cell_integer(value: Any) -> int:
    if isinstance(value, str):
        return _whole_of(value.strip())
    return _whole(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise Unfit("not_an_integer", f"must be a whole number, got {shown(value)}")
    if isinstance(value, int):
        return _in_range(value)
    if isinstance(value, float) and value.is_integer():
        return _in_range(int(value))
    raise Unfit("not_an_integer", f"must be a whole number, got {shown(value)}")


def _cell_number(value: Any) -> float:
    if isinstance(value, str):
        return _number_of(value.strip())
    return _number(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit("not_a_number", f"must be a number, got {shown(value)}")
    if isinstance(value, int):
        return _in_range(value)
    if not math.isfinite(value):
        raise Unfit("not_finite", f"must be a finite number, got {shown(value)}")
    return value


def _cell_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if isinstance(value, int | float) and value in (0, 1):
        word = str(int(value))
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Unfit("not_a_boolean", f"must be true or false, got {shown(value)}")


def _cell_enum(field: Field) -> Reader:
    read = _answer_enum(field)
    return lambda value: read(_as_text(value))


def _cell_text(field: Field) -> Reader:
    limits = text_limits(field)
    shape = _TEXTS.get(field.kind)
    midnight = field.kind is Kind.DATE

    def read(value: Any) -> str:
        text = value if type(value) is str else _as_text(value)
        if shape is not None:
            text = text.strip()
            text = shape(text[:10] if midnight and text[10:] in {"T00:00:00", " 00:00:00"} else text)
        if "\0" in text or not text.isascii():
            storable(text)
        for limit in limits:
            limit(text)
        return text

    return read


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return f"{value:.0f}"  # spreadsheets hand over 3 as 3.0
    if isinstance(value, float) and not math.isfinite(value):
        raise Unfit("not_finite", f"must be text, got {shown(value)}")
    if isinstance(value, date):
        return value.isoformat()
    try:
        return orjson.dumps(value).decode()
    except (TypeError, RecursionError):
        raise Unfit("not_text", f"must be text, got {shown(value)}") from None


# ── answers ──────────────────────────────────────────────────────────────────────────────────────


def answer_reader(field: Field) -> Reader:
    """Make the reader of one value of an answer; any kind but array and object.

    The only changes: white space trimmed at both ends, the case of an option, `"3"` and `3.0`
    read as 3, `"0.5"` as 0.5, `"true"` as true, the blank in a date and time as `T`. Whoever gets back another thing than was given
    makes a note of it.
    """
    match field.kind:
        case Kind.INTEGER:
            return _limited(_answer_integer, range_limit(field))
        case Kind.NUMBER:
            return _limited(_cell_number, range_limit(field))
        case Kind.BOOLEAN:
            return _answer_boolean
        case Kind.ENUM:
            return _answer_enum(field)
        case _:
            return _answer_text(field)


def _answer_integer(value: Any) -> int:
    if isinstance(value, str) and "." not in value:
        return _whole_of(value.strip())
    return _whole(value)


def _answer_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and (word := value.strip().lower()) in {"true", "false"}:
        return word == "true"
    raise Unfit("not_a_boolean", f"must be true or false, got {shown(value)}")


def _answer_enum(field: Field) -> Reader:
    exact = frozenset(field.options)
    folded: dict[str, str | None] = {}
    for option in field.options:  # two options that differ in case only are told apart exactly or not at all
        folded[option.casefold()] = None if option.casefold() in folded else option
    choices = ", ".join(f"`{option}`" for option in field.options)

    def read(value: Any) -> str:
        if isinstance(value, str):
            if value in exact:
                return value
            option = value.strip() if value.strip() in exact else folded.get(value.strip().casefold())
            if option is not None:
                return option
        raise Unfit("not_an_option", f"must be one of {choices}, got {shown(value)}")

    return read


def _answer_text(field: Field) -> Reader:
    limits = text_limits(field)
    shape = _TEXTS.get(field.kind)

    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise Unfit("not_text", f"must be text, got {shown(value)}")
        text = value.strip()
        if "\0" in text or not text.isascii():
            storable(text)
        if shape is not None:
            text = shape(text)
        for limit in limits:
            limit(text)
        return text

    return read


# ── answers of many rows ─────────────────────────────────────────────────────────────────────────

Look = Callable[[Sequence[Any]], bool]
"""Whether the values of one field of many answers are beyond doubt: each would be read as it is."""


def answer_look(field: Field) -> Look | None:
    """Make the look at one field of many answers; `None` for kinds that are read one by one."""
    match field.kind:
        case Kind.ENUM:
            exact = frozenset(field.options)
            return lambda values: {*map(type, values)} == {str} and exact.issuperset(values)
        case Kind.BOOLEAN:
            return lambda values: {*map(type, values)} == {bool}
        case Kind.STRING | Kind.TEXT:
            return _texts_look(text_limits(field))
        case _:
            return None


def _texts_look(limits: tuple[Limit, ...]) -> Look:
    def look(values: Sequence[Any]) -> bool:
        if {*map(type, values)} != {str}:
            return False
        every = "".join(values)
        if "\0" in every or not every.isascii() or [*map(str.strip, values)] != [*values]:
            return False
        try:
            for limit in limits:
                for text in values:
                    limit(text)
        except Unfit:
            return False
        return True

    return look
