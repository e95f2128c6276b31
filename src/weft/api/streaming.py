"""What happens, told as it happens: server-sent events with ids, so that who was away goes on there.

Knows how a message is written, that nothing grows with a reader who is slow (each has a place in one
shared log and no queue), and how many may listen at once. A reader who fell too far behind is told
so and takes a new look. Refuses to know where messages come from, but for the log of one run.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from itertools import islice
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from weft.api.problems import refuse
from weft.app.summaries import dollars
from weft.errors import code_of
from weft.events import Event, RunEnded
from weft.kit.plain_json import dump

PER_SESSION = 6  # streams of one session or key; a browser opens as many connections to one server
IN_ALL = 200
HEARTBEAT_S = 15.0  # silence after which a proxy might take the connection for dead is a minute
RETRY_MS = 1_000  # when a browser comes back after a broken connection
KEPT = 2_000  # messages of one run that can be told again
AT_ONCE = 200  # messages that are written together
MONEY = frozenset({"cost", "spent", "unsure", "reserved"})  # fields of events that hold money
BEHIND = "behind"  # tells a reader that messages are missing before the next one


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing that happened.

    Attributes:
        id: where to go on after it; comes back as `Last-Event-ID`. Without line ends.
        event: its kind, such as `pack_settled`.
        is_last: nothing comes after it.
    """

    id: str
    event: str
    content: Any
    is_last: bool = False

    def encode(self) -> bytes:
        """The lines of a message; its content is one line of JSON."""
        return b"id: %b\nevent: %b\ndata: %b\n\n" % (
            self.id.encode(),
            self.event.encode(),
            dump(self.content),
        )


Source = Callable[[str], Awaitable[Sequence[Message]]]
"""Gives the messages after an id (empty = from now on); waits until there is one."""


class Streams:
    """Counts who listens, and refuses the one too many."""

    def __init__(self, *, per_session: int = PER_SESSION, in_all: int = IN_ALL) -> None:
        """Nobody listens yet."""
        self._most = (per_session, in_all)
        self._open: Counter[str] = Counter()

    @contextmanager
    def listening(self, session: str) -> Iterator[None]:
        """Count one stream for as long as it is open.

        Raises:
            Refused: if this session, or all together, have as many as may be.
        """
        per_session, in_all = self._most
        if self._open[session] >= per_session or self._open.total() >= in_all:
            raise refuse(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_streams",
                f"At most {per_session} streams of one session may be open, and {in_all} in all.",
                hint="close one, or ask for changes since a cursor instead.",
                retry_after="5",
            )
        self._open[session] += 1
        try:
            yield
        finally:
            self._open[session] -= 1
            self._open += Counter()  # forgets who has none open


class EventLog:
    """The last messages of one run: hears its events, and tells them to any number of readers."""

    def __init__(self, kept: int = KEPT) -> None:
        """Remember nothing yet.

        Args:
            kept: the most messages that can be told again.
        """
        self._messages: deque[Message] = deque(maxlen=kept)
        self._last = 0
        self._news = asyncio.Event()

    def hear(self, event: Event) -> None:
        """Take note of an event, and wake whoever waits for one."""
        self._last += 1
        self._messages.append(
            Message(
                id=str(self._last),
                event=code_of(type(event)),  # type: ignore[arg-type]  # events are named as errors are
                content=plain_event(event),
                is_last=isinstance(event, RunEnded),
            )
        )
        self._news.set()
        self._news = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether the last thing that was heard is the end."""
        return bool(self._messages) and self._messages[-1].is_last

    async def after(self, place: str) -> Sequence[Message]:
        """The messages after an id, a limited number of them; waits until there is one.

        Args:
            place: the id of the last message that was read; empty or not one of ours = from now on.
        """
        seen = int(place) if place.isascii() and place.isdigit() and len(place) < 16 else self._last
        while seen >= self._last:
            await self._news.wait()
            seen = min(seen, self._last - 1)  # an id of an earlier life of the server
        first = self._last - len(self._messages)
        found = list(islice(self._messages, max(0, seen - first), max(0, seen - first) + AT_ONCE))
        if seen < first:
            found.insert(0, Message(id=str(first), event=BEHIND, content={"missed": first - seen}))
        return found


def plain_event(event: Event) -> dict[str, Any]:
    """An event as plain JSON; money as exact dollars in text, `None` where it is not known."""
    return _plain(asdict(event))


def _plain(found: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in found.items():
        if name in MONEY:
            told[f"{name}_usd"] = dollars(value)
        else:
            told[name] = _plain(value) if isinstance(value, Mapping) else value
    return told


async def pump(
    source: Source, *, since: str, closing: asyncio.Event, heartbeat_s: float = HEARTBEAT_S
) -> AsyncGenerator[bytes, None]:
    """Write messages as they come, with a sign of life in silence, until the last or until we close.

    Args:
        since: `Last-Event-ID` of the reader; empty = from now on.
        closing: set when the server stops.
    """
    yield b"retry: %d\n\n" % RETRY_MS
    closed = asyncio.ensure_future(closing.wait())
    reading: asyncio.Future[Sequence[Message]] | None = None
    try:
        while not closed.done():
            reading = reading or asyncio.ensure_future(source(since))
            waited: set[asyncio.Future[Any]] = {reading, closed}
            await asyncio.wait(waited, timeout=heartbeat_s, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                yield b": alive\n\n"
                continue
            messages, reading = reading.result(), None
            yield b"".join(each.encode() for each in messages)
            since = messages[-1].id
            if messages[-1].is_last:
                return
    finally:
        for each in (closed, reading):
            if each is not None:
                each.cancel()


class Counted(StreamingResponse):
    """A stream that counts from before its first byte to behind its last, and once.

    Whatever refuses to count it refuses the request, for nothing was sent by then; a stream that is never
    begun is never counted.
    """

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        *,
        counted: AbstractContextManager[None],
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        """Tell the pieces while `counted` lasts."""
        super().__init__(pieces, media_type=media_type, headers=headers)
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._counted:
            await super().__call__(scope, receive, send)


class EventStream(Counted):
    """An answer that goes on; nobody on the way may keep or gather it."""

    def __init__(self, messages: AsyncIterator[bytes], *, counted: AbstractContextManager[None]) -> None:
        """Tell what `pump` writes."""
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(messages, counted=counted, media_type="text/event-stream", headers=headers)
