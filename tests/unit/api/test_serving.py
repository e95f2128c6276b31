"""Listening: where, and how quickly answers leave."""

from __future__ import annotations

import asyncio
import socket

from weft.api.serving import bind


async def test_answers_leave_at_once() -> None:
    """A connection that was accepted holds nothing back: on a kept one each answer would wait 40 ms otherwise."""
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs = writer.get_extra_info("socket")
        accepted.set_result(theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with bind("127.0.0.1", 0) as listener:
        async with await asyncio.start_server(answer, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname()[:2])
            held_back = await accepted == 0
            writer.close()

    assert not held_back
