"""Show what models charge, with the source and date of each price.

Knows the columns of the list. Refuses to guess: a model that is not listed has no known price.
"""

from __future__ import annotations

from typing import Any

from weft.app.opening import look_around
from weft.app.summaries import dollars
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
        console.value([_plain(each) for each in found])
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


def _plain(facts: ModelFacts) -> dict[str, Any]:
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
