"""Waits and rates as providers state them in headers: seconds, spans, dates, remainders.

Knows `Retry-After` in all its forms and the three families of rate headers. Only differences
between two times of the same machine count, so that a wrong clock does no harm.
Refuses to know what the engine does with a wait; honest long ones are passed on, nonsense is not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from weft.call import PaceHint

LONGEST_S = 31 * 86_400.0  # a monthly limit resets within it; longer is a mistake, not a wish

_SPAN_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|d|h|m|s)")
_UNITS_S = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def seconds_to_wait(headers: Mapping[str, str], stated: float | None = None) -> float | None:
    """How long a refused call should wait; `None` where nothing sensible was said.

    Reads `retry-after-ms`, then `retry-after` in seconds or as a date relative to `date`, then
    what the body stated. Zero, negative and absurd values count as nothing: zero would be a
    request to hammer.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _sensible(milliseconds / 1000)
    text = headers.get("retry-after")
    if text is None:
        return _sensible(stated)
    seconds = _number(text)
    if seconds is None:
        seconds = _until(text, headers.get("date"))
    return _sensible(seconds) if seconds is not None else _sensible(stated)


def span_s(text: str) -> float | None:
    """Read a span such as `6m0s`, `1.5s`, `20ms` or plain seconds; `None` if it is none."""
    text = text.strip()
    plain = _number(text)
    if plain is not None:
        return plain
    parts = _SPAN_PARTS.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)


def pace_of(headers: Mapping[str, str]) -> PaceHint | None:
    """What the rate headers of a reply say is left; `None` if nothing."""
    if "x-ratelimit-remaining-requests" in headers or "x-ratelimit-remaining-tokens" in headers:
        return _hint(headers, "x-ratelimit-remaining-{0}", "x-ratelimit-limit-{0}", "x-ratelimit-reset-{0}")
    if (
        "anthropic-ratelimit-requests-remaining" in headers
        or "anthropic-ratelimit-tokens-remaining" in headers
    ):
        return _hint(
            headers,
            "anthropic-ratelimit-{0}-remaining",
            "anthropic-ratelimit-{0}-limit",
            "anthropic-ratelimit-{0}-reset",
        )
    return None


def _hint(headers: Mapping[str, str], left: str, limit: str, reset: str) -> PaceHint | None:
    """The remainders, and the reset of whichever is nearer to its end."""
    remainders: dict[str, int | None] = {}
    nearest: tuple[float, float | None] | None = None
    for kind in ("requests", "tokens"):
        remaining = _count(headers.get(left.format(kind)))
        remainders[kind] = remaining
        if remaining is None:
            continue
        whole = _count(headers.get(limit.format(kind))) or 0
        share = remaining / whole if whole else float(remaining)
        if nearest is None or share < nearest[0]:
            nearest = (share, _reset_s(headers.get(reset.format(kind)), headers.get("date")))
    if nearest is None:
        return None
    return PaceHint(
        requests_left=remainders["requests"], tokens_left=remainders["tokens"], reset_s=nearest[1]
    )


def _reset_s(text: str | None, date: str | None) -> float | None:
    if text is None:
        return None
    seconds = span_s(text)
    if seconds is None:
        seconds = _until(text, date)
    if seconds is None or not 0 <= seconds <= LONGEST_S:
        return None
    return seconds


def _sensible(seconds: float | None) -> float | None:
    return seconds if seconds is not None and 0 < seconds <= LONGEST_S else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return None if math.isnan(value) else value


def _count(text: str | None) -> int | None:
    value = _number(text)
    return int(value) if value is not None and 0 <= value < 1e12 else None


def _until(text: str, date: str | None) -> float | None:
    """Seconds from the reply's own date to another time of the same server."""
    later, now = _moment(text), _moment(date or "")
    return (later - now).total_seconds() if later is not None and now is not None else None


def _moment(text: str) -> datetime | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = read(text.strip())
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return None
