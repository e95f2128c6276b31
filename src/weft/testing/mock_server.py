"""A local server that speaks OpenAI, Anthropic and Gemini, answers without a model, keeps a bill.

Knows routes, keys, rate limits, latency and charging; answers come from `answering.py`, formats
from `mock_dialects.py`, misfortunes from `mock_faults.py`. Refuses to know weft's engine and
providers: it is the other side, so that runs can be rehearsed and audited without paying.

It stands on aiohttp's low-level `web.Server`: measured at 14,000 bare requests per CPU second,
enough for the 8,000 answered ones asked of it, with a complete HTTP parser for free. Faults that
need the raw socket take the connection's transport.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

from weft.errors import Unreachable, UnwritableFile
from weft.kit.clocks import Clock, SystemClock
from weft.testing.bills import Bill
from weft.testing.mock_answers import Answered, PretendedModel
from weft.testing.mock_dialects import OPENAI, Dialect, Question, dialect_of
from weft.testing.mock_gate import Gate, No
from weft.testing.mock_options import MockOptions

LARGEST_REQUEST = 64 * 1024 * 1024  # bytes; far above any prompt
CONNECTIONS_WAITING = 4096  # accept queue, so that a burst of connections is not refused
JSON = {"Content-Type": "application/json"}


class MockServer:
    """The server; `async with` starts and stops it.

    Attributes:
        url: such as `http://127.0.0.1:8089`; known once started.
        bill: what was charged.
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
        self._web: web.Server | None = None
        self._socket: asyncio.Server | None = None

    async def start(self) -> str:
        """Listen; return the url.

        Raises:
            Unreachable: if the port is taken.
        """
        self._web = web.Server(self._respond, handler_cancellation=True, access_log=None)
        try:
            self._socket = await asyncio.get_running_loop().create_server(
                self._web, self.options.host, self.options.port, backlog=CONNECTIONS_WAITING
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
        if self._socket and self._web:
            self._socket.close()
            await self._web.shutdown(timeout=0)
            await self._socket.wait_closed()
        self._socket = self._web = None
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
        return {"requests": self.requests, "statuses": statuses, **self.bill.totals(every_row=every_row)}

    # ── one request ──────────────────────────────────────────────────────────────────────────────

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        dialect = dialect_of(request.path) if request.method == "POST" else None
        if dialect is None:
            return await self._respond_beside(request)
        self.requests += 1
        body = await request.read()
        try:
            question = dialect.read(orjson.loads(body), request.path)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as exc:
            return self._refuse(
                dialect, No(400, "invalid_request", f"This is no request of this API: {exc!r}.")
            )
        no = self._gate.look(request.headers, request.query, question)
        if no is not None:
            return self._refuse(dialect, no)
        return await self._answer(dialect, question)

    async def _answer(self, dialect: Dialect, question: Question) -> web.Response:
        request_id = f"mock-{self.requests}"
        answered = self._model.answer(question, request_id=request_id)
        # Charged before the wait: a provider charges for work that it has begun, also when
        # nobody is there any more to hear the reply.
        self._charge(answered, request_id)
        headers = self._gate.pass_by(dialect, answered.usage)
        await self._linger()
        self.statuses[200] += 1
        headers.update(JSON)
        return web.Response(body=dialect.write(answered.draft, question), headers=headers)

    def _charge(self, answered: Answered, request_id: str, fault: str = "") -> None:
        self.bill.charge(request_id, answered.usage, digests=answered.digests, fault=fault)

    async def _linger(self) -> None:
        options = self.options
        if options.latency_ms or options.jitter_ms:
            wait_ms = options.latency_ms + self._random.random() * options.jitter_ms
            await self._clock.sleep(wait_ms / 1000)

    def _refuse(self, dialect: Dialect, no: No) -> web.Response:
        self.statuses[no.status] += 1
        body = dialect.complain(no.status, no.code, no.message)
        return web.Response(status=no.status, body=body, headers={**JSON, **no.headers})

    # ── beside the API ───────────────────────────────────────────────────────────────────────────

    async def _respond_beside(self, request: web.BaseRequest) -> web.Response:
        match request.method, request.path.rstrip("/"):
            case "GET", "/bill":
                return _json(self.report(every_row=request.query.get("rows") == "all"))
            case "POST", "/bill/reset":
                self.requests = 0
                self.statuses.clear()
                self.bill.reset()
                return _json(self.report())
            case "GET", "/health":
                return _json({"status": "ok"})
            case "GET", path if path.endswith("/models"):
                names = self.options.models or ("mock",)
                return _json({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})
        body = OPENAI.complain(404, "not_found", f"Nobody answers {request.method} {request.path} here.")
        return web.Response(status=404, body=body, headers=JSON)


def _json(plain: Any) -> web.Response:
    return web.Response(body=orjson.dumps(plain), headers=JSON)


def _open_bill(options: MockOptions) -> Bill:
    try:
        return Bill(options.price, path=options.bill_path)
    except OSError as exc:
        raise UnwritableFile(
            f"The bill file `{options.bill_path}` cannot be written: {exc.strerror}.",
            hint="choose a path in a folder that exists.",
        ) from exc
