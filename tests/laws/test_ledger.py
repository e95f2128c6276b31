"""The laws of the ledger: whatever is done in whatever order, the money and the counts add up."""

from __future__ import annotations

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from tests.contracts.errands import Errand, reply
from tests.contracts.servers import emptied_store

from weft import errors
from weft.call import CallState, Usage
from weft.kit.clocks import VirtualClock
from weft.money import Budget, Usd
from weft.row import TERMINAL, RowState
from weft.store.engines.memory import store as memory
from weft.store.engines.postgresql import store as postgresql

ROWS = 12
LIMIT = Usd(20_000)
LOST = errors.Disconnected("The connection broke.")
ENDS = (RowState.ANSWERED, RowState.FAILED, RowState.REJECTED)
places = st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=5, unique=True)


class Ledger(RuleBasedStateMachine):
    """Calls in every state, repeated, late and by an old owner, over a run with a budget."""

    calls = Bundle("calls")

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.store = self.open()
        self.errand = self.do(Errand.begin(self.store, rows=ROWS, budget=Budget(usd=LIMIT)))
        self.epochs = [self.errand.epoch]
        self.ended = {}

    def open(self):
        """A new, empty store."""
        return memory.open("memory://", clock=VirtualClock())

    def do(self, work):
        """Wait for a write."""
        return self.loop.run_until_complete(work)

    def allowed(self, work):
        """Do what the table of moves may refuse."""
        try:
            self.do(work)
        except (errors.ImpossibleMove, errors.BudgetExceeded, errors.RunBusy):
            return False
        return True

    @rule(
        target=calls, places=places, reserved=st.integers(0, 4_000), late=st.booleans(), leaving=st.booleans()
    )
    def reserve(self, places, reserved, late, leaving):
        """Set an upper bound aside, perhaps as an owner that was followed long ago."""
        call = self.errand.call(*places, reserved=Usd(reserved))
        epoch = self.epochs[0 if late else -1]
        before = self.do(self.errand.tally())
        fits = before.spent + before.reserved + reserved <= LIMIT

        may = fits and epoch == self.epochs[-1]

        assert self.allowed(self.store.reserve(call, epoch=epoch, leaving=leaving)) == may
        return call if may else multiple()

    @rule(call=calls)
    def send(self, call):
        """Note that it is about to be sent."""
        self.allowed(self.store.sent(call))

    @rule(call=calls)
    def answer(self, call):
        """Keep its reply, perhaps a late one."""
        self.allowed(self.store.answered(call, reply()))

    @rule(
        call=calls,
        share=st.floats(0, 1),
        tokens=st.integers(0, 400),
        ends=st.lists(st.sampled_from(ENDS), max_size=5),
        late=st.booleans(),
    )
    def settle(self, call, share, tokens, ends, late):
        """Book at most what was reserved; some rows end, the others return."""
        cost = Usd(int(call.reserved * share))
        ended = [self.errand.end(p, state) for p, state in zip(call.places, ends, strict=False)]
        settlement = self.errand.settlement(
            call,
            ends=ended,
            returned=call.places[len(ended) :],
            cost=cost,
            usage=Usage(input_tokens=tokens + 1, output_tokens=tokens),
            epoch=self.epochs[0 if late else -1],
        )
        self.allowed(self.store.settle(settlement))

    @rule(call=calls)
    def void(self, call):
        """Release it: surely not billed."""
        self.allowed(self.store.void(call, LOST))

    @rule(call=calls)
    def give_up(self, call):
        """Book it in full: perhaps billed."""
        self.allowed(self.store.unknown(call, LOST))

    @rule()
    def follow(self):
        """Another life takes the run over."""
        name = f"life {len(self.epochs) + 1}"
        self.epochs.append(self.do(self.store.take_over(self.errand.id, owner=name, stale_after_s=0)))
        self.errand.epoch = self.epochs[-1]

    @rule()
    def recover(self):
        """Bring what was left open to rest, as a new life does."""
        for found in self.do(self.store.open_calls(self.errand.id)):
            if found.call.state is CallState.RESERVED:
                self.do(self.store.void(found.call, LOST))
            elif found.raw is None:
                self.do(self.store.unknown(found.call, LOST))
            else:
                self.do(self.store.settle(self.errand.settlement(found.call, cost=found.call.reserved)))
        assert self.do(self.errand.tally()).reserved == 0

    @rule()
    def recall(self):
        """Answer what is remembered."""
        self.do(self.store.recall(self.errand.id, epoch=self.epochs[-1]))

    @rule(places=places)
    def end_outside(self, places):
        """End rows outside any call."""
        ends = [self.errand.end(place, RowState.REJECTED) for place in places]
        self.do(self.store.end_rows(self.errand.id, ends, epoch=self.epochs[-1]))

    @rule()
    def skip_and_reopen(self):
        """Skip what waits, and let it wait again."""
        self.do(self.store.skip_waiting(self.errand.id, epoch=self.epochs[-1], code="x", problem="y"))
        self.do(self.store.reopen(self.errand.id, [RowState.SKIPPED], epoch=self.epochs[-1]))

    @invariant()
    def money_adds_up(self):
        """Law 4: Σ rows = Σ calls = spent; reserved is what open calls hold; the budget is never passed."""
        tally = self.do(self.errand.tally())

        assert self.do(self.errand.money_adds_up())
        assert tally.spent + tally.reserved <= LIMIT

    @invariant()
    def rows_add_up(self):
        """Law 1, I18: every row is in one state, none is lost, and an end stays as it was."""
        tally = self.do(self.errand.tally())
        outcomes = self.errand.outcomes()

        assert [each.place for each in outcomes] == list(range(ROWS))
        assert tally.total == tally.waiting + tally.settled == ROWS
        assert tally.asked == sum(each.state is RowState.ASKED for each in outcomes)
        for each in outcomes:
            if each.place in self.ended:
                assert (each.state, each.answer, each.call) == self.ended[each.place]
            if each.state in TERMINAL - {RowState.SKIPPED}:
                self.ended[each.place] = (each.state, each.answer, each.call)

    @invariant()
    def reading_again_is_the_same(self):
        """I19: reading changes nothing."""
        assert self.errand.outcomes() == self.errand.outcomes()

    def teardown(self):
        """Close the store."""
        self.do(self.store.close())
        self.loop.close()


class LedgerOnServer(Ledger):
    """The same over a server, whose statements run on a thread."""

    def open(self):
        """The store of the tests, emptied."""
        return postgresql.open(emptied_store(), clock=VirtualClock())


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestLedgerOnServer = LedgerOnServer.TestCase
TestLedgerOnServer.settings = settings(max_examples=6, stateful_step_count=25, deadline=None)
