"""How much one row of a foreign template may take, and what a renderer's process may take at all.

Knows the numbers; both ends of the pipes read them here. Refuses to know how they are enforced:
`worker_walls.py` does that inside the process, `worker.py` from outside.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderLimits:
    """Limits of confined rendering; the defaults are those of the security study, threat S2.

    Attributes:
        row_cpu_s: processor seconds for one row.
        load_cpu_s: processor seconds for compiling one body.
        chunk_s: seconds after which a chunk is given back as far as it got; no row is refused for it.
            With a last row of `row_cpu_s` a chunk stays well below two processor seconds.
        wall_s: seconds for one request, whatever it does. Far above the processor's limits, so that a
            busy machine refuses no row; shorter where it is all that stops a row, on Windows.
        start_s: seconds until a new process must have said that it is ready.
        memory: bytes of address space of the process.
        chunk_characters: rendered characters after which a chunk is given back as far as it got.
        rows: rows after which the process is replaced by a fresh one.
        life_cpu_s: processor seconds of the whole process, the last net; it is replaced at half.
    """

    row_cpu_s: float = 0.25
    load_cpu_s: float = 1.0
    chunk_s: float = 1.0
    wall_s: float = 2.5 if sys.platform == "win32" else 10.0
    start_s: float = 30.0
    memory: int = 512 * MEBIBYTE
    chunk_characters: int = 4_000_000
    rows: int = 10_000
    life_cpu_s: int = 120

    @property
    def kill_cpu_s(self) -> float:
        """Processor seconds after which a row is killed that could not be stopped politely."""
        return 1.2 * self.row_cpu_s + 0.02
