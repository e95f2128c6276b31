"""Golden files: the code of one small spec for each variant; `make golden` writes them anew.

They hold the code as templates write it, before it is formatted, so that no version of a formatter
changes them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from weft.variants.generating import generate
from weft.variants.library import VariantLibrary
from weft.variants.specs import read_spec

GOLDEN = Path(__file__).parent / "golden"


def names() -> list[str]:
    """Names of the specs, one for each variant."""
    return sorted(path.stem for path in GOLDEN.glob("*.yaml"))


def made(name: str) -> str:
    """The code of one of them."""
    path = GOLDEN / f"{name}.yaml"
    spec = read_spec(path.read_text(encoding="utf-8"), path=path.name)
    return generate(spec, library=VariantLibrary()).code


def golden(name: str) -> Path:
    """Where the code of one of them is kept."""
    return GOLDEN / f"{name}.py.txt"


def write() -> None:
    """Write every golden file anew."""
    for name in names():
        path, code = golden(name), made(name)
        if not path.exists() or path.read_text(encoding="utf-8") != code:
            path.write_text(code, encoding="utf-8")
            sys.stdout.write(f"{path.name} written\n")


if __name__ == "__main__":
    write()
