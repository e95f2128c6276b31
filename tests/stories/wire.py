"""A whole errand over a real wire: our engine and provider here, the mock server there.

Nothing of weft is replaced: the runner, the store in memory, the OpenAI provider and aiohttp's
sockets are the real ones. Only waits take no time, for the clock skips them while nothing is
under way, and so every wait can be told exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

from weft.engine.runner import Runner
from weft.engine.trip import Gear
from weft.errors import WeftError
from weft.ids import new_run_id
from weft.kit.registries import Registry
from weft.money import Budget, Price, Usd
from weft.protocols import Credential, Limits, ModelFacts, ProviderRequest
from weft.providers._http import AiohttpTransport
from weft.providers.openai import provider as openai
from weft.row import Row, RowState
from weft.run import Run, RunSpec, RunState
from weft.schema import Field, Kind, Schema
from weft.settings import Settings
from weft.testing.clocks import SkippingClock
from weft.testing.mock_options import MockOptions
from weft.testing.mock_server import MockServer
from weft.testing.plain import PlainPrompter

KEY = "sk-planted-9f8e7d6c5b4a"
MODEL = "mock-1"
PRICE = Price(input=Usd.of("0.15"), output=Usd.of("0.60"))
STORES = Registry("weft.store.engines", "store", what="store", group="weft.stores")
INPUTS = Schema((Field(name="body"),))
ANSWERS = Schema(
    (Field(name="echo", max_length=200), Field(name="kind", kind=Kind.ENUM, options=("odd", "even")))
)
SIX = tuple(f"row {place}" for place in range(6))
LETTERS = {
    RowState.WAITING: "w",
    RowState.ANSWERED: "a",
    RowState.FAILED: "f",
    RowState.REJECTED: "r",
    RowState.SKIPPED: "s",
}


def truth(content):
    """What the model answers: a function of the row's content and nothing else."""
    body = content["body"]
    return {"echo": body[::-1], "kind": "odd" if len(body) % 2 else "even"}


class Wire:
    """The real transport, with a note of every request; time stands still while one is under way.

    Attributes:
        sent_at: seconds of the run's clock at which each request left.
        bodies: the requests as they left.
        depths: how many requests were under way with each, itself included.
    """

    def __init__(self, transport, clock):
        self.sent_at: list[float] = []
        self.bodies: list[str] = []
        self.depths: list[int] = []
        self._transport, self._clock = transport, clock
        self._under_way = 0

    async def post(self, url, *, headers, body, timeout_s):
        self.sent_at.append(self._clock.monotonic())
        self.bodies.append(body.decode())
        self._under_way += 1
        self.depths.append(self._under_way)
        try:
            with self._clock.standing():
                return await self._transport.post(url, headers=headers, body=body, timeout_s=timeout_s)
        finally:
            self._under_way -= 1

    async def close(self):
        await self._transport.close()


class Rehearsal:
    """A table, a store and a provider, and a server on the other end of the wire.

    Attributes:
        events: what listeners heard, in order.
        run: as it came to rest.
        calls: the ledger's lines.
    """

    def __init__(self, server, *, bodies, url="", prompter=None, limits=None, knobs=None):
        self.server = server
        self.bodies = list(bodies)
        self.clock = SkippingClock()
        self.random = Random(11)
        knobs = {"concurrency": 1, "rows_per_call": 3, "min_free_mb": 0, "timeout_s": 5.0, **(knobs or {})}
        self.settings = Settings(**knobs)
        self.store = STORES.get("memory").open("memory://", clock=self.clock, threads=False)
        self.wire = Wire(AiohttpTransport(self.settings.concurrency), self.clock)
        self.prompter = prompter or PlainPrompter(INPUTS, ANSWERS)
        self.provider = openai.build(
            ProviderRequest(
                model=MODEL,
                key=Credential(KEY, "WEFT_API_KEY"),
                base_url=(url or server.url) + "/v1",
                facts=ModelFacts(provider="openai", model=MODEL, price=PRICE, limits=limits or Limits()),
                transport=self.wire,
            )
        )
        self.events = []
        self.run = None
        self.calls = []

    def hear(self, event):
        """Keep an event."""
        self.events.append(event)

    def runner(self, run):
        """A runner for the next life of a run."""
        gear = Gear(
            prompter=self.prompter,
            provider=self.provider,
            store=self.store,
            settings=self.settings,
            clock=self.clock,
            random=self.random,
            listeners=(self,),
        )
        return Runner(run, gear)

    async def start(self, *, budget=None):
        """Read the table and walk it until the run rests."""
        spec = RunSpec(
            table="rows",
            table_digest="",
            columns=("body",),
            prompter="p",
            prompter_source={},
            template="plain 1",
            provider="openai",
            model=MODEL,
            fields=("echo", "kind"),
        )
        run = Run(
            id=new_run_id(self.random),
            spec=spec,
            state=RunState.DRAFTED,
            created_at=self.clock.wall(),
            budget=budget or Budget(),
        )
        await self.store.create_run(run)
        runner = self.runner(run)
        await runner.take_in(Row(place, place + 2, {"body": body}) for place, body in enumerate(self.bodies))
        return await self._walk(runner)

    async def resume(self, **knobs):
        """Begin the next life of the run that rests."""
        self.settings = replace(self.settings, **knobs)
        return await self._walk(self.runner(await self.store.run(self.run.id)))

    async def _walk(self, runner):
        self.run = await runner.walk()
        self.calls = await self.store.calls(self.run.id)
        return self.run

    # ── what can be seen afterwards ──────────────────────────────────────────────────────────────

    @property
    def outcomes(self):
        """How every row stands, in order."""
        return list(self.store.outcomes(self.run.id))

    @property
    def states(self):
        """The rows' states as one letter each: answered, failed, waiting, skipped, rejected."""
        return "".join(LETTERS[outcome.state] for outcome in self.outcomes)

    @property
    def codes(self):
        """Codes of the rows' problems, by place."""
        return {outcome.place: outcome.problem_code for outcome in self.outcomes if outcome.problem_code}

    @property
    def packs(self):
        """Rows of each call that was sent, in order."""
        return tuple(event.rows for event in self.heard("PackSent"))

    @property
    def gaps(self):
        """Seconds that passed before each request but the first."""
        return [round(b - a, 6) for a, b in zip(self.wire.sent_at, self.wire.sent_at[1:], strict=False)]

    @property
    def waits(self):
        """What was said about waiting: reason and seconds."""
        return [(event.reason, event.wait_s) for event in self.heard("LaneWaiting")]

    @property
    def problems(self):
        """What was said about calls: each sentence."""
        return [e.problem for e in self.events if getattr(e, "problem", "")]

    @property
    def paid(self):
        """How often each row's content was charged, by count: {1: 6} = six rows, once each."""
        return dict(Counter(self.server.bill.rows.values()))

    def heard(self, name):
        """Events of one kind."""
        return [event for event in self.events if type(event).__name__ == name]

    def words(self):
        """Everything that a person can read about the run."""
        said = [self.run.message, *self.problems]
        for outcome in self.outcomes:
            said += [outcome.problem, *outcome.notes]
        return [each for each in said if each]


@asynccontextmanager
async def rehearsal(
    script: Iterable = (),
    *,
    bodies=SIX,
    answers=truth,
    options=None,
    url="",
    prompter=None,
    limits=None,
    **knobs,
) -> AsyncIterator[Rehearsal]:
    """A server that does this to its next calls, and a table to ask it about.

    Args:
        script: names of faults, or faults.
        options: further options of the server.
        url: another address than the server's.
        knobs: settings of the run.
    """
    options = MockOptions(**{"answers": answers, "price": PRICE, **(options or {})})
    async with MockServer(options) as server:
        server.faults.add(*script)
        it = Rehearsal(server, bodies=bodies, url=url, prompter=prompter, limits=limits, knobs=knobs)
        try:
            yield it
        finally:
            await it.provider.close()
            await it.store.close()


def check_the_books(it):
    """Laws 1 and 4, I1, I2, I6, I8, I16, I17, P11: whatever happened, these hold."""
    tally, outcomes, bill = it.run.tally, it.outcomes, it.server.bill
    assert [outcome.cells["body"] for outcome in outcomes] == it.bodies
    for outcome in outcomes:
        if outcome.state is RowState.ANSWERED:
            assert outcome.answer == truth(outcome.cells)
        else:
            assert outcome.state is RowState.WAITING or (outcome.problem and outcome.problem_code)
    assert tally.reserved == 0
    assert bill.usd <= tally.spent
    assert (
        sum(outcome.cost for outcome in outcomes)
        == tally.spent
        == sum(call["cost"] or 0 for call in it.calls)
    )
    settled = [call for call in it.calls if call["state"] == "settled" and not call["estimated"]]
    unsure = [call for call in it.calls if call["state"] == "unknown" or call["estimated"]]
    if not unsure:
        assert bill.usd == tally.spent
        assert bill.calls == len(settled)
    assert (tally.unsure > 0) == (tally.unknown_calls > 0)
    for said in it.words():
        assert KEY not in said
        assert "Traceback" not in said
        assert "Error(" not in said


def sentence_of(error: WeftError | str) -> str:
    """The sentence without its hint."""
    return str(error).partition("\nhint: ")[0]
