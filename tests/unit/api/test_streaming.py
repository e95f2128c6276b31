from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from weft.api.problems import Refused
from weft.api.streaming import BEHIND, EventLog, EventStream, Message, Streams, plain_event, pump
from weft.events import Event, PackSettled, RowsRead, RunEnded
from weft.ids import CallId, RunId
from weft.money import Usd
from weft.row import RowState
from weft.run import RunState, Tally

RUN = RunId("r1")


def read(rows: int) -> Event:
    """One event of many."""
    return RowsRead(run=RUN, rows=rows, rejected=0)


ENDED = RunEnded(run=RUN, state=RunState.FINISHED, reason="", message="", tally=Tally(total=3), elapsed_s=1.5)


async def gather(log: EventLog, since: str = "") -> list[str]:
    """Everything that a stream writes, message by message."""
    text = b"".join(
        [part async for part in pump(log.after, since=since, closing=asyncio.Event(), heartbeat_s=5)]
    )
    return text.decode().split("\n\n")[1:-1]


def test_message_is_one_line_of_json() -> None:
    """A message is written as id, event and data, whatever line ends its content has."""
    written = Message(id="7", event="told", content={"text": "a\nb\r\ndata: c"}).encode()

    lines = written.decode().split("\n")
    assert lines[:2] == ["id: 7", "event: told"]
    assert json.loads(lines[2].removeprefix("data: ")) == {"text": "a\nb\r\ndata: c"}
    assert lines[3:] == ["", ""]


def test_money_of_events_is_exact_dollars() -> None:
    """Money inside an event, at any depth, is dollars in text under a name that says so."""
    settled = PackSettled(
        run=RUN, call=CallId("c"), number=1, rows=((0, RowState.ANSWERED),), returned=0, cost=Usd.of("0.25"),
        input_tokens=1, output_tokens=2, problem="",
    )  # fmt: skip

    assert plain_event(settled)["cost_usd"] == "0.25"
    assert plain_event(ENDED)["tally"]["spent_usd"] == "0"
    assert "spent" not in plain_event(ENDED)["tally"]


async def test_reader_hears_everything_to_the_end() -> None:
    """A reader from the start hears every event once, in order, and the stream ends with the run."""
    log = EventLog()
    for rows in range(3):
        log.hear(read(rows))
    log.hear(ENDED)

    found = await gather(log, since="0")

    assert [each.split("\n")[0] for each in found] == ["id: 1", "id: 2", "id: 3", "id: 4"]
    assert "event: run_ended" in found[-1]


def test_log_knows_that_it_is_over() -> None:
    """Who comes when the end was told need not wait for more; a run that goes on begins again."""
    log = EventLog()
    known = [log.is_over]
    for event in (ENDED, read(1), ENDED):
        log.hear(event)
        known.append(log.is_over)

    assert known == [False, True, False, True]


@pytest.mark.parametrize("seen", range(5))
async def test_who_was_away_goes_on(seen: int) -> None:
    """`Last-Event-ID` leads to exactly the messages that were missed."""
    log = EventLog()
    for rows in range(5):
        log.hear(read(rows))
    log.hear(ENDED)

    assert len(await gather(log, since=str(seen))) == 6 - seen


async def test_who_fell_behind_is_told() -> None:
    """Where messages are gone already the reader is told how many, and goes on with the oldest left."""
    log = EventLog(kept=2)
    for rows in range(9):
        log.hear(read(rows))
    log.hear(ENDED)

    found = await gather(log, since="3")

    assert f"event: {BEHIND}" in found[0]
    assert json.loads(found[0].rpartition("data: ")[2]) == {"missed": 5}
    assert [each.split("\n")[0] for each in found[1:]] == ["id: 9", "id: 10"]


@pytest.mark.parametrize("since", ["", "x", "99999999999999999999", "-1", "７"])
async def test_odd_places_mean_from_now_on(since: str) -> None:
    """An id that is not ours tells nothing of the past, and breaks nothing."""
    log = EventLog()
    log.hear(read(1))
    reading = asyncio.ensure_future(gather(log, since=since))
    for _ in range(5):
        await asyncio.sleep(0)
    log.hear(ENDED)

    assert ["run_ended" in each for each in await reading] == [True]


async def test_id_of_an_earlier_server_goes_on() -> None:
    """After a restart ids begin anew; a reader with a higher one hears what comes and does not hang."""
    log = EventLog()
    reading = asyncio.ensure_future(gather(log, since="500"))
    for _ in range(5):
        await asyncio.sleep(0)
    log.hear(ENDED)

    assert len(await reading) == 1


async def test_silence_has_signs_of_life() -> None:
    """A stream on which nothing happens is written to, and ends when the server stops."""
    closing = asyncio.Event()
    parts = pump(EventLog().after, since="", closing=closing, heartbeat_s=0.001)

    first, second = await anext(parts), await anext(parts)
    closing.set()

    assert (first, second) == (b"retry: 1000\n\n", b": alive\n\n")
    assert b"data" not in b"".join([part async for part in parts])


async def test_failing_source_ends_the_stream() -> None:
    """An error of the source is raised and leaves no task behind."""

    async def broken(since: str) -> Sequence[Message]:
        raise OSError(since)

    with pytest.raises(OSError, match="7"):
        [part async for part in pump(broken, since="7", closing=asyncio.Event())]

    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


def test_streams_are_counted() -> None:
    """S37: one session has six streams and all together two hundred; closing one makes room."""
    streams = Streams(per_session=2, in_all=3)

    with streams.listening("a"), streams.listening("a"):
        with pytest.raises(Refused, match="At most 2 streams"), streams.listening("a"):
            raise AssertionError
        with streams.listening("b"), pytest.raises(Refused), streams.listening("c"):
            raise AssertionError
        with streams.listening("c"):
            pass
    with streams.listening("a"):
        pass

    assert not streams._open


async def test_stream_counts_once_from_its_first_byte_to_its_last() -> None:
    """S37: two that come at once for the last place: one is told, the other refused before anything is sent."""
    sent: list[str] = []
    streams, told, go_on = Streams(per_session=1), asyncio.Event(), asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        await go_on.wait()

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if message.get("body"):
            told.set()

    first, second = (EventStream(pieces(), counted=streams.listening("a")) for _ in range(2))
    never_begun = EventStream(pieces(), counted=streams.listening("a"))
    scope: Any = {"type": "http", "asgi": {"spec_version": "2.4"}}
    stays: Any = asyncio.Event().wait
    telling = asyncio.ensure_future(first(scope, stays, send))
    await told.wait()

    with pytest.raises(Refused, match="At most 1 streams"):
        await second(scope, stays, send)
    assert sent == ["http.response.start", "http.response.body"]
    go_on.set()
    await telling
    assert never_begun.media_type == "text/event-stream"
    assert not streams._open
