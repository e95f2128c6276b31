"""Linux: leave a process nothing but its open pipes, its memory and the processor.

Knows the few system calls that a rendering interpreter needs; the kernel refuses every other one
(no file, no socket, no new process, no signal to anybody else), also to root and whatever Python
code runs. The filter is classic BPF, set by `prctl` through ctypes. Refuses to know templates.
Numbers: the kernel's tables `arch/x86/entry/syscalls/syscall_64.tbl` and `asm-generic/unistd.h`.
"""

from __future__ import annotations

import ctypes
import os
import struct

# the number of each call on x86_64 and on aarch64
CALLS = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "getitimer": (36, 102),
    "setitimer": (38, 103),
    "getpid": (39, 172),
    "exit": (60, 93),
    "gettimeofday": (96, 169),
    "getrusage": (98, 165),
    "sigaltstack": (131, 132),
    "gettid": (186, 178),
    "futex": (202, 98),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "exit_group": (231, 94),
    "getrandom": (318, 278),
    "rseq": (334, 293),
}
TO_ITSELF = (234, 131)  # tgkill: only to its own process, which is how a signal ends it
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column of CALLS, audit number

_LOAD, _EQUALS, _RETURN = 0x20, 0x15, 0x06
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16  # in struct seccomp_data, little endian
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # refuse = errno 1, EPERM
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2


def program(machine: str, pid: int) -> bytes:
    """Assemble the filter: eight bytes an instruction.

    Args:
        machine: a key of `MACHINES`.
        pid: the process that it is for.
    """
    column, audit = MACHINES[machine]
    allowed = [numbers[column] for numbers in CALLS.values()]
    steps: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_EQUALS, 1, 0, audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    for at, number in enumerate(allowed):
        steps.append((_EQUALS, len(allowed) - at + 4, 0, number))  # over what follows, to `_ALLOW`
    steps += [
        (_EQUALS, 1, 0, TO_ITSELF[column]),
        (_RETURN, 0, 0, _REFUSE),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_EQUALS, 1, 0, pid),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def close_everything() -> str:
    """Set the filter for this process, for ever; say why where that cannot be done, else ``."""
    machine = os.uname().machine
    if machine not in MACHINES:
        return f"no filter of system calls is known for {machine}"
    steps = program(machine, os.getpid())
    memory = ctypes.create_string_buffer(steps, len(steps))
    listed = _Program(len(steps) // 8, ctypes.cast(memory, ctypes.c_void_p))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    if prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return "the kernel does not let a process give up privileges"
    if prctl(_SET_SECCOMP, _FILTER, ctypes.addressof(listed), 0, 0) != 0:
        return "the kernel takes no filter of system calls"
    return ""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))
