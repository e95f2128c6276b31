"""The walls that a renderer's process raises around itself before it reads a template.

Knows limits of memory, files, processes and processor time, and how a row that takes too long is
stopped: first by an exception between two steps of Python, then, where it hangs inside one step, by
a signal that writes the line down and ends the process. Says what a platform does not enforce.
Refuses to know templates and pipes.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
from types import FrameType

from weft.templates import worker_seccomp
from weft.templates.worker_limits import RenderLimits

if sys.platform != "win32":
    import resource

STDERR = 2


class Stopped(BaseException):
    """A row has used up its time; no code of templates catches it."""


class Stopwatch:
    """Stops what takes too much of the processor; all of it is silent where there are no timers."""

    def __init__(self, limits: RenderLimits) -> None:
        """Set the signals of this process."""
        self._limits = limits
        self._is_running = False
        self.works = hasattr(signal, "setitimer")
        if self.works:
            signal.signal(signal.SIGVTALRM, self._stop)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            # Writes the line down, inside a step of Python too, and then lets the signal end us.
            faulthandler.register(signal.SIGPROF, file=STDERR, all_threads=False, chain=True)

    def begin_request(self) -> None:
        """Let nothing of this request last for ever."""
        if self.works:
            signal.setitimer(signal.ITIMER_REAL, self._limits.wall_s + 1)

    def begin_row(self) -> None:
        """Give the next row its time."""
        if self.works:
            self._is_running = True
            signal.setitimer(signal.ITIMER_VIRTUAL, self._limits.row_cpu_s)
            signal.setitimer(signal.ITIMER_PROF, self._limits.kill_cpu_s)

    def begin_load(self) -> None:
        """Give compiling its time."""
        if self.works:
            self._is_running = True
            signal.setitimer(signal.ITIMER_VIRTUAL, self._limits.load_cpu_s)
            signal.setitimer(signal.ITIMER_PROF, 1.2 * self._limits.load_cpu_s)

    def rest(self) -> None:
        """Stop measuring."""
        self._is_running = False
        if self.works:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.setitimer(signal.ITIMER_PROF, 0)

    def end_request(self) -> None:
        """Wait for the next request as long as it takes."""
        if self.works:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _stop(self, _signum: int, _frame: FrameType | None) -> None:
        # A timer that was set again since it fired belongs to the next row.
        if self._is_running and signal.getitimer(signal.ITIMER_VIRTUAL)[0] == 0:
            raise Stopped


def raise_walls(limits: RenderLimits) -> list[str]:
    """Give up memory, files, network and processes; say what could not be given up.

    After this nothing can be imported, opened, connected or started in this process.
    """
    if sys.platform == "win32":
        return ["files and network are not limited on this platform"]
    notes = []
    hard = {
        "RLIMIT_AS": limits.memory,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_NPROC": 0,
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": limits.life_cpu_s,
        "RLIMIT_NOFILE": 0,  # the pipes stay open, nothing else can be opened
    }
    for name, most in hard.items():
        try:
            kind = getattr(resource, name)
            resource.setrlimit(kind, (most, most))
        except (AttributeError, OSError, ValueError):
            notes.append(f"{name} cannot be set")
    if sys.platform == "linux":
        if why := worker_seccomp.close_everything():
            notes.append(why)
    else:
        notes.append("only open files are limited, not every system call")
    return notes


def spent_cpu_s() -> float:
    """Processor seconds of this process so far; 0 where they cannot be told."""
    if sys.platform == "win32":
        return 0.0
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
