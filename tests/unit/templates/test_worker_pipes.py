from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator

import pytest

from weft.kit.clocks import SystemClock
from weft.templates.worker_frames import HEAD, encode
from weft.templates.worker_pipes import ENDED, MEMORY, WALL, Broken, Pipes, PolledPipes, WatchedPipes

CLOCK = SystemClock()
SOON_S, LONG_S = 0.15, 20.0


class OtherEnd:
    """What a process would be: it has the other ends of two pipes, and closes them when it ends."""

    def __init__(self) -> None:
        self.reads, self.their_writes = os.pipe()
        self.their_reads, self.writes = os.pipe()
        self._open = {self.reads, self.writes, self.their_reads, self.their_writes}

    def answer(self, frame: bytes) -> None:
        """Take a whole request in, and write these bytes."""
        head = os.read(self.reads, HEAD.size)
        left = HEAD.unpack(head)[1]
        while left:
            left -= len(os.read(self.reads, left))
        if frame:
            os.write(self.writes, frame)
        else:
            self.end()

    def end(self) -> None:
        """Close what a process would close."""
        for each in (self.reads, self.writes):
            if each in self._open:
                self._open.discard(each)
                os.close(each)

    def close(self) -> None:
        """Close everything."""
        for each in self._open:
            os.close(each)


Make = Callable[..., Pipes]


@pytest.fixture
def other() -> Iterator[OtherEnd]:
    """Two pipes."""
    made = OtherEnd()
    yield made
    made.close()


@pytest.fixture(params=["polled", "watched"])
def make(request: pytest.FixtureRequest, other: OtherEnd) -> Make:
    """The two ways to wait for them."""

    def made(is_large: Callable[[], bool] | None = None) -> Pipes:
        ends = other.their_writes, other.their_reads
        if request.param == "polled":
            return PolledPipes(*ends, clock=CLOCK, is_large=is_large)
        return WatchedPipes(*ends, clock=CLOCK, is_large=is_large, kill=other.end)

    return made


@pytest.mark.parametrize("size", [1, 3_000_000], ids=["small", "larger than a pipe"])
def test_frames_go_and_come(make: Make, other: OtherEnd, size: int) -> None:
    """A frame of any size goes out, and the answer comes back."""
    thread = threading.Thread(target=other.answer, args=(encode({"ok": "y" * 9}),))
    thread.start()

    assert make().exchange({"x": "a" * size}, CLOCK.monotonic() + LONG_S) == {"ok": "y" * 9}
    thread.join()


def test_silence_ends_at_the_deadline(make: Make) -> None:
    """Who waits for a process that says nothing waits until the deadline and no longer."""
    began = CLOCK.monotonic()

    with pytest.raises(Broken) as broken:
        make().exchange({"x": 1}, began + SOON_S)

    assert broken.value.why == WALL
    assert SOON_S <= CLOCK.monotonic() - began < LONG_S


def test_large_process_ends_the_waiting(make: Make) -> None:
    """Where the system does not limit a process's memory, waiting ends when it has grown too large."""
    with pytest.raises(Broken) as broken:
        make(lambda: True).exchange({"x": 1}, CLOCK.monotonic() + LONG_S)

    assert broken.value.why == MEMORY


@pytest.mark.parametrize(
    "frame", [b"", b"noise", HEAD.pack(b"q", 4) + b"nope"], ids=["end", "noise", "no json"]
)
def test_end_and_noise_are_told(make: Make, other: OtherEnd, frame: bytes) -> None:
    """A process that ends, or writes what is no frame, is given up at once."""
    thread = threading.Thread(target=other.answer, args=(frame,))
    thread.start()

    with pytest.raises(Broken) as broken:
        make().exchange({"x": 1}, CLOCK.monotonic() + LONG_S)

    assert broken.value.why == ENDED
    thread.join()
