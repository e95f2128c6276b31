"""Key figures on the wire: sums over runs and what follows from them.

Knows that money is exact dollars in text, and that null is unknown, never zero.
"""

from __future__ import annotations

from pydantic import Field

from weft.api.wire.shapes import Told


class KpiShape(Told):
    """Key figures of one template and version."""

    template: str
    version: str
    model: str = Field(description="As `provider/name`; empty where all models are summed up.")
    runs: int
    finished: int
    rows: int = Field(description="Each is in exactly one of the six counts that follow.")
    answered: int
    recalled: int = Field(description="Answered from memory or by an identical row.")
    failed: int
    rejected: int
    skipped: int
    waiting: int
    calls: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    spent_usd: str | None = Field(description="Exact dollars; null = the price of a run is not known.")
    unsure_usd: str | None = Field(description="Of it in calls that may or may not have been billed.")
    elapsed_s: float
    success_rate: float | None = Field(description="Share of ended rows that have an answer, 0 to 1.")
    recalled_share: float | None
    cached_input_share: float | None
    cost_per_row_usd: str | None
    tokens_per_row: float | None
    rows_per_call: float | None
    seconds_per_row: float | None


class FiguresPage(Told):
    """A page of key figures, those with the most runs first."""

    lines: list[KpiShape]
    next: str | None
