"""How long until weft is there, and what does it load?

    python benchmarks/startup.py

Times `import weft` and `weft --help` as whole processes beside a bare `python -c pass` of the same
run, the median of nine. Absolute goals hold on an idle machine: 150 ms and 300 ms.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 9
HEAVY = (
    "pandas",
    "polars",
    "pyarrow",
    "openpyxl",
    "aiohttp",
    "sqlalchemy",
    "alembic",
    "fastapi",
    "starlette",
)
CASES = {
    "python -c pass": (["-c", "pass"], None),
    "import weft": (["-c", "import weft"], 0.150),
    "weft --help": (["-m", "weft", "--help"], 0.300),
}


def seconds(arguments: list[str]) -> float:
    """Time one process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def loaded(arguments: list[str]) -> list[str]:
    """Name the heavy libraries that a process has loaded when it ends."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], check=True, capture_output=True, text=True
    )
    names = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    return sorted(names & set(HEAVY))


def main() -> None:
    """Print the table; exit 1 where a goal is missed."""
    held = True
    print(f"{'':18}{'ms':>6}{'goal':>7}{'of a bare python':>19}   heavy libraries loaded")
    bare = 0.0
    for name, (arguments, goal) in CASES.items():
        seconds(arguments)
        took = statistics.median([seconds(arguments) for _ in range(RUNS)])
        bare = bare or took
        heavy = loaded(arguments)
        held &= not heavy and (goal is None or took <= goal)
        said = "" if goal is None else f"{goal * 1000:.0f}"
        print(f"{name:18}{took * 1000:>6.0f}{said:>7}{took / bare:>18.1f}x   {', '.join(heavy) or 'none'}")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
