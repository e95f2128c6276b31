"""A small errand over any store: a run with rows, and calls about them.

Knows how to write the words that a store takes. Refuses to know what a store does with them.
"""

from __future__ import annotations

import hashlib
from random import Random

from weft.call import Call, RawReply, RowEnd, Settlement, Usage
from weft.ids import Label, RowKey, new_call_id, new_run_id
from weft.money import Budget, Usd
from weft.protocols import NewRow
from weft.row import RowState
from weft.run import Run, RunSpec, RunState

RANDOM = Random(2026)
ANSWER = b'{"tldr":"a tree that balances itself"}'
USAGE = Usage(input_tokens=101, output_tokens=50, cached_input_tokens=7)


def key_of(question):
    """A key as the engine makes them: 32 bytes that look random."""
    return RowKey(hashlib.sha256(str(question).encode()).digest())


def draft_run(*, budget=None, created_at=1.0, **facts):
    """A run over two columns that asks for one field."""
    spec = RunSpec(
        table="topics.csv", table_digest="ab" * 32, columns=("topic", "text"), prompter="f" * 64,
        prompter_source={"template": "topic_review"}, template="topic_review 1.0.0", provider="local",
        model="local", options={"temperature": 0.0}, fields=("tldr",), limit=None,
    )  # fmt: skip
    return Run(
        id=new_run_id(RANDOM), spec=spec, state=RunState.DRAFTED, created_at=created_at,
        budget=budget or Budget(), **facts,
    )  # fmt: skip


def draft_row(place, *, question=None, **facts):
    """A row whose key follows from its question, by default its place."""
    cells = b'["t%d","some text"]' % place
    return NewRow(place, place + 2, cells, key_of(place if question is None else question), **facts)


class Errand:
    """One run in a store, owned and running."""

    def __init__(self, store, run, epoch):
        self.store = store
        self.id = run.id
        self.epoch = epoch
        self.questions = {}

    @classmethod
    async def begin(cls, store, *, rows=6, budget=None, owner="life 1", questions=None):
        """Create a run with so many rows and take it over."""
        run = draft_run(budget=budget)
        await store.create_run(run)
        epoch = await store.take_over(run.id, owner=owner, stale_after_s=0)
        self = cls(store, run, epoch)
        self.questions = {place: (questions or {}).get(place, place) for place in range(rows)}
        await store.add_rows(run.id, [draft_row(p, question=q) for p, q in self.questions.items()])
        await store.move_run(run.id, RunState.QUEUED, epoch=epoch)
        await store.move_run(run.id, RunState.RUNNING, epoch=epoch)
        return self

    def call(self, *places, reserved=Usd(1000), tokens=500, attempt=1):
        """A call about these places, not yet reserved."""
        return Call(
            id=new_call_id(RANDOM), run=self.id, places=places,
            labels=tuple(Label(f"label{place}") for place in places),
            reserved=reserved, reserved_tokens=tokens, attempt=attempt,
        )  # fmt: skip

    async def sent(self, *places, **facts):
        """Reserve a call and note it as sent."""
        call = self.call(*places, **facts)
        await self.store.reserve(call, epoch=self.epoch)
        await self.store.sent(call)
        return call

    async def answered(self, *places, body=b'{"rows":[]}', **facts):
        """Bring a call to its raw reply."""
        call = await self.sent(*places, **facts)
        await self.store.answered(call, reply(body))
        return call

    async def settled(self, *places, **facts):
        """Bring a call to its end, every row answered."""
        call = await self.answered(*places)
        settlement = self.settlement(call, **facts)
        await self.store.settle(settlement)
        return settlement

    def end(self, place, state=RowState.ANSWERED, *, answer=ANSWER, **facts):
        """How one row ends."""
        key = key_of(self.questions.get(place, place))
        return RowEnd(place, key, state, answer if state is RowState.ANSWERED else None, **facts)

    def settlement(self, call, *, ends=None, **facts):
        """The settlement of a call; by default every row is answered for 903 nano-dollars."""
        values = {"epoch": self.epoch, "usage": USAGE, "cost": Usd(903), **facts}
        ends = tuple(self.end(place) for place in call.places) if ends is None else tuple(ends)
        return Settlement(call=call, ends=ends, **values)

    async def tally(self):
        """Counts of the run."""
        return (await self.store.run(self.id)).tally

    def outcomes(self, **facts):
        """All outcomes of the run as a list."""
        return list(self.store.outcomes(self.id, **facts))

    async def money_adds_up(self):
        """Σ rows = Σ calls = spent, and what is reserved is what open calls reserve."""
        tally = await self.tally()
        calls = await self.store.calls(self.id)
        rows = sum(each.cost or 0 for each in self.outcomes())
        open_calls = [each for each in calls if each["state"] in {"reserved", "sent", "answered"}]
        return (
            rows == sum(each["cost"] or 0 for each in calls) == tally.spent
            and tally.reserved == sum(each["reserved"] or 0 for each in open_calls)
            and tally.unsure == sum(each["cost"] or 0 for each in calls if each["state"] == "unknown")
        )


def reply(body=b'{"rows":[]}', **facts):
    """A raw reply."""
    return RawReply(
        **{"status": 200, "headers": {"x-request-id": "q1"}, "body": body, "elapsed_s": 0.2, **facts}
    )
