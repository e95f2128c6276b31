"""Seeded faults around any provider, with a bill of what was really charged.

Knows the table of faults and the plan that draws them. Refuses to know the engine's answer to them.
Spoilt replies are written again in the plain envelope of `drafts.py`; untouched ones stay as the
inner provider gave them, and `read` tells them apart.
"""

from __future__ import annotations

from random import Random

from weft.call import Options, PaceHint, Prompt, RawReply, Reply, Usage
from weft.errors import Billing, WeftError
from weft.ids import CallId
from weft.kit.clocks import Clock
from weft.money import Price
from weft.protocols import Limits, Provider
from weft.testing.bills import Billed
from weft.testing.drafts import Draft, draft_of, is_sealed, seal, unseal
from weft.testing.fault import Delivery, Fault
from weft.testing.fault_plans import Burst, FaultPlan, FaultRates
from weft.testing.faults import FAULTS
from weft.testing.frames import read_frame

__all__ = ["FAULTS", "Burst", "FaultRates", "FaultyProvider"]


class FaultyProvider(Billed):
    """Implements `weft.protocols.Provider` over another one.

    Attributes:
        plan: what comes next, and how often each fault came.
        requests: calls received.
    """

    def __init__(
        self, inner: Provider, *, faults: FaultRates, random: Random, clock: Clock, price: Price | None = None
    ) -> None:
        """Wrap a provider.

        Args:
            inner: answers whatever is answered at all.
            faults: how often what happens.
            random: seeds both the draws and what is spoilt.
            clock: lets time-outs take their time and bursts end.
            price: what calls are charged at; by default the inner provider's.
        """
        self.name = inner.name
        self.model = inner.model
        self.price = inner.price if price is None else price
        self.limits: Limits = inner.limits
        self.options: Options = inner.options
        self.requests = 0
        self.plan = FaultPlan(faults, random=random, clock=clock)
        self._inner = inner
        self._random = random
        self._clock = clock
        super().__init__(self.price)

    async def ask(self, prompt: Prompt, call: CallId, timeout_s: float) -> RawReply:
        """Ask the inner provider unless a fault comes first; spoil or lose its reply as drawn.

        Raises:
            WeftError: of the inner provider or of the fault.
        """
        self.requests += 1
        fault = self.plan.next(prompt.user)
        if fault and not fault.charged:
            return await self._turn_away(fault, timeout_s)
        raw = await self._ask_inner(prompt, call, timeout_s)
        try:
            reply = self._inner.read(raw)
        except WeftError as error:
            self._charge(prompt, call, _usage_in(error), fault)
            await self._lose(fault, timeout_s)
            return raw
        if fault and fault.change:
            return self._spoil(prompt, call, reply, fault=fault, elapsed_s=raw.elapsed_s)
        self._charge(prompt, call, reply.usage, fault)
        await self._lose(fault, timeout_s)
        return raw

    def read(self, raw: RawReply) -> Reply:
        """Read a reply, spoilt or not.

        Raises:
            BadReply, ContentRefused, NotTheApi: if there is no usable text in it.
        """
        return unseal(raw) if is_sealed(raw) else self._inner.read(raw)

    def pace(self, raw: RawReply) -> PaceHint | None:
        """What the inner provider makes of the headers."""
        return None if is_sealed(raw) else self._inner.pace(raw)

    async def close(self) -> None:
        """Close the inner provider."""
        await self._inner.close()

    async def _ask_inner(self, prompt: Prompt, call: CallId, timeout_s: float) -> RawReply:
        try:
            return await self._inner.ask(prompt, call, timeout_s)
        except WeftError as error:
            if error.billing is Billing.BILLED:
                self._charge(prompt, call, _usage_in(error), None)
            raise

    async def _turn_away(self, fault: Fault, timeout_s: float) -> RawReply:
        """Suffer a fault for which nobody is asked and nothing is charged."""
        await self._lose(fault, timeout_s)
        draft = Draft(model=self.model)
        if fault.change:
            fault.change(draft, self._random)
        return seal(draft)

    async def _lose(self, fault: Fault | None, timeout_s: float) -> None:
        """Raise the fault's error, if it has one, after the time that it takes."""
        if fault and fault.error:
            if fault.delivery in (Delivery.NEVER, Delivery.DRIP):
                await self._clock.sleep(timeout_s)
            raise fault.as_error()

    def _spoil(
        self, prompt: Prompt, call: CallId, reply: Reply, *, fault: Fault, elapsed_s: float
    ) -> RawReply:
        draft = draft_of(reply)
        if fault.change:
            fault.change(draft, self._random)
        self._charge(prompt, call, draft.billed or reply.usage, fault)
        return seal(draft, elapsed_s=elapsed_s)

    def _charge(self, prompt: Prompt, call: CallId, usage: Usage, fault: Fault | None) -> None:
        digests = [row.digest for row in read_frame(prompt.user)]
        name = fault.name if fault else ""
        self.charge(call, usage, digests=digests, fault=name)


def _usage_in(error: WeftError) -> Usage:
    """The usage that an error about a charged reply states."""
    stated = error.facts.get("usage")
    return Usage(**stated) if isinstance(stated, dict) else Usage()
