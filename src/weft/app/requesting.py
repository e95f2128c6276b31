"""What a person asks for, and what it takes to do it: RunRequest → Plan.

Opens the table, the template and the provider, and holds them against each other. Every mistake of
the asker comes out here, before anything is written or asked. Refuses to know stores and calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any

from weft.engine.estimating import options_of
from weft.errors import Mistake, UnknownPrice
from weft.money import Budget, Usd
from weft.protocols import Prompter, Provider, ReadOptions, Table
from weft.providers._addresses import host_of
from weft.row import BrokenRow, Row
from weft.run import Estimate, Run, RunSpec
from weft.settings import Settings

IN_MEMORY = "rows in memory"
"""What a spec says instead of a path where the rows come from no file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a person asks for; settings such as model and budget are the house's own.

    Attributes:
        table: a path, an iterable of mappings, or a pandas or polars frame.
        template: key or path of a template; empty where `prompt` or `variants` is given.
        variants: name of a pack of prompts, of which each row gets the one that fits it.
        prompt: a quick prompt with `{{ column }}` in it, instead of a template.
        fields: answer fields of a quick prompt: lines such as `tldr: string = a summary`.
        mapping: lines such as `topic=Title`; what is not mentioned is found by name.
        read: how to read the table.
        limit: the first so many rows; `None` = all.
        fresh: ask again where an answer is remembered, and remember the new one for this run only.
        name: for people, shown in lists.
    """

    table: Any
    template: str = ""
    variants: str = ""
    prompt: str = ""
    fields: Sequence[str] = ()
    mapping: Sequence[str] = ()
    read: ReadOptions = field(default_factory=ReadOptions)
    limit: int | None = None
    fresh: bool = False
    name: str = ""

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            Mistake: if there is neither a template nor a prompt, or both, or fields without a prompt.
        """
        given = {"the template": self.template, "the variants of": self.variants, "a prompt": self.prompt}
        named = [f"{what} `{name}`" if what != "a prompt" else what for what, name in given.items() if name]
        if len(named) > 1:
            raise Mistake(
                f"Both {named[0]} and {named[1]} were given.",
                hint="leave one of them out.",
                argument="prompt" if self.prompt else "variants",
            )
        if not named:
            raise Mistake(
                "Neither a template nor a prompt was given.",
                hint="name a template (`weft templates list` shows them), or give `--prompt` and `--field`.",
                argument="prompt",
            )
        if self.prompt and not self.fields:
            raise Mistake(
                "The prompt has no answer fields.",
                hint='add some, such as `--field "summary: string = one sentence"`.',
                argument="fields",
            )
        if self.fields and not self.prompt:
            raise Mistake(
                "Answer fields were given without a prompt.",
                hint="the template brings its own fields.",
                argument="fields",
            )
        if self.limit is not None and self.limit < 0:
            raise Mistake(
                f"A limit of {self.limit} rows makes no sense.", hint="give 0 or more.", argument="limit"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a run needs, opened and found to fit together; nothing was written.

    Attributes:
        notes: what was found or repaired while the table was opened.
    """

    request: RunRequest
    table: Table
    prompter: Prompter
    provider: Provider
    spec: RunSpec
    settings: Settings
    notes: tuple[str, ...] = ()

    def rows(self) -> Iterator[Row | BrokenRow]:
        """The rows that were asked for, from the start."""
        return islice(self.table.rows(), self.request.limit)


@dataclass(frozen=True, slots=True)
class Made:
    """A prompter, and the plain JSON from which it can be made again.

    Attributes:
        fingerprint: of everything that makes a run the same errand: the prompter's own, which
            columns feed it, and conditions on rows.
    """

    prompter: Prompter
    source: Mapping[str, Any]
    fingerprint: str


def place_of(table: Any) -> str:
    """Where a table is, for a spec: an absolute path, or a word for rows in memory."""
    return str(Path(table).expanduser().absolute()) if isinstance(table, str | Path) else IN_MEMORY


def budget_of(settings: Settings) -> Budget:
    """The budget that the settings ask for."""
    usd = None if settings.budget_usd is None else Usd.of(settings.budget_usd)
    return Budget(usd=usd, tokens=settings.budget_tokens)


def larger_budget(run: Run, rest: Estimate, *, share: float = 1.0) -> Budget:
    """A budget that holds what a run has used and the upper bound of its rest; never a smaller one.

    Amounts are rounded up to two digits. A kind of limit that the run does not have stays without.

    Args:
        run: as it stands.
        rest: of the rows without an end, or of the first of them.
        share: how many times as many rows there are as `rest` projects.
    """
    tally, usd, tokens = run.tally, run.budget.usd, run.budget.tokens
    if usd is not None and rest.cost_limit is not None:
        usd = Usd(max(usd, _rounded_up(int(tally.spent or 0) + ceil(rest.cost_limit * share))))
    if tokens is not None:
        used = tally.input_tokens + tally.output_tokens
        tokens = max(tokens, _rounded_up(used + ceil(rest.tokens_limit * share)))
    return Budget(usd=usd, tokens=tokens)


def _rounded_up(number: int) -> int:
    """Round up to two digits.

    >>> _rounded_up(1_201), _rounded_up(7)
    (1300, 7)
    """
    step: int = 10 ** max(0, len(str(number)) - 2)
    return -(-number // step) * step


def check_price(provider: Provider, budget: Budget, *, base_url: str = "") -> None:
    """Refuse a budget in USD where the price is not known (P07).

    Args:
        provider: who is asked.
        budget: what may be spent.
        base_url: where, if not at the provider's own server: listed prices do not count there.

    Raises:
        UnknownPrice: then.
    """
    if budget.usd is None or provider.price is not None:
        return
    model = f"{provider.name}/{provider.model}"
    where = f" at `{host_of(base_url)}`" if base_url else ""
    line = f'{provider.name}.models."{provider.model}" = {{ input = 0.15, output = 0.60 }}'
    raise UnknownPrice(
        f"The price of `{model}` is unknown{where}, so a budget of {budget.usd} cannot be kept.",
        hint=f"write `{line}` with the real dollars per million tokens into a file and name it with `--prices`, "
        "or give `--budget-tokens` instead.",
        model=model,
    )


def write_spec(
    request: RunRequest, table: Table, *, made: Made, provider: Provider, settings: Settings
) -> RunSpec:
    """Write down what was asked for, complete."""
    prompter = made.prompter
    return RunSpec(
        table=place_of(request.table),
        table_digest=table.digest(),
        columns=tuple(table.columns),
        prompter=made.fingerprint,
        prompter_source=made.source,
        template=str(made.source["title"]),
        provider=provider.name,
        model=provider.model,
        base_url=settings.base_url,
        options=options_of(provider),
        fields=prompter.answers.names,
        fresh=request.fresh,
        limit=request.limit,
        rows_per_call=settings.rows_per_call,
    )
