from __future__ import annotations

import struct

import pytest

from weft.templates.worker_seccomp import CALLS, MACHINES, TO_ITSELF, program

ALLOWED, REFUSED, KILLED = 0x7FFF0000, 0x00050001, 0x80000000
OPENS = {"x86_64": {"open": 2, "openat": 257, "socket": 41, "clone": 56, "fork": 57, "execve": 59, "kill": 62, "unlink": 87, "x32_open": 0x40000002, "openat2": 437, "clone3": 435, "ptrace": 101, "prctl": 157, "io_uring_setup": 425},
         "aarch64": {"openat": 56, "socket": 198, "clone": 220, "execve": 221, "kill": 129, "unlinkat": 35, "openat2": 437, "clone3": 435, "ptrace": 117, "prctl": 167, "io_uring_setup": 425}}  # fmt: skip


def judge(steps: bytes, *, arch: int, number: int, argument: int = 0) -> int:
    """Run a filter as the kernel does: loads, jumps where equal, and returns."""
    data = struct.pack("<IIQ6Q", number, arch, 0, argument, 0, 0, 0, 0, 0)
    loaded, at = 0, 0
    while True:
        code, if_equal, if_not, value = struct.unpack_from("=HBBI", steps, 8 * at)
        at += 1
        if code == 0x20:
            (loaded,) = struct.unpack_from("<I", data, value)
        elif code == 0x15:
            at += if_equal if loaded == value else if_not
        else:
            assert code == 0x06
            return int(value)


@pytest.mark.parametrize("machine", list(MACHINES))
def test_only_what_rendering_needs_is_allowed(machine: str) -> None:
    """Of a thousand system calls just those of the table are let through."""
    column, arch = MACHINES[machine]
    steps = program(machine, 77)
    numbers = {each[column] for each in CALLS.values()}

    found = {n for n in range(1000) if judge(steps, arch=arch, number=n) == ALLOWED}

    assert found == numbers
    assert all(judge(steps, arch=arch, number=n) == REFUSED for n in OPENS[machine].values())


@pytest.mark.parametrize("machine", list(MACHINES))
def test_signals_go_to_itself_only(machine: str) -> None:
    """A process may end itself by a signal, and signal nobody else."""
    column, arch = MACHINES[machine]
    steps = program(machine, 77)

    assert judge(steps, arch=arch, number=TO_ITSELF[column], argument=77) == ALLOWED
    assert judge(steps, arch=arch, number=TO_ITSELF[column], argument=78) == REFUSED


def test_calls_of_another_machine_end_the_process() -> None:
    """Numbers mean something else in another calling convention, so none of them is looked up."""
    assert judge(program("x86_64", 1), arch=MACHINES["aarch64"][1], number=0) == KILLED
