"""Try generated modules in a process of their own: import each file and run its smoke test.

Started by `proving.py` as a script, never imported by the house; writes one line of JSON before and
after each step, so that whoever reads them knows where a process that hangs has stopped.
Refuses to know weft: it uses the standard library only.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import traceback
from pathlib import Path


def tell(**facts: object) -> None:
    """Write one line of JSON at once."""
    sys.__stdout__.write(json.dumps(facts) + "\n")  # type: ignore[union-attr]  # a process of ours has one
    sys.__stdout__.flush()  # type: ignore[union-attr]  # see above


def line_in(error: BaseException, path: str) -> int:
    """The last line of a file that an error passed through; 0 where it passed through none."""
    lines = [
        frame.lineno or 0 for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path
    ]
    return lines[-1] if lines else 0


def attempt(path: str, place: int) -> None:
    """Import one file and run its smoke test, telling what happens."""
    step = "import"
    tell(path=path, step=step)
    try:
        spec = importlib.util.spec_from_file_location(f"generated_{place}", path)
        assert spec is not None, "a path that ends in .py"
        assert spec.loader is not None, "a file has a loader"
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        step = "smoke"
        tell(path=path, step=step)
        module.smoke_test()
    except BaseException as exc:  # noqa: BLE001 - whatever goes wrong is what is asked for
        tell(path=path, step=step, error=f"{type(exc).__name__}: {exc}"[:500], line=line_in(exc, path))
        return
    tell(path=path, step="done")


if __name__ == "__main__":
    sys.stdout = sys.stderr  # what modules print is no report
    for place, path in enumerate(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))):
        attempt(path, place)
