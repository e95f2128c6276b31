"""The parent's end of a renderer's pipes: a frame goes out, and one comes back before a deadline.

Knows two ways to wait: pipes that can be polled are polled, and the process is looked at in
between; elsewhere a second thread watches and ends the process, which ends the waiting.
Refuses to know what frames say and which process it is.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from typing import Any, Protocol

from weft.kit.clocks import Clock
from weft.templates.worker_frames import HEAD, BadFrame, decode, encode, read_head

PIECE = 1 << 20  # bytes read at once
LOOK_S = 0.02  # between two looks at a process whose memory the system does not limit
WALL, MEMORY, ENDED = "wall", "memory", "ended"


class Broken(Exception):
    """There was no whole frame; `why` is `wall` (too late), `memory` (too large) or `ended`."""

    def __init__(self, why: str) -> None:
        """Keep why."""
        super().__init__(why)
        self.why = why


class Pipes(Protocol):
    """Exchanges frames with a process."""

    def exchange(self, value: Any, deadline: float) -> Any:
        """Write one frame and read one.

        Args:
            value: a plain value.
            deadline: monotonic seconds.

        Raises:
            Broken: there is no answer; the pipes are of no more use.
        """

    def receive(self, deadline: float) -> Any:
        """Read one frame more.

        Raises:
            Broken: there is none, or these pipes cannot be waited for.
        """


class PolledPipes:
    """Pipes of Unix: nobody waits for them longer than until the deadline."""

    def __init__(self, writes: int, reads: int, *, clock: Clock, is_large: Callable[[], bool] | None) -> None:
        """Poll two pipes.

        Args:
            writes: descriptor of the process's input.
            reads: descriptor of its output.
            clock: only its monotonic time is read.
            is_large: whether the process has grown too large; `None` where the system sees to it.
        """
        self._writes, self._reads = writes, reads
        self._clock, self._is_large = clock, is_large
        self._for_writing, self._for_reading = select.poll(), select.poll()
        self._for_writing.register(writes, select.POLLOUT)
        self._for_reading.register(reads, select.POLLIN)
        os.set_blocking(writes, False)
        os.set_blocking(reads, False)

    def exchange(self, value: Any, deadline: float) -> Any:
        """Write one frame and read one."""
        try:
            self._write(encode(value), deadline)
        except OSError as exc:
            raise Broken(ENDED) from exc
        return self.receive(deadline)

    def receive(self, deadline: float) -> Any:
        """Read one frame more."""
        try:
            kind, length = read_head(bytes(self._read(HEAD.size, deadline)))
            return decode(kind, self._read(length, deadline))
        except (OSError, BadFrame) as exc:
            raise Broken(ENDED) from exc

    def _write(self, frame: bytes, deadline: float) -> None:
        left = memoryview(frame)
        while left:
            try:
                left = left[os.write(self._writes, left) :]
            except BlockingIOError:
                self._wait(self._for_writing, deadline)

    def _read(self, length: int, deadline: float) -> bytearray:
        found = bytearray()
        while len(found) < length:
            self._wait(self._for_reading, deadline)
            more = os.read(self._reads, min(length - len(found), PIECE))
            if not more:
                raise Broken(ENDED)
            found += more
        return found

    def _wait(self, poll: Any, deadline: float) -> None:
        while True:
            left = max(0.0, deadline - self._clock.monotonic())
            if poll.poll(1000 * (left if self._is_large is None else min(left, LOOK_S))):
                return  # even if we slept over the deadline ourselves
            if left == 0:
                raise Broken(WALL)
            if self._is_large is not None and self._is_large():
                raise Broken(MEMORY)


class WatchedPipes:
    """Pipes that cannot be polled: a thread watches the process, and ends it when its time has come."""

    def __init__(
        self,
        writes: int,
        reads: int,
        *,
        clock: Clock,
        is_large: Callable[[], bool] | None,
        kill: Callable[[], None],
    ) -> None:
        """Wait for two pipes.

        Args:
            writes, reads, clock, is_large: as for `PolledPipes`.
            kill: ends the process, from another thread.
        """
        self._writes, self._reads = writes, reads
        self._clock, self._is_large, self._kill = clock, is_large, kill

    def exchange(self, value: Any, deadline: float) -> Any:
        """Write one frame and read one."""
        done, found = threading.Event(), list[str]()
        watch = threading.Thread(target=self._watch, args=(deadline, done, found), daemon=True)
        watch.start()
        try:
            return self._exchange(encode(value))
        except (OSError, BadFrame) as exc:
            raise Broken(found[0] if found else ENDED) from exc
        finally:
            done.set()
            watch.join()

    def receive(self, deadline: float) -> Any:  # noqa: ARG002 - the protocol's
        """Refuse: nobody ends a process here that has been told to end already."""
        raise Broken(ENDED)

    def _exchange(self, frame: bytes) -> Any:
        left = memoryview(frame)
        while left:
            left = left[os.write(self._writes, left) :]
        kind, length = read_head(self._read(HEAD.size))
        return decode(kind, self._read(length))

    def _read(self, length: int) -> bytes:
        found = bytearray()
        while len(found) < length:
            more = os.read(self._reads, min(length - len(found), PIECE))
            if not more:
                raise BadFrame("the process has ended")
            found += more
        return bytes(found)

    def _watch(self, deadline: float, done: threading.Event, found: list[str]) -> None:
        while not done.wait(max(0.0, min(LOOK_S, deadline - self._clock.monotonic()))):
            is_late = self._clock.monotonic() >= deadline
            if is_late or (self._is_large is not None and self._is_large()):
                found.append(WALL if is_late else MEMORY)
                self._kill()
                return
