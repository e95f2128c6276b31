"""The law of the feed: whoever has a grid and follows its changes has the grid as it is now."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from tests.contracts.errands import key_of, reply
from tests.contracts.servers import emptied_store
from tests.laws.test_ledger import ROWS, Ledger

from weft.call import RowEnd
from weft.kit.clocks import VirtualClock
from weft.money import Usd
from weft.row import CANCELLED_LETTER, LETTERS, RowState
from weft.run import RunState
from weft.store import news, watching
from weft.store.engines.postgresql import store as postgresql
from weft.store.engines.sqlite import store as sqlite

READERS = 3
places = st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=5, unique=True)


class Reader:
    """Somebody who looks on, in steps."""

    def __init__(self, grid):
        self.cursor, self.codes = grid.cursor, list(grid.codes)

    def hear(self, changes, grid):
        """Take one answer; `grid` asks for the whole where the feed is too short."""
        if changes.is_reset:
            self.__init__(grid())
            return True
        for place, code in changes.codes.items():
            self.codes.extend("-" * (place + 1 - len(self.codes)))
            self.codes[place] = code
        self.cursor = changes.cursor
        return changes.is_last


class Watched(Ledger):
    """Readers that begin, follow and fall behind at any time, while everything happens to the run.

    Lines and the feed are short, so that answers are cut and old lines are gone.
    """

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.kept = (news.LINE_PLACES, news.KEPT, news.KEPT_AT_REST, news.TRIM_EVERY)
        news.LINE_PLACES = watching.LINE_PLACES = 4
        news.KEPT, news.KEPT_AT_REST, news.TRIM_EVERY = 8, 3, 2
        super().__init__()
        self.readers = [Reader(self.grid()) for _ in range(READERS)]

    def open(self):
        """A store in a file, which outlives its process."""
        return sqlite.open(f"sqlite:///{Path(self.folder.name)}/weft.db", clock=VirtualClock(), threads=False)

    def grid(self):
        """The whole picture."""
        return self.do(self.store.grid(self.errand.id))

    def step(self, reader):
        """One answer to one reader."""
        return reader.hear(self.do(self.store.changes(self.errand.id, since=reader.cursor)), self.grid)

    @rule(reader=st.integers(0, READERS - 1))
    def begin_again(self, reader):
        """A reader opens the page."""
        self.readers[reader] = Reader(self.grid())

    @rule(reader=st.integers(0, READERS - 1))
    def follow_a_little(self, reader):
        """A reader asks once; whatever comes then may be cut."""
        self.step(self.readers[reader])

    @rule()
    def everybody_has_the_same_picture(self):
        """W46: reading the grid and following is the same as reading the grid anew."""
        anew = self.grid()
        for reader in self.readers:
            for _ in range(200):
                if self.step(reader):
                    break

            assert ("".join(reader.codes), reader.cursor) == (anew.codes, anew.cursor)

    @rule(places=places, leader=st.integers(0, ROWS - 1), state=st.sampled_from(["answered", "failed"]))
    def settle_with_twins(self, places, leader, state):
        """One row ends, and others with it that ask the same."""
        call = self.errand.call(leader, reserved=Usd(0))
        if self.allowed(self.store.reserve(call, epoch=self.epochs[-1], leaving=True)):
            twins = [place for place in places if place != leader]
            answer = b'{"tldr":"x"}' if state == "answered" else None
            end = RowEnd(leader, key_of(leader), RowState(state), answer, twins=twins)
            self.do(self.store.answered(call, reply()))
            self.do(self.store.settle(self.errand.settlement(call, ends=[end], cost=Usd(0))))

    @rule(code=st.sampled_from(["cancelled", "budget_exceeded"]))
    def skip(self, code):
        """A person cancels, or the budget ends."""
        self.do(self.store.skip_waiting(self.errand.id, epoch=self.epochs[-1], code=code, problem="y"))

    @rule(state=st.sampled_from([RowState.FAILED, RowState.SKIPPED]), place=st.none() | st.integers(0, 11))
    def reopen(self, state, place):
        """Rows wait again."""
        self.do(self.store.reopen(self.errand.id, [state], epoch=self.epochs[-1], place=place))

    @rule()
    def rest_and_go_on(self):
        """The run comes to rest, which shortens the feed, and goes on."""
        self.do(self.store.move_run(self.errand.id, RunState.PAUSED, epoch=self.epochs[-1]))
        self.do(self.store.move_run(self.errand.id, RunState.RUNNING, epoch=self.epochs[-1]))

    @rule(places=st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True), again=st.booleans())
    def crash(self, places, again):
        """The process is gone, with a call on its way; another one follows, or does not."""
        call = self.errand.call(*places, reserved=Usd(0))
        self.allowed(self.store.reserve(call, epoch=self.epochs[-1], leaving=again))
        self.do(self.store.close())
        self.store = self.errand.store = self.open_again()
        if again:
            self.follow()

    def open_again(self):
        """The same store in another process."""
        return self.open()

    @invariant()
    def letters_are_states(self):
        """Every letter says what the row's outcome says."""
        for letter, each in zip(self.grid().codes, self.errand.outcomes(), strict=True):
            cancelled = each.state is RowState.SKIPPED and each.problem_code == "cancelled"

            assert letter == (CANCELLED_LETTER if cancelled else LETTERS[each.state])

    money_adds_up = rows_add_up = reading_again_is_the_same = None  # laws of the ledger, held there

    def teardown(self):
        """Nobody is left behind; then the store is closed."""
        self.everybody_has_the_same_picture()
        news.LINE_PLACES, news.KEPT, news.KEPT_AT_REST, news.TRIM_EVERY = self.kept
        watching.LINE_PLACES = news.LINE_PLACES
        super().teardown()
        self.folder.cleanup()


class WatchedOnServer(Watched):
    """The same over a server."""

    def open(self):
        """The store of the tests, emptied."""
        self.url = emptied_store()
        return self.open_again()

    def open_again(self):
        """The same store in another process."""
        return postgresql.open(self.url, clock=VirtualClock())


TestWatched = Watched.TestCase
TestWatched.settings = settings(max_examples=20, stateful_step_count=40, deadline=None)
TestWatchedOnServer = WatchedOnServer.TestCase
TestWatchedOnServer.settings = settings(max_examples=6, stateful_step_count=30, deadline=None)
