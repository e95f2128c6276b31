"""Holds the beginning of an answer back until its body is seen, for who changes both.

Knows that only an answer whose body comes in one piece can be changed: a stream passes as it is.
Refuses to know what is changed.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import Message, Send


def withheld(
    send: Send, *, wanted: Callable[[Message], bool], change: Callable[[Message, Message], Message]
) -> Send:
    """Make the sender that lets whole answers be changed.

    Args:
        send: where messages go.
        wanted: whether an answer that begins so is to be changed at all.
        change: takes the beginning, which it may change in place, and the body; returns the body.
    """
    start: Message | None = None

    async def sent(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start" and wanted(message):
            start = message
            return
        if start is not None:
            first, start = start, None
            if not message.get("more_body"):
                message = change(first, message)
            await send(first)
        await send(message)

    return sent
