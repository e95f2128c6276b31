"""Who owns a run, and who is surely dead."""

from __future__ import annotations

import os
import subprocess
import sys

from weft.store.owners import is_surely_dead, this_owner


def test_living_process_is_not_dead():
    """This process is alive under its own name, whatever the suffix."""
    assert not is_surely_dead(this_owner())
    assert not is_surely_dead(this_owner("runner 2"))


def test_suffix_tells_runners_apart():
    """Two runners of one process are two owners."""
    assert this_owner("a") != this_owner("b")
    assert this_owner("a") == this_owner("a")


def test_ended_process_is_dead():
    """A process of this machine that has ended is surely dead."""
    code = "from weft.store.owners import this_owner; print(this_owner())"
    owner = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()

    assert is_surely_dead(owner)


def test_killed_process_is_dead_before_its_parent_asks():
    """L1: in a container without an init a killed process stays in the list; it is dead all the same."""
    code = "from weft.store.owners import this_owner; print(this_owner(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        owner = process.stdout.readline().strip()
        assert not is_surely_dead(owner)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is not reaped

        assert is_surely_dead(owner)


def test_recycled_number_is_another_process():
    """A process with the same number that began at another time is not the owner."""
    machine, pid, started, suffix = this_owner().split("|")

    assert is_surely_dead("|".join((machine, pid, started + "0", suffix)))


def test_unknown_start_is_no_proof():
    """Where the system tells no start time, a living number may be the owner."""
    machine, pid, _, suffix = this_owner().split("|")

    assert not is_surely_dead(f"{machine}|{pid}||{suffix}")


def test_strangers_may_live():
    """Nothing is known about other machines, other containers and other names."""
    _, pid, started, suffix = this_owner().split("|")

    for name in ("life 1", "", "a|b|c|d", f"elsewhere/boot/space|{pid}|{started}|{suffix}"):
        assert not is_surely_dead(name)
