"""Generated modules for tests: made from an example of a pack, checked no further, and imported."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from weft.variants.generating import generate
from weft.variants.library import VariantLibrary
from weft.variants.specs import read_spec

LIBRARY = VariantLibrary()


def example(variant: str, kind: str = "") -> Path:
    """The example of a variant, or of one of its kinds."""
    return LIBRARY.pack("codegen").variants[variant].folder / (
        f"example.{kind}.yaml" if kind else "example.yaml"
    )


def module_of(path: Path, folder: Path, *, switches: Mapping[str, bool] | None = None) -> ModuleType:
    """Generate the module of a spec into a folder and import it under a name of its own."""
    spec = read_spec(path.read_text(encoding="utf-8"), path=str(path))
    spec = replace(spec, switches={**spec.switches, **(switches or {})})
    return imported(generate(spec, library=LIBRARY).text, spec.name, folder)


def imported(text: str, name: str, folder: Path) -> ModuleType:
    """Write a module into a folder and import it; every text is its own module."""
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    own_name = f"generated_{name}_{abs(hash(text))}"
    found = spec_from_file_location(own_name, path)
    assert found is not None and found.loader is not None
    module = module_from_spec(found)
    sys.modules[own_name] = module  # dataclasses look their annotations up there
    found.loader.exec_module(module)
    return module
