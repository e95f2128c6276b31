"""Who owns a run: this process by name, and whether another owner is surely dead.

Knows the machine, its boot, the process and its start, as far as the system tells.
Refuses to guess: where it cannot be sure that an owner is dead, the owner's heartbeat decides.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

_SEPARATOR = "|"
_STATE_FIELD = 0  # of /proc/<pid>/stat behind the command's closing bracket: one letter
_START_FIELD = 19  # likewise: ticks since boot
_ENDED = ("Z", "X")  # ended, but its parent has not asked yet how: in a container it may never


def this_owner(suffix: str = "") -> str:
    """Name this process: machine, process, start, and a suffix to tell its runners apart.

    Args:
        suffix: whatever keeps two runners of one process apart; empty if there is only one.
    """
    pid = os.getpid()
    return _SEPARATOR.join((_machine(), str(pid), _started(pid), suffix))


def is_surely_dead(owner: str) -> bool:
    """Whether the owner was a process of this machine that is gone.

    False for owners of other machines, of other process name spaces (containers) and for names
    that `this_owner` did not make: nothing is known about them here.
    """
    machine, *rest = owner.split(_SEPARATOR)
    if machine != _machine() or len(rest) != 3 or not rest[0].isdigit():
        return False
    pid, started = int(rest[0]), rest[1]
    if not _is_there(pid) or _stat(pid, _STATE_FIELD) in _ENDED:
        return True
    return bool(started) and _started(pid) != started  # the number was given to another process


def _machine() -> str:
    boot = _read("/proc/sys/kernel/random/boot_id")
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return f"{socket.gethostname()}/{boot}/{space}"


def _started(pid: int) -> str:
    return _stat(pid, _START_FIELD)


def _stat(pid: int, at: int) -> str:
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[at] if len(fields) > at else ""


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is there, and not ours
        return True
    return True


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
