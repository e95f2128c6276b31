"""The desk for prices: what models charge, where that was read and when.

Knows the built-in list and the person's own. Refuses to know what anything has cost.
"""

from __future__ import annotations

from weft.app.planning import Planner
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
