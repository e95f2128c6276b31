"""What the feeder promises beside the laws: the order of packs, and where rows come from."""

from __future__ import annotations

import threading

import pytest
from tests.laws.test_way import House, check_answers, check_conservation

from weft.engine.holding import MOST_HELD
from weft.errors import PromptTooLong, RenderLimit
from weft.testing.plain import PlainPrompter


def sizes(house):
    return [event.rows for event in house.events if type(event).__name__ == "PackSent"]


class Watched:
    """A store that counts how many waiting rows were read from it."""

    def __init__(self, store):
        self._store = store
        self.read = 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def waiting(self, run, *, after, limit):
        found = await self._store.waiting(run, after=after, limit=limit)
        self.read += len(found)
        return found


@pytest.mark.parametrize("read_back", [False, True], ids=["held", "read back"])
async def test_held_rows_and_stored_rows_make_the_same_packs(read_back):
    """Law 2: whether a row was just read or comes from the store, the same packs are sent."""
    house = House([f"row {n}" for n in range(23)], rows_per_call=5, concurrency=1)

    run = await house.start(read_back=read_back)

    assert sizes(house) == [5, 5, 5, 5, 3]
    rows = [prompt.user.count('"body"') for prompt in house.provider.prompts]
    assert rows == [5, 5, 5, 5, 3]
    check_answers(house, run)


@pytest.mark.parametrize(("read_back", "read"), [(False, 0), (True, 23)], ids=["held", "read back"])
async def test_held_rows_are_not_read_back(read_back, read):
    """The rows of a table that was just read go on from memory; only another life looks for them."""
    house = House([f"row {n}" for n in range(23)])
    house.store = Watched(house.store)

    run = await house.start(read_back=read_back)

    assert house.store.read == read
    check_conservation(house, run)


async def test_beyond_the_held_rows_the_store_is_read():
    """I15: rows that memory does not hold follow from the store, in order, each once."""
    house = House([f"{n % 40}" for n in range(MOST_HELD + 40)], rows_per_call=50)
    house.store = Watched(house.store)

    run = await house.start()

    assert run.tally.answered == MOST_HELD + 40
    assert house.store.read <= 40
    assert sum(len(call.digests) for call in house.provider.bill) == 40


async def test_remembered_answers_empty_what_is_held():
    """B12, B14: when some rows are remembered, only the others are asked, and their packs are full."""
    house = House([f"row {n}" for n in range(0, 20, 2)], rows_per_call=5, concurrency=1)
    await house.start()
    house.events.clear()
    house.bodies = [f"row {n}" for n in range(20)]
    house.store = Watched(house.store)

    run = await house.start()

    assert sizes(house) == [5, 5]
    assert house.store.read == 10
    assert (run.tally.answered, run.tally.recalled) == (20, 10)
    check_answers(house, run)


async def test_packs_shrink_once_a_model_says_they_are_too_long():
    """F25, B34: after a refusal for length later packs are no longer than half of it."""
    house = House([f"row {n:02}" for n in range(40)], rows_per_call=10, concurrency=1)
    run = await house.start(walk=False)
    ask = house.provider.ask

    async def narrow(prompt, call, timeout_s):
        if prompt.rows > 6:
            raise PromptTooLong("The prompt is too long.")
        return await ask(prompt, call, timeout_s)

    house.provider.ask = narrow

    ended = await house.runner(run).walk()

    assert sizes(house) == [10, 5, 5, 5, 5, 5, 5, 5, 5]
    check_answers(house, ended)


class Apart(PlainPrompter):
    """Renders in another process, as it says; refuses rows that are called bad."""

    is_confined = True

    def __init__(self, inputs, answers):
        super().__init__(inputs, answers)
        self.threads = set()

    def values_of(self, rows):
        self.threads.add(threading.current_thread().name)
        return super().values_of(rows)

    def parts(self, rows):
        self.threads.add(threading.current_thread().name)
        return [self._tried(values) for values in rows]

    def answer(self, found, values):
        self.threads.add(threading.current_thread().name)
        return super().answer(found, values)

    def _tried(self, values):
        bad = values["body"].startswith("bad")
        return RenderLimit("It takes too long.", hint="shorten it.") if bad else self.part(values)


@pytest.mark.parametrize("read_back", [False, True], ids=["held", "read back"])
async def test_rows_rendered_apart_do_not_hold_up_the_loop(read_back):
    """S2: rows of foreign templates are rendered in threads, and a bad one ends alone with its twins."""
    house = House(["row 1", "bad 2", "row 3", "bad 2", "row 1"])
    house.prompter = Apart(house.prompter.inputs, house.prompter.answers)

    run = await house.start(read_back=read_back)

    assert (run.tally.answered, run.tally.rejected) == (3, 2)
    assert house.prompter.threads
    assert threading.current_thread().name not in house.prompter.threads
