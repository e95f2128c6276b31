"""How much the runs of one session may cost together: a pure sum over what is set aside and spent.

Knows that a run which goes on may spend all of its budget, and one at rest only what it has spent;
what a run had spent before the session began it again counts for nobody here. Refuses to know runs
beyond these figures: budgets themselves are kept by the engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from weft.errors import BudgetExceeded, Mistake
from weft.money import Price, Usd


class Cost(StrEnum):
    """Whether asking a model costs money."""

    FREE = "free"
    PAID = "paid"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """A run that the session has begun, or let go on.

    Attributes:
        budget: the most that it may spend in all.
        before: what it had spent when the session took it up.
        spent: so far.
        is_over: it is at rest, and nobody but a person or this session lets it go on.
    """

    budget: Usd
    before: Usd = Usd(0)
    spent: Usd = Usd(0)
    is_over: bool = False

    @property
    def amount(self) -> Usd:
        """What counts against the session."""
        return Usd(max(0, (self.spent if self.is_over else max(self.budget, self.spent)) - self.before))


def committed(commitments: Iterable[Commitment]) -> Usd:
    """What the session has set aside and spent."""
    return Usd(sum(each.amount for each in commitments))


def check_session(most: Usd | None, commitments: Iterable[Commitment], asked: Commitment) -> None:
    """Refuse a run with which the session could spend more than it may.

    Args:
        most: for the whole session; `None` = no such limit.
        commitments: the others.
        asked: the run that is to begin or to go on.

    Raises:
        BudgetExceeded: then.
    """
    if most is None:
        return
    held = committed(commitments)
    left = Usd(max(0, most - held))
    if asked.amount > left:
        raise BudgetExceeded(
            f"This session may spend {most} in all, and {held} of it is spent or set aside; {asked.amount} more is "
            "too much.",
            hint=f"ask for a budget of at most {left}, or let the person start the session with a larger `--most-usd`.",
        )


def check_budget(cost: Cost, *, usd: Usd | None, tokens: int | None, most: Usd | None, model: str) -> None:
    """Refuse to begin a run that costs money, or may do so, without a budget that can be kept.

    Args:
        cost: of the model that is asked.
        usd, tokens: the run's budget; `None` = none.
        most: for the whole session; `None` = no such limit.
        model: what it is called, for the message.

    Raises:
        Mistake: naming what is missing.
    """
    if cost is Cost.UNKNOWN and most is not None:
        raise Mistake(
            f"The price of {model} is not known, so what this session may spend cannot be kept.",
            hint="choose a model with a known price; `weft prices` lists them, and the person may add one.",
        )
    if cost is Cost.UNKNOWN and tokens is None:
        raise Mistake(
            f"The price of {model} is not known, and a run that an agent starts needs a budget.",
            hint="give `budget_tokens`: the most tokens that it may use; `estimate_run` tells what is expected.",
        )
    if cost is Cost.PAID and usd is None:
        raise Mistake(
            f"Asking {model} costs money, and a run that an agent starts needs a budget.",
            hint="give `budget_usd`: the most dollars that it may spend; `estimate_run` tells what is expected.",
        )


def cost_of(price: Price | None) -> Cost:
    """What kind of price it is."""
    if price is None:
        return Cost.UNKNOWN
    charges = (price.input, price.output, price.cached_input, price.cache_write)
    return Cost.PAID if any(charges) else Cost.FREE
