"""One misfortune of a call: the words `Fault` and `Delivery`.

Knows what a misfortune is on every level: the reply a server gives, what happens on the wire, how
the model's words are spoilt, the error an asker ends up with, and who pays.
Refuses to know which ones there are (`faults.py`) and when they come (`fault_plans.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from weft.errors import Billing, WeftError
from weft.testing.mutations import Mutation


class Delivery(StrEnum):
    """What happens to a reply on the wire."""

    WHOLE = "whole"
    """It arrives."""
    NEVER = "never"
    """Nothing arrives and the connection stays open until the asker gives up."""
    HANGUP = "hangup"
    """The connection is closed before the first byte."""
    RESET = "reset"
    """The connection is reset in the middle of the body."""
    DRIP = "drip"
    """One byte a second."""
    SHORT = "short"
    """Fewer bytes than the stated length, then the connection is closed."""
    TWICE = "twice"
    """The whole reply, twice in a row on one connection."""


def no_headers(_wall: float) -> Mapping[str, str]:
    """Add nothing to the usual headers."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One misfortune.

    Attributes:
        number: its number in the fault model, such as `F13`.
        meaning: one sentence for people.
        status: HTTP status of the reply; 0 where none arrives.
        code: the provider's word for it in an error body.
        headers: wall seconds → headers of the reply besides the usual ones.
        delivery: what happens on the wire.
        error: what an asker without a wire is told; `None` where a reply arrives.
        retry_after_s: seconds stated with the error; `None` = none, or none that make sense.
        change: how the draft is spoilt; `None` = not at all.
        charged: the provider charges for the call, whatever the asker can know.
        billing: what the asker has to assume.
    """

    name: str
    number: str
    meaning: str
    status: int = 200
    code: str = ""
    headers: Callable[[float], Mapping[str, str]] = field(default=no_headers)
    delivery: Delivery = Delivery.WHOLE
    error: type[WeftError] | None = None
    retry_after_s: float | None = None
    change: Mutation | None = None
    charged: bool = True
    billing: Billing = Billing.BILLED

    def as_error(self) -> WeftError:
        """The error that an asker without a wire is told.

        Raises:
            ValueError: if a reply arrives all the same.
        """
        if self.error is None:
            raise ValueError(f"the fault `{self.name}` brings a reply, not an error")
        facts: dict[str, Any] = {"fault": self.name, "status": self.status, "billing": self.billing.value}
        if self.retry_after_s is not None:
            facts["retry_after_s"] = self.retry_after_s
        return self.error(f"{self.meaning} This was rehearsed (`{self.name}`).", **facts)
