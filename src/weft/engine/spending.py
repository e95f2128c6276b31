"""Stop 5: may this call be paid for? Reserve, settle and release against a Budget.

Pure: a small state machine over integers. A reservation is an upper bound, so that settled plus
reserved never passes the budget (law 4). Refuses to know rows, clocks and the store.
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.errors import BudgetExceeded
from weft.money import Budget, Usd

WARN_AT = 0.9  # share of the budget; late enough to matter, early enough to stop by hand


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a call may cost at most; `usd` is `None` where the price is unknown."""

    usd: Usd | None
    tokens: int


class Spending:
    """What a run has spent and set aside.

    Attributes:
        spent, tokens: settled, plus what may have been billed.
        reserved, reserved_tokens: set aside for calls in flight; zero at rest.
    """

    def __init__(self, budget: Budget, *, spent: Usd = Usd(0), tokens: int = 0) -> None:
        """Begin with what earlier lives of the run have spent."""
        self.budget = budget
        self.spent = int(spent)
        self.tokens = tokens
        self.reserved = 0
        self.reserved_tokens = 0
        self._warned = self.share >= WARN_AT

    @property
    def share(self) -> float:
        """The larger share of the two limits that is spent; 0.0 without a limit."""
        shares = [0.0]
        if self.budget.usd:
            shares.append(self.spent / self.budget.usd)
        if self.budget.tokens:
            shares.append(self.tokens / self.budget.tokens)
        return max(shares)

    @property
    def in_flight(self) -> bool:
        """Whether anything is set aside that may still be released."""
        return self.reserved > 0 or self.reserved_tokens > 0

    def fits(self, wanted: Reservation) -> bool:
        """Whether a call with this upper bound may go now."""
        usd, tokens = self.budget.usd, self.budget.tokens
        if usd is not None and self.spent + self.reserved + (wanted.usd or 0) > usd:
            return False
        return tokens is None or self.tokens + self.reserved_tokens + wanted.tokens <= tokens

    def reserve(self, wanted: Reservation) -> None:
        """Set an upper bound aside.

        Raises:
            BudgetExceeded: if the budget does not hold it; nothing changes.
        """
        if not self.fits(wanted):
            raise self.exceeded(wanted)
        self.reserved += wanted.usd or 0
        self.reserved_tokens += wanted.tokens

    def release(self, held: Reservation) -> None:
        """Give a reservation back: the call was surely not billed."""
        self.reserved -= held.usd or 0
        self.reserved_tokens -= held.tokens

    def settle(self, held: Reservation, usd: Usd | None, tokens: int) -> bool:
        """Book what a call cost and release its reservation.

        Returns:
            Whether the warning line was crossed just now; true once.
        """
        self.release(held)
        self.spent += usd or 0
        self.tokens += tokens
        if self._warned or self.share < WARN_AT:
            return False
        self._warned = True
        return True

    @property
    def is_over(self) -> bool:
        """Whether more was spent than allowed: a provider billed beyond its own limits."""
        usd, tokens = self.budget.usd, self.budget.tokens
        return (usd is not None and self.spent > usd) or (tokens is not None and self.tokens > tokens)

    def exceeded(self, wanted: Reservation) -> BudgetExceeded:
        """The error that says which limit does not hold a call, with both amounts."""
        usd, tokens = self.budget.usd, self.budget.tokens
        if usd is not None and self.spent + self.reserved + (wanted.usd or 0) > usd:
            return BudgetExceeded(
                f"The next call may cost up to {Usd(wanted.usd or 0).rounded}, but {Usd(self.spent).rounded} of the "
                f"budget of {usd} is spent.",
                hint="raise --budget-usd and resume; what is answered stays answered.",
                limit=int(usd),
                spent=self.spent,
                reserved=self.reserved,
                wanted=int(wanted.usd or 0),
            )
        return BudgetExceeded(
            f"The next call may use up to {wanted.tokens:,} tokens, but {self.tokens:,} of the budget of "
            f"{tokens or 0:,} tokens are used.",
            hint="raise --budget-tokens and resume; what is answered stays answered.",
            limit=tokens,
            spent=self.tokens,
            reserved=self.reserved_tokens,
            wanted=wanted.tokens,
        )

    def passed(self) -> BudgetExceeded:
        """The error that says by how much a provider's bill has passed the budget."""
        usd, tokens = self.budget.usd, self.budget.tokens
        hint = "set `reasoning_tokens` to what the model takes for its thoughts, raise the budget and resume."
        if usd is not None and self.spent > usd:
            return BudgetExceeded(
                f"The provider billed more than its calls were limited to: {Usd(self.spent).rounded} is spent, "
                f"{Usd(self.spent - usd).rounded} above the budget of {usd}.",
                hint=hint,
                limit=int(usd),
                spent=self.spent,
            )
        return BudgetExceeded(
            f"The provider billed more than its calls were limited to: {self.tokens:,} tokens are used, "
            f"{self.tokens - (tokens or 0):,} above the budget of {tokens or 0:,} tokens.",
            hint=hint,
            limit=tokens,
            spent=self.tokens,
        )
