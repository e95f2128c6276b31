"""Money as integers: Usd in nano-dollars, Price per million tokens, Budget.

Knows rounding (always up, never in the spender's favour) and how money is shown.
Refuses to know providers, calls and rows. An unknown price is `None`, never zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Self

NANOS_PER_DOLLAR = 1_000_000_000
MOST_NANOS = 2**63  # what every store keeps exactly
TOKENS_PER_PRICE = 1_000_000  # providers state prices per million tokens


class Usd(int):
    """An amount in nano-dollars (10⁻⁹ USD), a whole number.

    >>> Usd.of("0.15")
    Usd.of('0.15')
    >>> print(Usd.of("0.15") + Usd.of("0.000000001"))
    $0.150000001
    """

    __slots__ = ()

    @classmethod
    def of(cls, dollars: str | Decimal | float) -> Self:
        """Read an amount in dollars; fractions of a nano-dollar are rounded up.

        Raises:
            ValueError: if it is not a finite number below nine billion dollars (64 bits of nanos).
        """
        try:
            nanos = (Decimal(str(dollars)) * NANOS_PER_DOLLAR).to_integral_value(rounding=ROUND_CEILING)
        except ArithmeticError as exc:
            raise ValueError(f"{dollars!r} is not an amount of dollars") from exc
        if not nanos.is_finite() or abs(nanos) >= MOST_NANOS:
            raise ValueError(f"{dollars!r} is not an amount of dollars")
        return cls(int(nanos))

    @property
    def dollars(self) -> Decimal:
        """The exact amount in dollars."""
        return Decimal(int(self)) / NANOS_PER_DOLLAR

    def __add__(self, other: int) -> Self:
        return type(self)(int(self) + int(other))

    __radd__ = __add__

    def __sub__(self, other: int) -> Self:
        return type(self)(int(self) - int(other))

    def __mul__(self, other: int) -> Self:
        return type(self)(int(self) * other)

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"Usd.of({format(self.dollars.normalize(), 'f')!r})"

    def __str__(self) -> str:
        """Show at least cents, and as many digits as the amount has."""
        sign = "-" if self < 0 else ""
        whole, _, part = format(abs(self.dollars), "f").partition(".")
        part = part.rstrip("0").ljust(2, "0")
        return f"{sign}${int(whole):,}.{part}"

    @property
    def rounded(self) -> str:
        """The amount for a person: two significant digits below a cent, cents above a dollar."""
        if self == 0:
            return "$0.00"
        amount = self.dollars
        if abs(amount) >= 1:
            return f"{'-' if amount < 0 else ''}${abs(amount):,.2f}"
        digits = max(4, 1 - abs(amount).adjusted())
        return f"{'-' if amount < 0 else ''}${abs(amount):.{digits}f}"


def split_fairly(amount: int, parts: int) -> list[int]:
    """Share an amount over equal parts so that the parts add up to it exactly.

    The first parts carry the remainder, one unit each.

    >>> split_fairly(10, 3)
    [4, 3, 3]
    """
    each, rest = divmod(amount, parts)
    return [each + 1] * rest + [each] * (parts - rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model charges per million tokens, in nano-dollars.

    Attributes:
        cached_input: price of input tokens served from the provider's prompt cache;
            `None` where the provider gives no discount, then they cost as `input`.
        cache_write: price of input tokens that the provider writes into its cache;
            `None` where it charges nothing extra, then they cost as `input`.
        source: where the price was read.
        as_of: ISO date on which it was read.
    """

    input: Usd
    output: Usd
    cached_input: Usd | None = None
    cache_write: Usd | None = None
    source: str = ""
    as_of: str = ""

    def cost(
        self,
        input_tokens: int,
        output_tokens: int,
        cached_input_tokens: int = 0,
        *,
        cache_write_tokens: int = 0,
    ) -> Usd:
        """Price one call, rounded up to a nano-dollar.

        Args:
            input_tokens: all input tokens, those from and into a cache included.
            output_tokens: all output tokens, reasoning included.
            cached_input_tokens: the share of `input_tokens` that was served from a cache.
            cache_write_tokens: the share of `input_tokens` that was written into a cache.
        """
        cached_price = self.input if self.cached_input is None else self.cached_input
        written_price = self.input if self.cache_write is None else self.cache_write
        fresh = max(0, input_tokens - cached_input_tokens - cache_write_tokens)
        total = fresh * self.input + cached_input_tokens * cached_price + output_tokens * self.output
        total += cache_write_tokens * written_price
        return Usd(-(-int(total) // TOKENS_PER_PRICE))

    def most(self, input_tokens: int, output_tokens: int) -> Usd:
        """The most that a call of at most so many tokens can cost, whatever is cached."""
        dearest = max(self.input, self.cached_input or 0, self.cache_write or 0)
        total = input_tokens * dearest + output_tokens * self.output
        return Usd(-(-int(total) // TOKENS_PER_PRICE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a run may spend; `None` means no limit, zero means nothing at all."""

    usd: Usd | None = None
    tokens: int | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return self.usd is not None or self.tokens is not None
