"""Requests that are sent twice: the second time they change nothing and get the first answer.

Knows a request by its `Idempotency-Key`, its sender, their workspace and its address; the same key with
another body is refused, and who comes while the first is at work waits for it. That a request has
begun is written down before anything happens, its answer behind it, for a week, on the shelf `repeat`:
so both outlive the server. One that was cut by a crash is carried out again, and its route sees to it
that nothing is there twice. Refuses to keep errors, which are worth another try, and must not be used
for answers that hold a secret.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Header, Request
from starlette.responses import Response

from weft.api.problems import Refused, refuse
from weft.app.stores import Stores
from weft.documents import Document
from weft.errors import ChangedMeanwhile, Halt, Mistake, Refusal, StoreBusy, WeftError
from weft.kit.clocks import Clock
from weft.kit.fingerprints import fingerprint
from weft.protocols import Store

KIND = "repeat"
BEGUN, DONE = "begun", "done"
"""States of a document: carried out, or perhaps cut by a crash; and answered."""
LIFE_S = 7 * 86_400.0
SWEEP_S = 60.0  # between two looks for answers that are over
SWEPT = 200  # of them at once
TRIES = 5  # while other processes take the same key
LONGEST = 200  # characters of a key

Make = Callable[..., Awaitable[Response]]
Plan = Callable[[], Awaitable[Mapping[str, Any]]]

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=LONGEST,
        pattern=r"^[\x21-\x7e]*$",
        description="A name for this request, new for each; sent again with it, nothing is done twice.",
    ),
]


@dataclass(slots=True)
class _Turn:
    """Who is at work on one request, and how many are at it or wait."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    people: int = 0


class Repeats:
    """Remembers answers by the keys of their requests."""

    def __init__(self, stores: Stores, *, clock: Clock) -> None:
        """Keep them in the store of these, which is opened by the first request with a key."""
        self._stores = stores
        self._clock = clock
        self._turns: dict[str, _Turn] = {}
        self._sweep_at = clock.monotonic()

    async def once(self, request: Request, key: str, make: Make, *, plan: Plan | None = None) -> Response:
        """Do what a request asks for, unless it was done; return the same answer each time.

        Args:
            request: who asks for what.
            key: as the sender gives it; empty = the request is not to be remembered.
            make: does it. With a plan it takes what was planned by the request that a crash has cut;
                empty = this is the first.
            plan: what must be known to carry it out again without doing it twice; plain JSON, which is
                written down before it is done.

        Raises:
            Refused: if the key was used for another body.
        """
        fresh: tuple[Mapping[str, Any], ...] = () if plan is None else ({},)
        if not key:
            return await make(*fresh)
        name, body = _name_of(request, key), sha256(await request.body()).hexdigest()
        async with self._turn(name):
            store = self._stores.open()
            await self._sweep(store)
            found, is_first = await self._begin(store, name, body, plan)
            if found.state == DONE:
                return _answer_in(found)
            planned = fresh if is_first or plan is None else (found.content["plan"],)
            try:
                response = await make(*planned)
            except (Refused, Mistake, Halt, Refusal):
                if is_first:  # nothing was done: a corrected body may take the key
                    with suppress(WeftError):
                        await store.remove(KIND, name, expecting=found.version)
                raise
            with suppress(WeftError):  # it is done; asked again, it is carried out again
                await store.put(_with_answer(found, response), expecting=found.version)
            return response

    @asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        """Wait for whoever is at work on the same request in this process."""
        turn = self._turns.setdefault(name, _Turn())
        turn.people += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.people -= 1
            if not turn.people:
                del self._turns[name]

    async def _begin(self, store: Store, name: str, body: str, plan: Plan | None) -> tuple[Document, bool]:
        """What is known about a request, and whether it is the first; that it has begun is durable then.

        Raises:
            Refused: if the key was used for another body.
        """
        for _ in range(TRIES):
            now = self._clock.wall()
            found = await store.document(KIND, name)
            if found is not None and (found.due_at or 0.0) > now:
                _check_same(found, body)
                return found, False
            content = {"body": body, "plan": {} if plan is None else dict(await plan())}
            begun = Document(kind=KIND, id=name, state=BEGUN, due_at=now + LIFE_S, content=content)
            with suppress(ChangedMeanwhile):  # another process was quicker
                return await store.put(begun, expecting=found.version if found else 0), True
        raise StoreBusy("The same request comes in several times at once.", hint="send it again in a while.")

    async def _sweep(self, store: Store) -> None:
        """Now and then forget answers that are over."""
        if self._clock.monotonic() < self._sweep_at:
            return
        self._sweep_at = self._clock.monotonic() + SWEEP_S
        for each in await store.documents(KIND, due_before=self._clock.wall(), limit=SWEPT):
            with suppress(ChangedMeanwhile):
                await store.remove(KIND, each.id, expecting=each.version)


def _name_of(request: Request, key: str) -> str:
    """What tells a request from all others; nothing of it can be read from it."""
    who = request.state.principal
    url = request.url
    return fingerprint(KIND, who.id, who.workspace, request.method, url.path, url.query, key)


def _check_same(found: Document, body: str) -> None:
    if found.content["body"] != body:
        raise refuse(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "key_reused",
            "The `Idempotency-Key` was used for a request with another body.",
            hint="take a new key for a new request.",
        )


def _with_answer(found: Document, response: Response) -> Document:
    headers = {name: text for name, text in response.headers.items() if name != "content-length"}
    answer = {"status": response.status_code, "headers": headers, "answer": bytes(response.body).decode()}
    return replace(found, state=DONE, content={"body": found.content["body"], **answer})


def _answer_in(found: Document) -> Response:
    told = found.content
    return Response(told["answer"].encode(), status_code=told["status"], headers=told["headers"])
