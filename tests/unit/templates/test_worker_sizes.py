from __future__ import annotations

import ctypes
import os
import sys

from weft.templates.worker_sizes import _ExtendedLimits, confine_on_windows, resident_bytes, windows_folder


def test_other_platforms_are_asked_nothing() -> None:
    """Each of these speaks to one platform and is silent on the others."""
    assert (resident_bytes(os.getpid()) is not None) == (sys.platform == "darwin")
    assert confine_on_windows(0, 1) == 0
    assert bool(windows_folder()) == (sys.platform == "win32")


def test_limits_of_a_job_have_their_documented_size() -> None:
    """The structure that Windows reads is 144 bytes long in a process of 64 bits."""
    assert ctypes.sizeof(ctypes.c_void_p) != 8 or ctypes.sizeof(_ExtendedLimits) == 144
