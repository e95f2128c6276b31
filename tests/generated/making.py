"""Make a module from an example spec, import it, and hand it to a test as any user would have it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from weft.variants.generating import Generated, generate
from weft.variants.library import VariantLibrary, builtin_packs
from weft.variants.specs import read_spec

PACK = builtin_packs() / "codegen"


def made(example: str, *, switches: Mapping[str, bool] | None = None) -> Generated:
    """Generate the module of an example such as `database_heavy/example.yaml`."""
    path = PACK / example
    spec = read_spec(path.read_text(encoding="utf-8"), path=str(path))
    if switches is not None:
        spec = replace(spec, switches={**spec.switches, **switches})
    return generate(spec, library=VariantLibrary())


def module_of(example: str, folder: Path, *, switches: Mapping[str, bool] | None = None) -> ModuleType:
    """Write the module of an example into a folder and import it from there."""
    return imported(made(example, switches=switches), folder)


def imported(generated: Generated, folder: Path) -> ModuleType:
    """Write a module into a folder and import it from there."""
    path = folder / generated.path
    path.write_text(generated.text, encoding="utf-8")
    name = f"generated_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
