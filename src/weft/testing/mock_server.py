"""A local server that speaks OpenAI, Anthropic and Gemini, answers without a model, keeps a bill.

Knows routes, keys, rate limits, latency and charging; answers come from `answering.py`, formats
from `mock_dialects.py`, misfortunes from `mock_faults.py`. Refuses to know weft's engine and
providers: it is the other side, so that runs can be rehearsed and audited without paying.

Fast, so that benchmarks measure the asker: no task is made for a reply without latency, schemas
are compiled once, and the wire is our own (`mock_wire.py` says why).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from random import Random
from types import TracebackType
from typing import Any, Self

import orjson

from weft.errors import UnknownName, Unreachable, UnwritableFile
from weft.kit.clocks import Clock, SystemClock
from weft.testing.bills import Bill
from weft.testing.fault import Delivery, Fault
from weft.testing.fault_plans import FaultPlan
from weft.testing.mock_answers import PretendedModel
from weft.testing.mock_dialects import OPENAI, Dialect, Question, dialect_of
from weft.testing.mock_faults import deliver, turned_away
from weft.testing.mock_gate import Gate, No
from weft.testing.mock_options import MockOptions
from weft.testing.mock_wire import Asked, Wire, write_reply

CONNECTIONS_WAITING = 4096  # accept queue, so that a burst of connections is not refused


class MockServer:
    """The server; `async with` starts and stops it.

    Attributes:
        url: such as `http://127.0.0.1:8089`; known once started.
        bill: what was charged.
        faults: what befalls the next calls; scripted ones may be added at any time.
        requests: questions received, whatever became of them.
        statuses: replies by HTTP status; connections cut without one count as 0.
    """

    def __init__(self, options: MockOptions | None = None, *, clock: Clock | None = None) -> None:
        """Prepare a server; nothing listens before `start`.

        Raises:
            UnwritableFile: if the bill file cannot be opened.
        """
        self.options = options or MockOptions()
        self.url = ""
        self.requests = 0
        self.statuses: Counter[int] = Counter()
        self.bill = _open_bill(self.options)
        self._clock = clock or SystemClock()
        self._random = Random(self.options.seed)  # noqa: S311 - jitter and faults, no secrets
        self._gate = Gate(self.options, self._clock)
        self._model = PretendedModel(self.options.answers)
        self.faults = FaultPlan(self.options.faults, random=self._random, clock=self._clock)
        self._wires: set[Wire] = set()
        self._socket: asyncio.Server | None = None

    async def start(self) -> str:
        """Listen; return the url.

        Raises:
            Unreachable: if the port is taken.
        """
        try:
            self._socket = await asyncio.get_running_loop().create_server(
                lambda: Wire(self._respond, self._wires),
                self.options.host,
                self.options.port,
                backlog=CONNECTIONS_WAITING,
            )
        except OSError as exc:
            place = f"{self.options.host}:{self.options.port}"
            raise Unreachable(
                f"The mock server cannot listen on `{place}`: {exc.strerror or exc}.",
                hint="choose another port, or 0 for any free one.",
            ) from exc
        host, port = self._socket.sockets[0].getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        return self.url

    async def stop(self) -> None:
        """Close every connection and the bill file; harmless when repeated."""
        if self._socket:
            self._socket.close()
            for wire in tuple(self._wires):
                wire.reset()
            await asyncio.sleep(0)  # lets the connections notice
            await self._socket.wait_closed()
        self._socket = None
        self.bill.close()

    async def run_forever(self) -> None:
        """Start, if that was not done, and serve until cancelled."""
        if not self._socket:
            await self.start()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def report(self, *, every_row: bool = False) -> dict[str, Any]:
        """What `GET /bill` says: questions, statuses and the bill's totals."""
        statuses = {str(status): n for status, n in sorted(self.statuses.items())}
        return {
            "requests": self.requests,
            "statuses": statuses,
            "faults": dict(sorted(self.faults.counts.items())),
            **self.bill.totals(every_row=every_row),
        }

    # ── one request ──────────────────────────────────────────────────────────────────────────────

    def _respond(self, asked: Asked, wire: Wire) -> bytes | Coroutine[None, None, bytes | None]:
        dialect = dialect_of(asked.path) if asked.method == "POST" else None
        if dialect is None:
            return self._respond_beside(asked)
        self.requests += 1
        try:
            question = dialect.read(orjson.loads(asked.body), asked.path)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as exc:
            no: No | None = No(400, "invalid_request", f"This is no request of this API: {exc!r}.")
        else:
            no = self._gate.look(asked, question)
        if no is not None:
            return self._refuse(dialect, no)
        fault = self.faults.next(question.user)
        if fault and fault.status not in (0, 200):
            return self._turn_away(dialect, fault)
        if fault or self._is_slow:
            return self._answer_later(dialect, question, fault, wire)
        self.statuses[200] += 1
        return self._answer(dialect, question, None)

    def _answer(self, dialect: Dialect, question: Question, fault: Fault | None) -> bytes:
        request_id = f"mock-{self.requests}"
        answered = self._model.answer(question, request_id=request_id)
        draft = answered.draft
        if fault and fault.change:
            fault.change(draft, self._random)
        # Charged before any wait: a provider charges for work that it has begun, also when
        # nobody is there any more to hear the reply.
        usage = draft.billed or answered.usage
        if fault is None or fault.charged:
            self.bill.charge(request_id, usage, digests=answered.digests, fault=fault.name if fault else "")
        headers = self._gate.pass_by(dialect, usage)
        if fault:
            headers.update(fault.headers(self._clock.wall()))
        body = draft.wrap(dialect.write(draft, question))
        return write_reply(200, body, headers, content_type=draft.content_type)

    async def _answer_later(
        self, dialect: Dialect, question: Question, fault: Fault | None, wire: Wire
    ) -> bytes | None:
        reply = self._answer(dialect, question, fault)
        if self._is_slow:
            await self._clock.sleep(self._wait_s())
        self.statuses[fault.status if fault else 200] += 1
        return await deliver(wire, reply, fault.delivery if fault else Delivery.WHOLE, clock=self._clock)

    @property
    def _is_slow(self) -> bool:
        return self.options.latency_ms > 0 or self.options.jitter_ms > 0

    def _wait_s(self) -> float:
        return (self.options.latency_ms + self._random.random() * self.options.jitter_ms) / 1000

    def _turn_away(self, dialect: Dialect, fault: Fault) -> bytes:
        self.statuses[fault.status] += 1
        return turned_away(fault, dialect, wall=self._clock.wall())

    def _refuse(self, dialect: Dialect, no: No) -> bytes:
        self.statuses[no.status] += 1
        return write_reply(no.status, dialect.complain(no.status, no.code, no.message), no.headers)

    # ── beside the API ───────────────────────────────────────────────────────────────────────────

    def _respond_beside(self, asked: Asked) -> bytes:
        match asked.method, asked.path.rstrip("/"):
            case "GET", "/bill":
                return _json(self.report(every_row=asked.query.get("rows") == "all"))
            case "POST", "/bill/reset":
                self.requests = 0
                self.statuses.clear()
                self.faults.counts.clear()
                self.bill.reset()
                return _json(self.report())
            case "POST", "/script":
                return self._add_to_script(asked.body)
            case "GET", "/health":
                return _json({"status": "ok"})
            case "GET", path if path.endswith("/models"):
                names = self.options.models or ("mock",)
                return _json({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})
        said = f"Nobody answers {asked.method} {asked.path} here."
        return write_reply(404, OPENAI.complain(404, "not_found", said))

    def _add_to_script(self, body: bytes) -> bytes:
        try:
            names = [str(name) for name in orjson.loads(body)]
            self.faults.add(*names)
        except (ValueError, TypeError, UnknownName) as exc:
            return write_reply(400, OPENAI.complain(400, "invalid_script", str(exc)))
        return _json({"added": len(names)})


def _json(plain: Any) -> bytes:
    return write_reply(200, orjson.dumps(plain))


def _open_bill(options: MockOptions) -> Bill:
    try:
        return Bill(options.price, path=options.bill_path)
    except OSError as exc:
        raise UnwritableFile(
            f"The bill file `{options.bill_path}` cannot be written: {exc.strerror}.",
            hint="choose a path in a folder that exists.",
        ) from exc
