"""How much memory another process holds, and how it is limited from outside.

Knows the one call for it on macOS (`proc_pidinfo`), where limits of address space are not enforced,
and the job objects of Windows, which limit memory and children and end a process with its parent.
On Linux the process limits itself. Refuses to know why anybody asks.
"""

from __future__ import annotations

import ctypes
import sys

_TASK_INFO = 4  # PROC_PIDTASKINFO of <sys/proc_info.h>: virtual size, resident size, …
_TASK_INFO_SIZE = 96
_EXTENDED_LIMITS = 9  # JobObjectExtendedLimitInformation of <winnt.h>
_KILL_ON_CLOSE, _PROCESS_MEMORY, _ACTIVE_PROCESSES = 0x2000, 0x100, 0x8
_DIE_SILENTLY = 0x400


def resident_bytes(pid: int) -> int | None:
    """Memory that a process holds; `None` where this platform is not asked."""
    if sys.platform == "darwin":
        found = ctypes.create_string_buffer(_TASK_INFO_SIZE)
        library = ctypes.CDLL("/usr/lib/libproc.dylib")
        if library.proc_pidinfo(pid, _TASK_INFO, ctypes.c_uint64(0), found, _TASK_INFO_SIZE) >= 16:
            return int.from_bytes(found.raw[8:16], sys.byteorder)
    return None


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("process_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", ctypes.c_uint32),
        ("least_working_set", ctypes.c_size_t),
        ("most_working_set", ctypes.c_size_t),
        ("active_processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority", ctypes.c_uint32),
        ("scheduling", ctypes.c_uint32),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("basic", _BasicLimits),
        ("counters", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process_memory", ctypes.c_size_t),
        ("peak_job_memory", ctypes.c_size_t),
    )


def confine_on_windows(handle: int, memory: int) -> int:
    """Put a process into a job of its own; return the job's handle, 0 where that failed.

    The process ends when the handle is closed, which happens at the latest when we end.

    Args:
        handle: the process's handle.
        memory: bytes that it may hold.
    """
    if sys.platform == "win32":
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = ctypes.c_void_p
        job = kernel.CreateJobObjectW(None, None)
        limits = _ExtendedLimits()
        limits.basic.flags = _KILL_ON_CLOSE | _PROCESS_MEMORY | _ACTIVE_PROCESSES | _DIE_SILENTLY
        limits.basic.active_processes = 1
        limits.process_memory = memory
        is_set = kernel.SetInformationJobObject(
            ctypes.c_void_p(job), _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
        )
        if is_set and kernel.AssignProcessToJobObject(ctypes.c_void_p(job), ctypes.c_void_p(handle)):
            return int(job)
    return 0


def windows_folder() -> str:
    """The folder without which no program of Windows starts; empty elsewhere."""
    if sys.platform == "win32":
        found = ctypes.create_unicode_buffer(260)
        ctypes.WinDLL("kernel32").GetWindowsDirectoryW(found, 260)
        return found.value
    return ""
