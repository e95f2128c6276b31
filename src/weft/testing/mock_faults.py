"""Faults on a real wire: what the table says, done with sockets.

Knows how each kind of delivery goes wrong: silence, hang-up, reset, drip, too few bytes, twice.
Refuses to know which fault comes when, and who pays.
"""

from __future__ import annotations

import asyncio

from weft.kit.clocks import Clock
from weft.testing.fault import Delivery, Fault
from weft.testing.mock_dialects import Dialect
from weft.testing.mock_wire import Wire, write_reply

BYTES_OF_A_DRIP = 1  # per second
FLUSH_S = 0.02  # so that the first half of a reply has left before the reset overtakes it


def turned_away(fault: Fault, dialect: Dialect, *, wall: float) -> bytes:
    """Write the reply of a fault that comes instead of an answer."""
    body = dialect.complain(fault.status, fault.code, fault.meaning)
    return write_reply(fault.status, body, fault.headers(wall))


async def deliver(wire: Wire, reply: bytes, delivery: Delivery, *, clock: Clock) -> bytes | None:
    """Send a reply the way a fault wants it; return what is to be sent in the ordinary way."""
    match delivery:
        case Delivery.NEVER:
            await asyncio.get_running_loop().create_future()  # cancelled when the asker hangs up
        case Delivery.HANGUP:
            wire.close()
        case Delivery.RESET:
            wire.send(reply[: _middle_of_body(reply)])
            await clock.sleep(FLUSH_S)
            wire.reset()
        case Delivery.SHORT:
            wire.send(reply[: _middle_of_body(reply)])
            wire.close()
        case Delivery.DRIP:
            await _drip(wire, reply, clock)
        case Delivery.TWICE:
            return reply * 2
        case Delivery.WHOLE:
            return reply
    return None


async def _drip(wire: Wire, reply: bytes, clock: Clock) -> None:
    start = reply.index(b"\r\n\r\n") + 4
    wire.send(reply[:start])
    for place in range(start, len(reply), BYTES_OF_A_DRIP):
        wire.send(reply[place : place + BYTES_OF_A_DRIP])
        await clock.sleep(1.0)


def _middle_of_body(reply: bytes) -> int:
    start = reply.index(b"\r\n\r\n") + 4
    return start + (len(reply) - start) // 2
