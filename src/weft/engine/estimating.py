"""The whole way without asking: packs, tokens, money, time.

Walks stops 1 to 4 and prices what would be sent, with the same functions that a run uses.
Writes nothing. Refuses to know the store: what is remembered is asked of a function.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import Random

from weft.call import PackRow
from weft.engine.checking import check_rows, sentence
from weft.engine.packing import label_rows, pack_rows
from weft.engine.recalling import key_of
from weft.engine.spending import WARN_AT
from weft.engine.trip import expected_input, pack_limits, reservation
from weft.errors import Mistake
from weft.ids import RowKey
from weft.money import Budget, Usd, split_fairly
from weft.protocols import Prompter, Provider
from weft.row import BrokenRow, Row
from weft.run import Estimate, RowEstimate
from weft.settings import Settings

FIRST_TOKEN_S = 1.0  # a hosted model's usual wait before its first token
TOKENS_PER_S = 80.0  # and its usual speed after that; both are assumptions, said so where shown
MOST_PROBLEMS = 10  # complaints that an estimate lists; the rest is counted
SHOWN_PACKS = 20


@dataclass(slots=True)
class Projection:
    """Adds up what packs would take, as they are laid.

    Attributes:
        calls, input_tokens, output_tokens: expected.
        usd, usd_limit: expected cost and upper bound; `None` where the price is unknown.
        tokens_limit: upper bound in tokens.
        first_call: upper bound of the first call; `None` likewise, or if there is none.
    """

    prompter: Prompter
    provider: Provider
    reasoning_tokens: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: Usd | None = Usd(0)
    usd_limit: Usd | None = Usd(0)
    tokens_limit: int = 0
    first_call: Usd | None = None
    pack_sizes: list[int] = field(default_factory=list)
    _random: Random = field(default_factory=lambda: Random(0))  # noqa: S311 - labels that nobody will see

    def add(self, rows: tuple[PackRow, ...]) -> tuple[int, int, Usd | None]:
        """Price one pack; return its expected input and output tokens and its cost."""
        pack = label_rows(rows, self._random)
        labelled = zip(pack.labels, rows, strict=True)
        prompt = self.prompter.prompt([(label, row.part, "") for label, row in labelled])
        held = reservation(prompt, self.prompter, self.provider)
        read, written = expected_input(prompt, self.prompter), len(rows) * self.prompter.row_output_tokens
        price = self.provider.price
        usd = None if price is None else price.cost(read, written)
        self.calls += 1
        self.input_tokens += read
        self.output_tokens += written
        self.usd = None if usd is None or self.usd is None else self.usd + usd
        self.usd_limit = None if held.usd is None or self.usd_limit is None else self.usd_limit + held.usd
        self.tokens_limit += held.tokens + self.reasoning_tokens
        if self.calls == 1:
            self.first_call = held.usd
        if len(self.pack_sizes) < SHOWN_PACKS:
            self.pack_sizes.append(len(rows))
        return read, written, usd

    def seconds(self, settings: Settings) -> tuple[float, float]:
        """Expected duration of the run and of one call, by pace, width and the model's speed."""
        call_s = self.provider.limits.call_s
        if not self.calls:
            return 0.0, call_s or 0.0
        one = FIRST_TOKEN_S + self.output_tokens / self.calls / TOKENS_PER_S if call_s is None else call_s
        rounds = math.ceil(self.calls / max(1, settings.concurrency)) * one
        by_requests = (self.calls - 1) * 60.0 / settings.rpm + one if settings.rpm else 0.0
        tokens = self.input_tokens + self.output_tokens
        by_tokens = max(0, tokens - settings.tpm) * 60.0 / settings.tpm if settings.tpm else 0.0
        return max(rounds, by_requests, by_tokens), one


@dataclass(slots=True)
class _Counted:
    rows: int = 0
    rejected: int = 0
    recalled: int = 0
    twins: int = 0
    problems: list[str] = field(default_factory=list)
    per_row: list[RowEstimate] = field(default_factory=list)


async def estimate_rows(
    rows: Iterable[Row | BrokenRow],
    *,
    prompter: Prompter,
    provider: Provider,
    settings: Settings,
    known: Callable[[Sequence[RowKey]], Awaitable[Iterable[RowKey]]] | None = None,
    per_row: bool = False,
) -> Estimate:
    """Project what a run over these rows would take.

    Args:
        known: tells which of some keys are remembered; `None` = nothing is.
        per_row: also list every row's share; memory then grows with the table.
    """
    projection = Projection(prompter, provider, settings.reasoning_tokens)
    counted = _Counted()
    limits = pack_limits(settings, prompter, provider)
    asked = _to_ask(rows, prompter, provider, known=known, counted=counted)
    async for pack in pack_rows(asked, limits, row_output_tokens=prompter.row_output_tokens):
        _share(projection, pack, counted, per_row=per_row)
    return _estimate(projection, counted, settings)


async def _to_ask(
    rows: Iterable[Row | BrokenRow],
    prompter: Prompter,
    provider: Provider,
    *,
    known: Callable[[Sequence[RowKey]], Awaitable[Iterable[RowKey]]] | None,
    counted: _Counted,
) -> AsyncIterator[PackRow]:
    """Yield the rows that would be asked; count the others."""
    seen: set[RowKey] = set()
    for block in _blocks(rows, prompter, provider, counted):
        remembered = set(await known([row.key for row in block])) if known else set()
        for row in block:
            if row.key in remembered:
                counted.recalled += 1
            elif row.key in seen:
                counted.twins += 1
            else:
                seen.add(row.key)
                yield row


def _blocks(
    rows: Iterable[Row | BrokenRow], prompter: Prompter, provider: Provider, counted: _Counted
) -> Iterator[list[PackRow]]:
    key = key_of(
        prompter.fingerprint, provider=provider.name, model=provider.model, options=options_of(provider)
    )
    source = iter(rows)
    while block := list(islice(source, 500)):
        counted.rows += len(block)
        fit: list[PackRow] = []
        for row, (line, values) in zip(block, check_rows(block, prompter, columns=(), key=key), strict=True):
            problem = line.problem
            if values is not None and line.key is not None:
                try:
                    fit.append(PackRow(row.place, row.line, line.key, values, prompter.part(values)))
                except Mistake as error:
                    problem = f"{sentence(row.place, row.line, ())}{error.message}"
            if problem:
                counted.rejected += 1
                if len(counted.problems) < MOST_PROBLEMS:
                    counted.problems.append(problem)
        yield fit


def options_of(provider: Provider) -> dict[str, object]:
    """The decoding parameters that are set, as plain JSON for a key."""
    options = provider.options
    stated = {
        "temperature": options.temperature,
        "top_p": options.top_p,
        "seed": options.seed,
        "reasoning_effort": options.reasoning_effort,
    }
    return {name: value for name, value in stated.items() if value is not None}


def _share(projection: Projection, rows: tuple[PackRow, ...], counted: _Counted, *, per_row: bool) -> None:
    read, written, usd = projection.add(rows)
    if not per_row:
        return
    reads, writes = split_fairly(read, len(rows)), split_fairly(written, len(rows))
    costs = [None] * len(rows) if usd is None else [Usd(part) for part in split_fairly(usd, len(rows))]
    counted.per_row += [
        RowEstimate(place=row.place, input_tokens=i, output_tokens=o, cost=c)
        for row, i, o, c in zip(rows, reads, writes, costs, strict=True)
    ]


def _estimate(projection: Projection, counted: _Counted, settings: Settings) -> Estimate:
    seconds, one = projection.seconds(settings)
    budget = Budget(
        usd=None if settings.budget_usd is None else Usd.of(settings.budget_usd),
        tokens=settings.budget_tokens,
    )
    warnings, errors = judge(projection, budget)
    return Estimate(
        rows=counted.rows,
        rejected=counted.rejected,
        recalled=counted.recalled,
        twins=counted.twins,
        calls=projection.calls,
        pack_sizes=tuple(projection.pack_sizes),
        input_tokens=projection.input_tokens,
        output_tokens=projection.output_tokens,
        cost=projection.usd,
        cost_limit=projection.usd_limit,
        tokens_limit=projection.tokens_limit,
        first_call=projection.first_call,
        seconds=seconds,
        call_s=one,
        per_row=tuple(sorted(counted.per_row, key=lambda each: each.place)),
        warnings=warnings,
        errors=errors,
        problems=tuple(counted.problems),
    )


def judge(
    projection: Projection, budget: Budget, *, spent: int = 0, tokens: int = 0
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Hold a projection against a budget; return warnings and errors as sentences.

    Args:
        spent, tokens: what earlier lives of the run have used of the budget.
    """
    warnings: list[str] = []
    errors: list[str] = []
    if not projection.calls:
        return (), ()
    if budget.usd is not None:
        if projection.usd is None:
            errors.append(
                f"The price of `{projection.provider.name}/{projection.provider.model}` is unknown, so a budget in USD cannot be kept."
            )
        else:
            needed = Usd(spent + projection.usd)
            _compare(
                needed, budget.usd, f"{needed.rounded}", f"{budget.usd}", warnings=warnings, errors=errors
            )
    if budget.tokens is not None:
        needed_tokens = tokens + projection.input_tokens + projection.output_tokens
        _compare(
            needed_tokens,
            budget.tokens,
            f"{needed_tokens:,} tokens",
            f"{budget.tokens:,} tokens",
            warnings=warnings,
            errors=errors,
        )
    return tuple(warnings), tuple(errors)


def _compare(
    needed: int, limit: int, said: str, allowed: str, *, warnings: list[str], errors: list[str]
) -> None:
    if needed > limit:
        errors.append(f"The run is projected to use {said}, more than its budget of {allowed}.")
    elif needed >= WARN_AT * limit:
        warnings.append(
            f"The run is projected to use {said}, {needed / limit:.0%} of its budget of {allowed}."
        )
