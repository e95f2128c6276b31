"""Show what models charge, with the source and date of each price.

Knows the columns of the list. Refuses to guess: a model that is not listed has no known price.
"""

from __future__ import annotations

from weft.app.opening import look_around
from weft.app.prices import plain_price
from weft.app.weft import Weft
from weft.cli.asking import settings_in
from weft.cli.console import Console
from weft.cli.drawing import Fit
from weft.cli.flags import Flag, Flags, one_command, setting_flags
from weft.cli.wording import UNKNOWN
from weft.money import Usd
from weft.protocols import ModelFacts

COLUMNS = ("model", "input", "cached input", "output", "context", "as of")
FIT = Fit(spare=("context", "as of", "cached input"))


def prices(console: Console, flags: Flags) -> int:
    """Show what models charge in USD per million tokens, and when and where that was read."""
    found = Weft(look_around(settings_in(flags))).prices.listed(flags["matching"] or "")
    if console.json:
        console.value([plain_price(each) for each in found])
        return 0
    if not found:
        console.line("No price is known; `--prices FILE` brings your own.")
        return 0
    console.table(COLUMNS, [_cells(each) for each in found], right=COLUMNS[1:5], fit=FIT)
    sources = dict.fromkeys(each.price.source for each in found if each.price and each.price.source)
    console.line()
    console.line("USD per million tokens. Sources:")
    for source in sources:
        console.line(f"  {source}")
    return 0


def _cells(facts: ModelFacts) -> tuple[str, ...]:
    price, context = facts.price, facts.limits.context_tokens
    name, limit = f"{facts.provider}/{facts.model}", f"{context:,}" if context else ""
    if price is None:
        return (name, UNKNOWN, "", UNKNOWN, limit, "")
    return (
        name,
        _amount(price.input),
        _amount(price.cached_input),
        _amount(price.output),
        limit,
        price.as_of,
    )


def _amount(amount: Usd | None) -> str:
    return "" if amount is None else str(amount)


command = one_command(
    "prices",
    prices,
    flags=[
        Flag(
            name="matching", help="Only models whose name holds this text.", positional=True, metavar="[TEXT]"
        ),
        *setting_flags("prices"),
    ],
)
