"""A provider without a wire: answers every row by a function, or follows a script.

Knows the frame of a prompt, its own exact bill and how to misbehave on demand.
Refuses to know time and randomness of its own: a generator is handed in where a step needs one.
The raw reply is in the plain envelope of `drafts.py`, so that it can be read again after a crash.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from weft.call import Finish, Options, PaceHint, Prompt, RawReply, Reply, Usage
from weft.errors import Billing, WeftError
from weft.ids import CallId
from weft.kit.clocks import Clock
from weft.kit.fingerprints import canonical
from weft.money import Price, Usd
from weft.protocols import Limits
from weft.testing.bills import CHARACTERS_PER_TOKEN, FRAME_TOKENS, Bill, BilledCall, count_tokens
from weft.testing.drafts import Draft, seal, unseal
from weft.testing.frames import read_frame
from weft.testing.mutations import Mutation

Step = Mutation | WeftError | Reply | str | None
"""What one call does instead of answering plainly: change the draft (a mutation), raise an error,
give this very reply or this very text; `None` answers plainly."""

PRICE = Price(input=Usd.of("0.15"), output=Usd.of("0.60"), source="made up")


class ScriptedProvider:
    """Implements `weft.protocols.Provider` in memory.

    Attributes:
        requests: calls received, refused ones included.
        prompts: every prompt received, in order.
        script: steps for the next calls; steps may be added at any time.
    """

    def __init__(
        self,
        answer: Callable[[Any], Mapping[str, Any]],
        *,
        model: str = "scripted",
        price: Price | None = PRICE,
        script: Sequence[Step] = (),
        random: Random | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Prepare.

        Args:
            answer: a row's data → its answer, without label. An error of weft that it raises
                becomes the error of the whole call, as one bad row spoils a real one.
            price: `None` = unknown.
            random: for mutations that choose; by default always the same choices.
            clock: waits `latency_s` before each reply where it is set.
        """
        self.name = "scripted"
        self.model = model
        self.price = price
        self.limits = Limits()
        self.options = Options()
        self.latency_s = 0.0
        self.requests = 0
        self.prompts: list[Prompt] = []
        self.script: deque[Step] = deque(script)
        self._answer = answer
        self._random = random or Random(0)  # noqa: S311 - chooses rows to spoil, no secrets
        self._clock = clock
        self._book = Bill(price)
        self._bill: list[BilledCall] = []

    @property
    def bill(self) -> list[BilledCall]:
        """Every charged call in order."""
        return self._bill

    @property
    def billed_usd(self) -> Usd:
        """The sum of the bill; zero where the price is unknown."""
        return self._book.usd

    @property
    def billed_rows(self) -> Mapping[int, int]:
        """Row content (its digest) → how often it was paid for."""
        return self._book.rows

    async def ask(self, prompt: Prompt, call: CallId, timeout_s: float) -> RawReply:  # noqa: ARG002 - the socket's
        """Answer every row of the prompt, or do as the next step says.

        Raises:
            WeftError: where the step or the answer function is an error; charged if it says billed.
        """
        self.requests += 1
        self.prompts.append(prompt)
        step = self.script.popleft() if self.script else None
        if self._clock is not None and self.latency_s:
            await self._clock.sleep(self.latency_s)
        rows = read_frame(prompt.user)
        digests = [row.digest for row in rows]
        spent_in = count_tokens(prompt.system, prompt.user, canonical(prompt.schema).decode()) + FRAME_TOKENS
        try:
            if isinstance(step, WeftError):
                raise step
            draft = self._draft(prompt, step, call)
        except WeftError as error:
            if error.billing is Billing.BILLED:
                self._charge(call, Usage(input_tokens=spent_in, output_tokens=1), digests)
            raise
        _cut(draft, prompt.max_output_tokens)
        counted = Usage(input_tokens=spent_in, output_tokens=count_tokens(draft.write()))
        if isinstance(step, Reply):
            counted = step.usage if step.usage.is_known else counted
            draft.stated = step.usage
        else:
            draft.stated = counted
            if callable(step):
                step(draft, self._random)
        self._charge(call, draft.billed or counted, digests)
        return seal(draft)

    def read(self, raw: RawReply) -> Reply:
        """Read the plain envelope.

        Raises:
            NotTheApi, ContentRefused, EmptyReply: if there is no usable text in it.
        """
        return unseal(raw)

    def pace(self, raw: RawReply) -> PaceHint | None:  # noqa: ARG002 - the socket's
        """Say nothing: there are no headers."""
        return None

    async def close(self) -> None:
        """Do nothing; there is no connection."""

    def _draft(self, prompt: Prompt, step: Step, call: CallId) -> Draft:
        draft = Draft(model=self.model, request_id=f"scripted-{call}")
        if isinstance(step, Reply):
            draft.text, draft.finish = step.text, step.finish
            draft.model, draft.request_id = step.model or self.model, step.request_id or draft.request_id
        elif isinstance(step, str):
            draft.text = step
        else:
            draft.rows = [{"id": row.label, **self._answer(row.content)} for row in read_frame(prompt.user)]
        return draft

    def _charge(self, call: CallId, usage: Usage, digests: Sequence[int]) -> None:
        self._bill.append(self._book.charge(call, usage, digests=digests))


def _cut(draft: Draft, limit: int) -> None:
    """Stop at the output limit, as every model does."""
    text = draft.write()
    if count_tokens(text) > limit:
        draft.text, draft.finish = text[: limit * CHARACTERS_PER_TOKEN], Finish.LENGTH
