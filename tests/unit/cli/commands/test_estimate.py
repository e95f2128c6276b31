"""`weft estimate`: what a run would take."""

from __future__ import annotations

import pytest


def test_estimate_needs_no_key(weft, folder) -> None:
    """T30, W51: calls, tokens, cost and time are projected; nobody is asked and no key is needed."""
    said = weft(
        "estimate", "topic_review", "topics.csv", "--model", "openai/gpt-4o-mini", "--json", "--per-row"
    )

    found = said.json
    assert said.code == 0
    assert found["rows"] == 5
    assert found["calls"] == 1
    assert len(found["per_row"]) == 5
    assert sum(row["input_tokens"] for row in found["per_row"]) == found["input_tokens"]
    assert float(found["cost_usd"]) > 0
    assert found["seconds"] > 0
    assert [each.name for each in folder.iterdir()] == ["topics.csv"]


def test_empty_table_takes_nothing(weft, folder) -> None:
    """T31: no rows, no calls, no cost."""
    (folder / "none.csv").write_text("category,subcategory,topic,description\n", encoding="utf-8")

    found = weft("estimate", "topic_review", "none.csv", "--model", "openai/gpt-4o-mini", "--json").json

    assert (found["rows"], found["calls"], found["cost_usd"], found["seconds"]) == (0, 0, "0", 0.0)


def test_time_follows_the_pace(weft) -> None:
    """W51, B28: fewer requests a minute take longer."""
    base = [
        "estimate",
        "topic_review",
        "topics.csv",
        "--model",
        "openai/gpt-4o-mini",
        "--rows-per-call",
        "1",
        "--json",
    ]

    assert weft(*base, "--rpm", "2").json["seconds"] > weft(*base, "--rpm", "200").json["seconds"]


def test_estimate_over_budget_exits_three(weft) -> None:
    """T33: over the budget: both amounts, exit code 3."""
    said = weft(
        "estimate", "topic_review", "topics.csv", "--model", "openai/gpt-4o-mini", "--budget-usd", "0.000001"
    )

    assert said.code == 3
    assert "more than its budget of $0.000001" in said.err


def test_near_budget_warns(weft) -> None:
    """T35: near the budget: a warning, and the run would still start."""
    base = ["estimate", "topic_review", "topics.csv", "--model", "openai/gpt-4o-mini"]
    cost = float(weft(*base, "--json").json["cost_usd"])

    said = weft(*base, "--budget-usd", f"{cost / 0.95:.9f}")

    assert said.code == 0
    assert "warning: " in said.err
    assert "95%" in said.err


@pytest.mark.parametrize("arguments", [[], ["topic_review"], ["topic_review", "nowhere.csv"]])
def test_mistakes_are_those_of_run(weft, arguments) -> None:
    """An estimate finds the same mistakes as a run."""
    assert weft("estimate", *arguments, "--model", "local").code == 2
