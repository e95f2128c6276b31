"""One connection of the server, which does not wait for ever for the head of a request.

Knows that who has connected says within seconds what is wanted; else a few hundred connections that
say nothing would keep everybody out. Refuses to know requests: bodies have their own times (`bodies.py`).
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEAD_S = 15.0  # from a connection, or the first byte of a further request, to the whole head


class PatientProtocol(H11Protocol):
    """Closes a connection whose request does not come; between two requests uvicorn waits five seconds."""

    head_s = HEAD_S
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for a first head."""
        super().connection_made(transport)
        self._waiting = self.loop.call_later(self.head_s, self._give_up)

    def data_received(self, piece: bytes) -> None:
        """Go on waiting until a head is whole."""
        super().data_received(piece)
        cycle: RequestResponseCycle | None = self.cycle  # of the last request whose head was whole
        if cycle is not None and not cycle.response_complete:
            self._stop_waiting()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(self.head_s, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        self._waiting = None
        if not self.transport.is_closing():
            self.transport.close()

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
