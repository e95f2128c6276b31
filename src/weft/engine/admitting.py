"""Stop 5: may this pack go now?

Waits for width, pauses and pace, then sets the upper bound of the money aside.
The rules are pure and live in `pacing` and `spending`; here they meet the clock.
Refuses to know what is inside a pack.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from weft.call import PaceHint
from weft.engine.asking import stopped
from weft.engine.pacing import Circuit, Pacer, Width
from weft.engine.spending import Reservation, Spending
from weft.kit.clocks import Clock
from weft.money import Usd

LOW_REMAINDER = 1  # requests left by the provider's own count below which we wait for its reset


class Gate:
    """One lane to one provider: every call of a run passes here, repeats included."""

    def __init__(
        self,
        *,
        pacer: Pacer,
        width: Width,
        circuit: Circuit,
        spending: Spending,
        clock: Clock,
        told: Callable[[str, float], None],
    ) -> None:
        """Put the rules together.

        Args:
            pacer: of the account; other runs may share it.
            told: hears the reason and the seconds whenever the lane is paused.
        """
        self.spending = spending
        self.width = width
        self._pacer = pacer
        self._circuit = circuit  # for illness; being short of capacity has its own
        self._overload = Circuit(circuit.failures, circuit.open_s)
        self._clock = clock
        self._told = told
        self._in_flight = 0  # calls whose money is set aside
        self._on_wire = 0  # those of them whose reply has not come
        self._queue: deque[asyncio.Future[None]] = deque()  # who waits until a call comes back
        self._closing = asyncio.Event()

    @property
    def is_closed(self) -> bool:
        """Whether nothing may be sent any more."""
        return self._closing.is_set()

    def close(self) -> None:
        """Let nothing pass any more; whoever waits is told at once."""
        self._closing.set()
        self._wake()

    async def admit(self, wanted: Reservation, *, tokens: int) -> None:
        """Wait until a call may go, and reserve its money.

        Args:
            tokens: expected tokens, for the pace; the reservation holds the upper bound.

        Raises:
            BudgetExceeded: if the budget cannot hold it even with nothing else in flight.
            Cancelled: if the gate was closed meanwhile.
        """
        while True:
            if self.is_closed:
                raise stopped()
            wait = self._wait_s(wanted, tokens)
            if wait == 0.0:
                break
            if wait is None:
                await self._turn()
            else:
                await self.rest(wait)
        self.spending.reserve(wanted)
        self._pacer.admit(self._clock.monotonic(), tokens)
        self._in_flight += 1
        self._on_wire += 1

    def _wait_s(self, wanted: Reservation, tokens: int) -> float | None:
        """Seconds to wait; 0.0 = go; `None` = until another call has come back."""
        if self._on_wire >= self.width.calls:
            return None
        if not self.spending.fits(wanted):
            if self._in_flight:
                return None
            raise self.spending.exceeded(wanted)
        now = self._clock.monotonic()
        return max(0.0, self._pacer.ready_at(now, tokens) - now)

    def landed(self) -> None:
        """A call is off the wire; another may go while what it brought is written down."""
        self._on_wire -= 1
        self._wake()

    def adopt(self, held: Reservation) -> None:
        """Count a call of an earlier life of the run as on its way: its money is set aside already."""
        self.spending.reserved += held.usd or 0
        self.spending.reserved_tokens += held.tokens
        self._in_flight += 1

    def settled(self, held: Reservation, *, usd: Usd | None, tokens: int) -> bool:
        """A call is over: book it; return whether the budget's warning line was crossed."""
        crossed = self.spending.settle(held, usd, tokens)
        self._leave()
        return crossed

    def released(self, held: Reservation) -> None:
        """A call is over and was surely not billed."""
        self.spending.release(held)
        self._leave()

    async def rest(self, seconds: float) -> None:
        """Sleep, but wake when the gate closes.

        Raises:
            Cancelled: if it was closed.
        """
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait({sleeping, closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            closing.cancel()
        if self.is_closed:
            raise stopped()

    def _leave(self) -> None:
        self._in_flight -= 1
        self._wake()

    async def _turn(self) -> None:
        """Wait in the queue until a place on the wire or money is free."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had come, and somebody else can take it
                self._wake()
            raise

    def _wake(self) -> None:
        """Let as many of those who wait look again as there are places, the first come first."""
        places = len(self._queue) if self.is_closed else self.width.calls - self._on_wire
        while places > 0 and self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                places -= 1

    # ── what replies tell about the other side ───────────────────────────────────────────────────

    def succeeded(self, hint: PaceHint | None) -> None:
        """A call came back well; heed what its headers say about the rate that is left."""
        self.width.succeeded()
        self._wake()  # there may be one more place
        self._circuit.succeeded()
        self._overload.succeeded()
        if hint is None or hint.reset_s is None:
            return
        if hint.requests_left is not None and hint.requests_left < LOW_REMAINDER:
            self.pause("pace", hint.reset_s)

    def strained(self) -> None:
        """The other side asked for less."""
        self.width.strained(self._clock.monotonic())

    def failed(self, *, overloaded: bool = False) -> None:
        """The other side failed; after some failures of one kind in a row the lane rests."""
        wait = (self._overload if overloaded else self._circuit).failed()
        if wait:
            self.width.only_one()
            self.pause("circuit_open", wait)

    def pause(self, reason: str, seconds: float) -> None:
        """Send nothing for a while; nor does any other run that shares this pace."""
        if self._pacer.pause(self._clock.monotonic() + seconds):
            self._told(reason, seconds)
