"""Prices on the wire.

Knows that money is exact dollars in text. Refuses to guess: null is unknown, never zero.
"""

from __future__ import annotations

from pydantic import Field

from weft.api.wire.shapes import Told


class PriceShape(Told):
    """What a model charges, in dollars per million tokens."""

    provider: str
    model: str
    input_usd: str | None = Field(description="null = not known.")
    cached_input_usd: str | None
    output_usd: str | None
    context_tokens: int | None
    output_tokens: int | None
    source: str
    as_of: str


class PricesPage(Told):
    """A page of the list of prices, by provider and model."""

    prices: list[PriceShape]
    next: str | None
