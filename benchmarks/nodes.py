"""What do generated modules reach here, against real services?

    python benchmarks/nodes.py [PART ...]

Every file in `benchmarks/nodes` is a part, one for each specialised variant. Each part is measured
in three windows, one after the other, and the best of each figure is shown beside its target: other
work on this machine makes a window worse, never better. Exit 1 where a target is missed.

A part has `prepared()`, which yields what measures one window (`nodes/figures.py`); or `main()`,
which prints its own table in the same way and returns 1 where a target is missed.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

PARTS = Path(__file__).resolve().parent / "nodes"
WINDOWS = 3

sys.path.insert(0, str(PARTS))
from figures import Figure  # noqa: E402 - the parts' own word lies beside them


def part(path: Path) -> ModuleType:
    """Import one part."""
    spec = importlib.util.spec_from_file_location(f"nodes_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def best_of(module: ModuleType) -> list[Figure]:
    """Measure some windows; keep the best of each figure."""
    with module.prepared() as window:
        windows = [window() for _ in range(WINDOWS)]
    best = windows[0]
    for later in windows[1:]:
        best = [one.better(other) for one, other in zip(best, later, strict=True)]
    return best


def shown(figure: Figure) -> str:
    """One line of the table."""
    value = f"{figure.value:,.1f}" if figure.value < 100 else f"{figure.value:,.0f}"
    if figure.target is None:
        return f"  {figure.name:42}{value:>12} {figure.unit}"
    sign = "at least" if figure.more_is_better else "below"
    verdict = "holds" if figure.holds else "DOES NOT HOLD"
    return f"  {figure.name:42}{value:>12} {figure.unit:4} {sign} {figure.target:,g}: {verdict}"


def measured(module: ModuleType) -> bool:
    """Measure one part and print its table; say whether every target holds."""
    if not hasattr(module, "prepared"):
        return not module.main()
    figures = best_of(module)
    print("\n".join(map(shown, figures)), flush=True)
    return all(figure.holds for figure in figures)


def main(wanted: list[str]) -> None:
    """Measure the parts that are wanted, all of them by default."""
    paths = {path.stem: path for path in sorted(PARTS.glob("*.py")) if path.stem != "figures"}
    if unknown := [name for name in wanted if name not in paths]:
        sys.exit(f"There is no part {', '.join(unknown)}; there are {', '.join(paths)}.")
    held = True
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; the best of {WINDOWS} windows")
    for name in wanted or paths:
        print(name, flush=True)
        held = measured(part(paths[name])) and held
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
