"""One renderer's process, seen from outside: started, asked, and killed when it does not answer.

Knows how a process is started with next to nothing of our own (no environment, no files but three
pipes, its own session) and how it is read from its remains why it died. Refuses to know templates.
The processes of weft that render foreign templates are started here and nowhere else.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from weft.kit.clocks import Clock
from weft.templates.worker_limits import RenderLimits
from weft.templates.worker_pipes import ENDED, MEMORY, WALL, Broken, Pipes, PolledPipes, WatchedPipes
from weft.templates.worker_sizes import confine_on_windows, resident_bytes, windows_folder

COMMAND = (sys.executable, "-I", "-m", "weft.templates.worker_main")
CPU, CRASH, START = "cpu", "crash", "start"
GRACE_S = 0.5  # for a process that was told to end, before it is killed
REMAINS = 65_536  # bytes read of what a dead process wrote down
_MARKS = re.compile(rb"\.*")
_FRAME = re.compile(rb'File "<template>", line (\d+)')


class Died(Exception):
    """A process is no more.

    Attributes:
        why: `cpu`, `memory`, `wall`, `crash`, or `start` where it never began to work.
        row: rows of the last request that it had begun; 0 where it was not told.
        code_line: line of compiled template code that it worked at; 0 where it is not known.
        words: the last line that it wrote, for `start` and `crash`.
    """

    def __init__(self, why: str, remains: bytes) -> None:
        """Read what the process left on its standard error."""
        super().__init__(why)
        marks = _MARKS.match(remains)
        frame = _FRAME.search(remains)
        lines = remains.decode("utf-8", "replace").strip(". \n").splitlines()
        self.why = why
        self.row = len(marks[0]) if marks else 0
        self.code_line = int(frame[1]) if frame else 0
        self.words = lines[-1].strip() if lines else ""


class Worker:
    """A process that answers one request after the other; not for two threads at once.

    Attributes:
        pid: its number.
        lives: it can be asked.
        forks: it replaces its working child by itself; known once it has answered.
    """

    def __init__(self, limits: RenderLimits, *, clock: Clock, command: Sequence[str] = COMMAND) -> None:
        """Start the process without waiting for it.

        Args:
            limits: what it may take.
            clock: only its monotonic time is read.
            command: how it is started.
        """
        self._limits, self._clock = limits, clock
        self._owner = os.getpid()
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=Path(sys.executable).anchor,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is ours alone
        )
        self.pid = self._process.pid
        self.lives, self.forks = True, False
        self._at_work = self.pid  # its child, as soon as that has compiled something
        self._notes: tuple[str, ...] | None = None
        self._job = self._confine()
        self._pipes = self._connect()

    def ask(self, request: Mapping[str, Any]) -> Any:
        """Send a request and wait for its answer.

        Raises:
            Died: it does not answer; what it had compiled is forgotten, and `lives` says whether
                it can be asked again.
        """
        try:
            self.greeted()
            self._remains()  # drop the marks of the last request
            reply = self._pipes.exchange(request, self._clock.monotonic() + self._limits.wall_s)
        except Broken as exc:
            raise Died(*self._bury(exc.why)) from exc
        except BaseException:
            self.kill()
            raise
        if not isinstance(reply, dict):
            self.kill()
            raise Died(CRASH, b"")
        if "died" in reply:
            remains = self._remains()
            status = reply["died"]
            raise Died(_reason(status if isinstance(status, int) else 1, remains), remains)
        self._at_work = reply.get("pid", self._at_work)
        return reply

    def greeted(self) -> tuple[str, ...]:
        """Wait until the process is ready; say what its platform does not enforce.

        Raises:
            Died: it does not begin to work.
        """
        if self._notes is None:
            try:
                limits = {"limits": asdict(self._limits)}
                found = self._pipes.exchange(limits, self._clock.monotonic() + self._limits.start_s)
                notes, self.forks = [str(each) for each in found["notes"]], bool(found["forks"])
            except Broken as exc:
                raise Died(START, self._bury(exc.why)[1]) from exc
            except (LookupError, TypeError) as exc:
                self.kill()
                raise Died(START, b"it greets in another way") from exc
            self._notes = (*notes, *self._outer_notes())
        return self._notes

    def kill(self) -> None:
        """End the process and its child at once; harmless when repeated.

        In a copy of ourselves, made by `fork`, only let go of it.
        """
        if self.is_ours:
            self._signal("SIGKILL")
            self._process.wait()
        self._close_pipes()

    @property
    def is_ours(self) -> bool:
        """Whether this process has started it, and not one that this was copied from."""
        return self._owner == os.getpid()

    def _outer_notes(self) -> list[str]:
        if sys.platform == "win32":
            limited = "" if self._job else "memory is not limited: no job object could be made"
            return [note for note in ("processor time is limited by the clock only", limited) if note]
        return ["memory is watched, not limited"] if sys.platform == "darwin" else []

    def _bury(self, why: str) -> tuple[str, bytes]:
        """See a broken process end; why it did, and what it has written down."""
        if why != ENDED:
            self._signal("SIGPROF")  # who is at work writes down where, and ends
            with contextlib.suppress(Broken):
                if "died" in self._pipes.receive(self._clock.monotonic() + GRACE_S):
                    return why, self._remains()
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_S)
        self._signal("SIGKILL")
        status = self._process.wait()
        remains = self._remains()
        self._close_pipes()
        return (_reason(status, remains) if why == ENDED else why), remains

    def _signal(self, name: str) -> None:
        """Send a signal to the process and its child, which are a session of their own."""
        self.lives = name != "SIGKILL"
        if self._process.returncode is not None:
            return
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, getattr(signal, name))
        elif name == "SIGKILL":
            self._process.kill()

    def _remains(self) -> bytes:
        stream = self._process.stderr
        if stream is None or stream.closed or (sys.platform == "win32" and self.lives):
            return b""
        found = b""
        with contextlib.suppress(OSError):
            if sys.platform != "win32":
                os.set_blocking(stream.fileno(), False)  # somebody else might hold the other end
            while len(found) < REMAINS and (more := os.read(stream.fileno(), REMAINS)):
                found += more
        return found

    def _confine(self) -> int:
        if sys.platform == "win32":
            return confine_on_windows(int(self._process._handle), self._limits.memory)  # noqa: SLF001 - subprocess offers no other
        return 0

    def _connect(self) -> Pipes:
        assert self._process.stdin is not None  # all three were asked for
        assert self._process.stdout is not None  # likewise
        writes, reads = self._process.stdin.fileno(), self._process.stdout.fileno()
        is_large = self._is_large if sys.platform == "darwin" else None
        if sys.platform == "win32":
            return WatchedPipes(writes, reads, clock=self._clock, is_large=is_large, kill=self._process.kill)
        return PolledPipes(writes, reads, clock=self._clock, is_large=is_large)

    def _is_large(self) -> bool:
        return (resident_bytes(self._at_work) or 0) > self._limits.memory

    def _close_pipes(self) -> None:
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


def _environment() -> dict[str, str]:
    folder = windows_folder()
    return {"SYSTEMROOT": folder} if folder else {}


def _reason(status: int, remains: bytes) -> str:
    """Why a process ended by itself, from its exit status and its last words."""
    if remains.rstrip().endswith(b"MemoryError"):
        return MEMORY
    if sys.platform == "win32":
        return CRASH
    return {-signal.SIGPROF: CPU, -signal.SIGALRM: WALL, -signal.SIGXCPU: CPU}.get(status, CRASH)


__all__ = ["COMMAND", "CPU", "CRASH", "MEMORY", "START", "WALL", "Died", "Worker"]
