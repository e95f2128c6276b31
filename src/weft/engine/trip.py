"""What every stop of one run has in its hands: sockets, settings, gate, and who listens.

Knows how a pack becomes a prompt and a prompt an upper bound. Decides nothing.
Refuses to know where any of it was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from weft.call import Call, Pack, Prompt, RowEnd, tokens_of_bytes
from weft.engine.admitting import Gate
from weft.engine.pacing import Paces
from weft.engine.packing import MOST_ROWS, PackLimits
from weft.engine.recalling import InFlight
from weft.engine.spending import Reservation
from weft.events import Event
from weft.ids import RunId
from weft.kit.clocks import Clock
from weft.protocols import Listener, Prompter, Provider, Store
from weft.settings import Settings

SHARE_FOR_INPUT = 0.75  # of a model's context; the rest is for its answer and for our estimate's error


@dataclass(frozen=True, slots=True, kw_only=True)
class Gear:
    """Everything from outside that a run needs; handed in, so that a simulation can replace it.

    Attributes:
        random: draws ids, labels and jitter.
        owner: names this process to others that look at the run.
        paces: of every account that is asked by somebody who shares them.
        account: tells apart whom the other side counts for; empty = a provider that counts nobody.
    """

    prompter: Prompter
    provider: Provider
    store: Store
    settings: Settings
    clock: Clock
    random: Random
    owner: str = ""
    listeners: Sequence[Listener] = ()
    paces: Paces = field(default_factory=Paces)
    account: str = ""


@dataclass(slots=True)
class Trip:
    """One life of one run.

    Attributes:
        epoch: the owner's epoch; every write carries it.
        refused_alone: ends of single rows that the provider refused as invalid before any answer came.
        answered: calls that were answered in this life.
        calls, repeats: calls sent in this life, and those of them that repeat a failed one.
        last_good_s: monotonic second of the last good reply, or of the start.
        put_off: packs put off since the last good reply.
        first_sent: place of a row that was put off → `answered` when it was first sent.
        most_input: tokens of rows in the smallest pack that was too long for the model; `None` = none.
        surplus_tokens: the most output tokens of a call that was billed beyond its limit; 0 = none was.
        ended, failed: rows that ended in this life, and those of them that failed.
    """

    run: RunId
    epoch: int
    gear: Gear
    gate: Gate
    in_flight: InFlight = field(default_factory=InFlight)
    answered: int = 0
    calls: int = 0
    repeats: int = 0
    refused_alone: list[RowEnd] = field(default_factory=list)
    put_off: int = 0
    first_sent: dict[int, int] = field(default_factory=dict)
    most_input: int | None = None
    surplus_tokens: int = 0
    last_good_s: float = 0.0
    ended: int = 0
    failed: int = 0
    prompter: Prompter = field(init=False)
    provider: Provider = field(init=False)
    store: Store = field(init=False)
    settings: Settings = field(init=False)
    clock: Clock = field(init=False)
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        gear = self.gear
        self.prompter, self.provider, self.store = gear.prompter, gear.provider, gear.store
        self.settings, self.clock, self.random = gear.settings, gear.clock, gear.random

    def tell(self, event: Event) -> None:
        """Let every listener hear an event."""
        for listener in self.gear.listeners:
            listener.hear(event)

    def prompt(self, pack: Pack) -> Prompt:
        """Assemble the prompt of a pack, with room for reasoning."""
        rows = zip(pack.labels, pack.rows, strict=True)
        prompt = self.prompter.prompt([(label, row.part, row.complaint) for label, row in rows])
        if not self.settings.reasoning_tokens:
            return prompt
        return replace(prompt, max_output_tokens=prompt.max_output_tokens + self.settings.reasoning_tokens)

    def reservation(self, prompt: Prompt) -> Reservation:
        """The upper bound of what a prompt may cost, by what calls of this run have cost so far."""
        if self.surplus_tokens:
            prompt = replace(prompt, max_output_tokens=prompt.max_output_tokens + self.surplus_tokens)
        return reservation(prompt, self.prompter, self.provider)

    def expected_tokens(self, prompt: Prompt) -> int:
        """What a prompt will probably take, for the pace."""
        return expected_input(prompt, self.prompter) + prompt.rows * self.prompter.row_output_tokens


@dataclass(slots=True, frozen=True)
class Errand:
    """One call on its way: what is needed to settle it.

    Attributes:
        number: counts the calls of this life from 1; 0 = an earlier life sent it.
    """

    pack: Pack
    held: Reservation
    call: Call
    number: int


def reservation(prompt: Prompt, prompter: Prompter, provider: Provider) -> Reservation:
    """The upper bound of a call: input by its UTF-8 bytes, output by its limit."""
    read = prompt.input_tokens_limit + prompter.overhead_tokens
    usd = None if provider.price is None else provider.price.most(read, prompt.max_output_tokens)
    return Reservation(usd, read + prompt.max_output_tokens)


def expected_input(prompt: Prompt, prompter: Prompter) -> int:
    """Input tokens that a call will probably take."""
    return tokens_of_bytes(prompt.input_tokens_limit + prompter.overhead_tokens)


def pack_limits(settings: Settings, prompter: Prompter, provider: Provider) -> PackLimits:
    """The three limits of a pack, by the settings and by what the model can carry."""
    rows, read = min(settings.rows_per_call, MOST_ROWS), settings.input_tokens_per_call
    limits = provider.limits
    if limits.context_tokens:
        read = min(read, int(limits.context_tokens * SHARE_FOR_INPUT))
    if limits.output_tokens:
        room = limits.output_tokens - settings.reasoning_tokens
        rows = min(rows, room // max(1, prompter.row_output_limit))
    if settings.tpm:
        read = min(read, settings.tpm)
    return PackLimits(
        rows=max(1, rows), input_tokens=max(1, read), output_tokens=settings.output_tokens_per_call
    )
