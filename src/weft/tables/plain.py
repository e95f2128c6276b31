"""Foreign values made plain: what data frames and typed files hold, as JSON could hold it.

Knows dates, decimals, bytes, missing values and the scalars of numeric libraries, without
importing any of these. Refuses to guess: a value of an unknown type is an error.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from weft.row import Value

_PLAIN = frozenset({str, int, bool, type(None)})
_MISSING = frozenset({"NAType", "NaTType"})  # pandas' own words for nothing


def plain(value: Any) -> Value:
    """Turn a value into text, a number, a boolean, `None`, or a list or mapping of these.

    Dates and times become ISO 8601 text (a date and time without zone stays without), decimals
    their exact text, durations seconds, bytes Base64; NaN becomes `None` and infinity text.

    Raises:
        TypeError: if nothing plain stands for it.
    """
    kind = value.__class__
    if kind in _PLAIN:
        return value
    if kind is float:
        return _finite(value)
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Value:  # noqa: PLR0911 - one return for each kind of value
    if type(value).__name__ in _MISSING:
        return None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, str | Decimal | UUID | PurePath):
        return str(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, float):  # a subclass, such as that of a numeric library
        return _finite(float(value))
    if hasattr(value, "tolist"):  # scalars and arrays of numeric libraries
        return plain(value.tolist())
    raise TypeError(f"a value of type `{type(value).__name__}` cannot stand in a table")


def _finite(number: float) -> Value:
    if math.isfinite(number):
        return number
    return None if math.isnan(number) else str(number)
