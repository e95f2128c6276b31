"""A provider without a wire: answers every row by a function, or follows a script.

Knows the frame of a prompt, its own exact bill and how to misbehave on demand.
Refuses to know time and randomness of its own: a generator is handed in where a step needs one.
The raw reply is in the plain envelope of `drafts.py`, so that it can be read again after a crash.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from random import Random
from typing import Any

from weft.call import Finish, Options, PaceHint, Prompt, RawReply, Reply, Usage
from weft.errors import Billing, WeftError
from weft.ids import CallId
from weft.kit.clocks import Clock
from weft.kit.fingerprints import canonical
from weft.money import Price, Usd
from weft.protocols import Limits
from weft.testing.bills import CHARACTERS_PER_TOKEN, FRAME_TOKENS, Billed, count_tokens
from weft.testing.drafts import Draft, seal, unseal
from weft.testing.fault import Delivery, Fault
from weft.testing.frames import FrameRow, read_frame
from weft.testing.mutations import Mutation

Step = Fault | Mutation | WeftError | Reply | str | None
"""What one call does instead of answering plainly: suffer a fault of the table, change the draft
(a mutation), raise an error, give this very reply or this very text; `None` answers plainly."""

PRICE = Price(input=Usd.of("0.15"), output=Usd.of("0.60"), source="made up")


class ScriptedProvider(Billed):
    """Implements `weft.protocols.Provider` in memory.

    Attributes:
        requests: calls received, refused ones included.
        prompts: every prompt received, in order.
        script: steps for the next calls; steps may be added at any time.
        habit: changes every draft that is answered plainly, as an adversary does; `None` = honest.
        latency_s: seconds of the clock before each reply.
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
            model: the name it answers under.
            price: `None` = unknown.
            script: steps for the first calls, in order.
            random: for mutations that choose; by default always the same choices.
            clock: what `latency_s` and time-outs pass on; without one nothing waits.
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
        self.habit: Mutation | None = None
        self._answer = answer
        self._random = random or Random(0)  # noqa: S311 - chooses rows to spoil, no secrets
        self._clock = clock
        super().__init__(price)

    async def ask(self, prompt: Prompt, call: CallId, timeout_s: float) -> RawReply:
        """Answer every row of the prompt, or do as the next step says.

        Raises:
            WeftError: where the step or the answer function is an error; charged if it says billed.
        """
        self.requests += 1
        self.prompts.append(prompt)
        step = self.script.popleft() if self.script else None
        await self._sleep(self.latency_s)
        if isinstance(step, Fault) and step.error and not step.charged:
            await self._sleep(timeout_s if step.delivery is Delivery.NEVER else 0)
            raise step.as_error()
        rows = read_frame(prompt.user)
        spent_in = count_tokens(prompt.system, prompt.user, canonical(prompt.schema).decode()) + FRAME_TOKENS
        try:
            draft = self._draft(step, rows, call)
        except WeftError as error:
            if error.billing is Billing.BILLED:
                usage = Usage(input_tokens=spent_in, output_tokens=1)
                error.facts.setdefault("usage", asdict(usage))
                self._charge(call, usage, rows)
            raise
        _cut(draft, prompt.max_output_tokens)
        counted = Usage(input_tokens=spent_in, output_tokens=count_tokens(draft.write()))
        if isinstance(step, Reply) and step.usage.is_known:
            counted = step.usage
        draft.stated = step.usage if isinstance(step, Reply) else counted
        return await self._deliver(call, step, draft=draft, counted=counted, rows=rows, timeout_s=timeout_s)

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

    async def _sleep(self, seconds: float) -> None:
        if self._clock is not None and seconds > 0:
            await self._clock.sleep(seconds)

    def _draft(self, step: Step, rows: Sequence[FrameRow], call: CallId) -> Draft:
        if isinstance(step, WeftError):
            raise step
        draft = Draft(model=self.model, request_id=f"scripted-{call}")
        if isinstance(step, Reply):
            draft.text, draft.finish = step.text, step.finish
            draft.model, draft.request_id = step.model or self.model, step.request_id or draft.request_id
        elif isinstance(step, str):
            draft.text = step
        else:
            draft.rows = [{"id": row.label, **self._answer(row.content)} for row in rows]
            if step is None and self.habit:
                self.habit(draft, self._random)
        return draft

    async def _deliver(
        self,
        call: CallId,
        step: Step,
        *,
        draft: Draft,
        counted: Usage,
        rows: Sequence[FrameRow],
        timeout_s: float,
    ) -> RawReply:
        fault = step if isinstance(step, Fault) else None
        change = fault.change if fault else step if callable(step) else None
        if change:
            change(draft, self._random)
        if fault is None or fault.charged:
            self._charge(call, draft.billed or counted, rows, fault.name if fault else "")
        if fault and fault.error:
            await self._sleep(timeout_s if fault.delivery in (Delivery.NEVER, Delivery.DRIP) else 0)
            raise fault.as_error()
        return seal(draft)

    def _charge(self, call: CallId, usage: Usage, rows: Sequence[FrameRow], fault: str = "") -> None:
        digests = [row.digest for row in rows]
        self.charge(call, usage, digests=digests, fault=fault)


def _cut(draft: Draft, limit: int) -> None:
    """Stop at the output limit, as every model does."""
    text = draft.write()
    if count_tokens(text) > limit:
        draft.text, draft.finish = text[: limit * CHARACTERS_PER_TOKEN], Finish.LENGTH
