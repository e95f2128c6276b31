"""Rows as pandas or polars frames.

Knows how to hand rows over. Refuses to import either library before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from weft.errors import MissingExtra


def pandas_frame(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Any:
    """Make a pandas frame.

    Raises:
        MissingExtra: if pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - optional, and slow to load
    except ImportError as exc:
        raise _missing("pandas") from exc
    return pd.DataFrame(list(rows), columns=list(columns))


def polars_frame(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Any:
    """Make a polars frame; types follow from all rows, not only the first ones.

    Raises:
        MissingExtra: if polars is not installed.
    """
    try:
        import polars as pl  # noqa: PLC0415 - optional, and slow to load
    except ImportError as exc:
        raise _missing("polars") from exc
    return pl.DataFrame(list(rows), schema=list(columns), infer_schema_length=None, strict=False)


def _missing(package: str) -> MissingExtra:
    return MissingExtra(f"`{package}` is not installed.", hint=f"pip install {package}", package=package)
