"""From answers of the wire to words of the house: runs, outcomes, projections, tables.

Knows the fields of each shape. A field that a newer server adds is left aside. Pure.
Refuses to know addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weft.ids import CallId, RunId
from weft.money import Budget, Usd
from weft.row import Outcome, RowState
from weft.run import Estimate, RowEstimate, Run, RunSpec, RunState, Tally

Plain = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A table that was handed over.

    Attributes:
        id: what runs name it by.
        name: the file's, for people; its ending names the format.
        kept_at: seconds since the epoch, UTC.
        notes: what was found or repaired when it was opened.
    """

    id: str
    name: str
    bytes: int
    sha256: str
    kept_at: float
    columns: tuple[str, ...]
    notes: tuple[str, ...] = ()


def usd(text: str | None) -> Usd | None:
    """Exact dollars in text as money; `None` stays unknown."""
    return None if text is None else Usd.of(text)


def run_of(plain: Plain) -> Run:
    """A run as the server tells it; how its table was read and what it was prompted by stay there."""
    provider, _, model = plain["model"].partition("/")
    spec = RunSpec(
        table=plain["table"],
        table_digest="",
        columns=tuple(plain["columns"]),
        prompter="",
        prompter_source={},
        template=plain["template"],
        provider=provider,
        model=model,
        fields=tuple(plain["fields"]),
    )
    tally = Tally(
        **{name: plain[name] for name in _COUNTS},
        answered=plain["answered"] + plain["recalled"],
        spent=usd(plain["spent_usd"]),
        unsure=usd(plain["unsure_usd"]) or Usd(0),
    )
    return Run(
        id=RunId(plain["id"]),
        spec=spec,
        state=RunState(plain["state"]),
        created_at=plain["created_at"],
        name=plain["name"],
        budget=Budget(usd=usd(plain["budget_usd"]), tokens=plain["budget_tokens"]),
        reason=plain["reason"],
        message=plain["message"],
        elapsed_s=plain["elapsed_s"],
        first_start=plain.get("first_start"),
        last_completion=plain.get("last_completion"),
        tally=tally,
    )


_COUNTS = (
    "total",
    "waiting",
    "failed",
    "rejected",
    "skipped",
    "recalled",
    "calls",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "unknown_calls",
)


def outcome_of(plain: Plain) -> Outcome:
    """How a row stands."""
    call = plain["call"]
    return Outcome(
        **{name: plain[name] for name in _OF_ROWS},
        state=RowState(plain["state"]),
        cost=usd(plain["cost_usd"]),
        call=None if call is None else CallId(call),
        notes=tuple(plain["notes"]),
    )


_OF_ROWS = (
    "place",
    "line",
    "cells",
    "answer",
    "problem",
    "problem_code",
    "input_tokens",
    "output_tokens",
    "attempts",
    "recalled",
)


def estimate_of(plain: Plain) -> Estimate:
    """A projection."""
    return Estimate(
        **{name: plain[name] for name in _OF_ESTIMATES},
        pack_sizes=tuple(plain["pack_sizes"]),
        warnings=tuple(plain["warnings"]),
        errors=tuple(plain["errors"]),
        problems=tuple(plain["problems"]),
        twins=plain["identical"],
        cost=usd(plain["cost_usd"]),
        cost_limit=usd(plain["cost_limit_usd"]),
        first_call=usd(plain["first_call_usd"]),
        per_row=tuple(
            RowEstimate(
                place=each["row"],
                input_tokens=each["input_tokens"],
                output_tokens=each["output_tokens"],
                cost=usd(each["cost_usd"]),
            )
            for each in plain["per_row"]
        ),
    )


_OF_ESTIMATES = (
    "rows",
    "rejected",
    "recalled",
    "calls",
    "input_tokens",
    "output_tokens",
    "tokens_limit",
    "seconds",
    "call_s",
)


def table_of(plain: Plain) -> Handed:
    """A table that was handed over."""
    return Handed(
        **{name: plain[name] for name in ("id", "name", "bytes", "sha256", "kept_at")},
        columns=tuple(plain["columns"]),
        notes=tuple(plain["notes"]),
    )
