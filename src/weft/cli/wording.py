"""Figures as people read them: money, durations, counts, dates.

Knows how much precision helps, and what is said where something is not known.
Refuses to know where the figures come from, and prints nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime

from weft.money import Usd

UNKNOWN = "unknown"


def money(amount: Usd | None) -> str:
    """An amount for a person; an unknown one is said, never shown as zero.

    >>> money(Usd.of("0.0123")), money(None)
    ('$0.0123', 'unknown')
    """
    return UNKNOWN if amount is None else amount.rounded


def duration(seconds: float) -> str:
    """A duration in at most two units.

    >>> duration(0.42), duration(12.3), duration(125), duration(7300), duration(200_000)
    ('0.4 s', '12 s', '2 min 5 s', '2 h 1 min', '2 d 7 h')
    """
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    whole = int(seconds)
    for size, name, small, smaller in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            return f"{whole // size} {name} {whole % size // small} {smaller}"
    return f"{whole} s"


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> count(1, "row"), count(1200, "row"), count(2, "entry", "entries")
    ('1 row', '1,200 rows', '2 entries')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def rate(per_second: float | None) -> str:
    """Rows per second, with a digit after the point where they are few.

    >>> rate(1234.5), rate(3.21), rate(None)
    ('1,234', '3.2', 'unknown')
    """
    if per_second is None:
        return UNKNOWN
    return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:.1f}"


def percent(share: float | None) -> str:
    """A share as per cent with one digit; there is none of nothing.

    >>> percent(1.0), percent(2 / 3), percent(None)
    ('100.0%', '66.7%', 'n/a')
    """
    return "n/a" if share is None else f"{share * 100:.1f}%"


def moment(seconds: float) -> str:
    """A point in time in the machine's own zone."""
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def size(number: int) -> str:
    """Bytes in the largest fitting unit.

    >>> size(512), size(1_500_000)
    ('512 B', '1.4 MB')
    """
    amount = float(number)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1024 or unit == "GB":
            return f"{number} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return ""
