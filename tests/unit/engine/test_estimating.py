import csv
import time
from pathlib import Path

import pytest

from weft.engine.estimating import estimate_rows
from weft.money import Price, Usd
from weft.row import BrokenRow, Row
from weft.schema import Problem
from weft.settings import Settings
from weft.templates.library import TemplateLibrary
from weft.templates.prompting import TemplatePrompter
from weft.testing.scripted import ScriptedProvider

TOPICS = Path(__file__).parents[3] / "examples" / "topics.csv"


def rows_of(count, *, text="some words about a bug"):
    return [Row(place, place + 2, {"body": f"{text} {place}"}) for place in range(count)]


PRICE = Price(input=Usd.of("0.15"), output=Usd.of("0.60"))


async def estimate(prompter, rows, *, price=PRICE, **knobs):
    known, per_row = knobs.pop("known", None), knobs.pop("per_row", False)
    return await estimate_rows(
        rows,
        prompter=prompter,
        provider=ScriptedProvider(lambda row: {}, price=price),
        settings=Settings(**knobs),
        known=known,
        per_row=per_row,
    )


async def test_150_rows_are_projected_as_eight_calls(prompter):
    """B01, B28, T48: the projection lays the same packs as the run would."""
    found = await estimate(prompter, rows_of(150))

    assert found.calls == 8
    assert found.pack_sizes == (20, 20, 20, 20, 20, 20, 20, 10)
    assert found.within_budget


async def test_rows_add_up_to_the_whole(prompter):
    """T30: the rows' shares of tokens and money add up to the totals exactly."""
    found = await estimate(prompter, rows_of(47), per_row=True)

    assert len(found.per_row) == 47
    assert sum(row.cost for row in found.per_row) == found.cost
    assert sum(row.input_tokens for row in found.per_row) == found.input_tokens
    assert sum(row.output_tokens for row in found.per_row) == found.output_tokens


async def test_no_rows_cost_nothing(prompter):
    """T31, P44: an empty table is projected as zeros, whatever the budget."""
    found = await estimate(prompter, [], budget_usd="0", budget_tokens=0)

    assert (found.rows, found.calls, found.total_tokens, found.cost, found.seconds) == (0, 0, 0, Usd(0), 0.0)
    assert found.within_budget


async def test_longer_rows_cost_more(prompter):
    """P08: the length of the prompt counts."""
    short = await estimate(prompter, rows_of(20))
    long = await estimate(prompter, rows_of(20, text="word " * 200))

    assert long.cost > 3 * short.cost


async def test_the_limit_is_above_the_expectation(prompter):
    """Law 4: what would be reserved is never below what is expected."""
    found = await estimate(prompter, rows_of(47))

    assert found.cost_limit >= found.cost
    assert found.tokens_limit >= found.total_tokens


async def test_budgets_are_held_independently(prompter):
    """T33, T34, T49: money and tokens each refuse, with both amounts in the sentence."""
    money = await estimate(prompter, rows_of(50), budget_usd="0.00001")
    tokens = await estimate(prompter, rows_of(50), budget_tokens=10)
    both = await estimate(prompter, rows_of(50), budget_usd="0.00001", budget_tokens=10)

    assert [found.within_budget for found in (money, tokens, both)] == [False, False, False]
    assert "more than its budget of $0.00001" in money.errors[0]
    assert "more than its budget of 10 tokens" in tokens.errors[0]
    assert len(both.errors) == 2


async def test_90_percent_warns(prompter):
    """T35: a projection between 90 % and 100 % of the budget is allowed with a warning."""
    full = await estimate(prompter, rows_of(50))

    found = await estimate(prompter, rows_of(50), budget_tokens=int(full.total_tokens / 0.95))

    assert found.within_budget
    assert "95%" in found.warnings[0]


async def test_an_unknown_price_blocks_a_budget_in_money(prompter):
    """P07: an unpriced model has no projected cost, and a budget in USD cannot be kept."""
    found = await estimate(prompter, rows_of(5), price=None, budget_usd="1")

    assert found.cost is None
    assert found.cost_limit is None
    assert "unknown" in found.errors[0]


async def test_unfit_rows_cost_nothing(prompter):
    """T26, T54: rejected rows are counted with their sentence and not priced."""
    rows = [
        *rows_of(3),
        Row(3, 5, {"body": ""}),
        BrokenRow(4, 6, {}, Problem("", "Line 6 has 2 cells.", "ragged")),
    ]

    found = await estimate(prompter, rows)

    assert (found.rows, found.rejected, found.calls) == (5, 2, 1)
    assert found.problems[0].startswith("Row 4 (line 5): ")
    assert "Line 6 has 2 cells." in found.problems[1]


async def test_known_and_identical_rows_cost_nothing(prompter):
    """B12, B14, P41: remembered rows and twins are left out of packs and price."""
    seen = []

    async def known(keys):
        seen.extend(keys)
        return keys[:50]

    found = await estimate(
        prompter, [*rows_of(150), *rows_of(10, text="x"), *rows_of(10, text="x")], known=known
    )

    assert (found.recalled, found.twins) == (50, 10)
    assert found.calls == 6
    assert len(seen) == 170


@pytest.mark.parametrize(
    ("knobs", "least", "most"),
    [
        ({"rpm": 15, "concurrency": 100}, 28.0, 36.0),
        ({"concurrency": 1}, 8.0, 80.0),
        ({"concurrency": 8}, 1.0, 10.0),
        ({"tpm": 3000, "concurrency": 100}, 60.0, 900.0),
    ],
    ids=["requests", "one by one", "eight at once", "tokens"],
)
async def test_time_follows_pace_and_width(prompter, knobs, least, most):
    """B28, W51: the duration comes from packs, rates and concurrency."""
    found = await estimate(prompter, rows_of(150), **knobs)

    assert least <= found.seconds <= most


async def test_packed_rows_cost_no_more_than_single_ones():
    """B27: on the table of topics a packed row costs at most 20 % more than one asked alone; here far less."""
    template = TemplateLibrary().get("topic_review")
    prompter = TemplatePrompter(template, sources={name: name for name in template.inputs.names})
    with TOPICS.open(newline="", encoding="utf-8") as file:
        rows = [Row(place, place + 2, cells) for place, cells in enumerate(csv.DictReader(file))]

    single = await estimate(prompter, rows, rows_per_call=1)
    packed = await estimate(prompter, rows, rows_per_call=20)

    assert (single.calls, packed.calls) == (150, 8)
    assert packed.cost <= single.cost * 1.2
    assert packed.output_tokens == single.output_tokens


async def test_packing_asks_for_no_knob(prompter):
    """B30: rows are packed without being told to, and one known setting says how many."""
    plain = await estimate(prompter, rows_of(40))
    own = await estimate(prompter, rows_of(40), rows_per_call=8)

    assert (plain.pack_sizes, own.pack_sizes) == ((20, 20), (8, 8, 8, 8, 8))


async def test_a_hundred_rows_are_estimated_at_once(prompter):
    """T52: a hundred rows take well under five seconds."""
    began = time.perf_counter()
    found = await estimate(prompter, rows_of(100), per_row=True)

    assert len(found.per_row) == 100
    assert time.perf_counter() - began < 5.0
