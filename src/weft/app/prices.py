"""The desk for prices: what models charge, where that was read and when.

Knows the built-in list and the person's own. Refuses to know what anything has cost.
"""

from __future__ import annotations

from typing import Any

from weft.app.planning import Planner
from weft.app.summaries import dollars
from weft.money import Price
from weft.protocols import ModelFacts


class PricesDesk:
    """Tells what models charge."""

    def __init__(self, planner: Planner) -> None:
        """Read the price book of this planner on first use."""
        self._planner = planner

    def listed(self, matching: str = "") -> list[ModelFacts]:
        """All listed models, by provider and name.

        Args:
            matching: only those whose `provider/model` holds this text, in any case.

        Raises:
            BadSetting: if the own price file is wrong.
        """
        wanted = matching.casefold()
        return [
            each
            for each in self._planner.prices.models()
            if wanted in f"{each.provider}/{each.model}".casefold()
        ]

    async def asked(self) -> Price | None:
        """What the model charges that the settings name; `None` where it is not known. Asks nobody.

        Raises:
            BadSetting, UnknownName: if the model is not named, or its provider is not known.
        """
        provider = self._planner.provider({}, asks=False)
        try:
            return provider.price
        finally:
            await provider.close()


def plain_price(facts: ModelFacts) -> dict[str, Any]:
    """What is known about a model as plain JSON; dollars per million tokens as text, `None` = unknown."""
    price = facts.price
    return {
        "provider": facts.provider,
        "model": facts.model,
        "input_usd": dollars(price.input) if price else None,
        "cached_input_usd": dollars(price.cached_input) if price else None,
        "output_usd": dollars(price.output) if price else None,
        "context_tokens": facts.limits.context_tokens,
        "output_tokens": facts.limits.output_tokens,
        "source": price.source if price else "",
        "as_of": price.as_of if price else "",
    }
