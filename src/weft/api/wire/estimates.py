"""Projections on the wire: what is asked about which rows, and what it would take.

Knows that rows come with the request and how many may. Refuses paths: the server reads no file
because a request names it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from weft.api.wire.settings import SettingsAsked
from weft.api.wire.shapes import Asked, Reference, Sentence, Told, Word
from weft.api.wire.tables import TABLE

MOST_ROWS = 1_000  # rows of one request; more come as a table


class EstimateAsked(Asked):
    """A task and its rows; exactly one of `template`, `variants` and `prompt` says what is asked."""

    table: Annotated[str, StringConstraints(pattern=TABLE)] | None = Field(
        default=None, description="Id of a table that was handed over; instead of `rows`."
    )
    rows: list[dict[str, Any]] | None = Field(
        default=None, max_length=MOST_ROWS, description="Column → value."
    )
    template: Reference | Literal[""] = ""
    variants: Word | Literal[""] = ""
    prompt: Annotated[str, StringConstraints(max_length=100_000)] = ""
    fields: list[Sentence] = Field(
        default_factory=list, max_length=200, examples=[["tldr: string = a summary"]]
    )
    mapping: list[Sentence] = Field(default_factory=list, max_length=200, examples=[["topic=Title"]])
    limit: int | None = Field(default=None, ge=0, le=10**9)
    fresh: bool = False
    name: Annotated[str, StringConstraints(max_length=200)] = Field(
        default="", description="Of the run that it would be; its last one may have had other fields."
    )
    per_row: bool = False
    settings: SettingsAsked = SettingsAsked()


class RowEstimateShape(Told):
    """What asking about one row is expected to take."""

    row: int
    input_tokens: int
    output_tokens: int
    cost_usd: str | None


class EstimateShape(Told):
    """What a run would take; nobody was asked and nothing written."""

    rows: int
    recalled: int
    identical: int
    rejected: int
    calls: int
    pack_sizes: list[int]
    input_tokens: int
    output_tokens: int
    total_tokens: int
    tokens_limit: int
    cost_usd: str | None = Field(description="Exact dollars; null = the price is not known.")
    cost_limit_usd: str | None
    first_call_usd: str | None
    seconds: float
    call_s: float
    within_budget: bool
    warnings: list[str]
    errors: list[str] = Field(description="Why the run would not start.")
    problems: list[str]
    per_row: list[RowEstimateShape]
