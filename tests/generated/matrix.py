"""Every (kind, variant) pair of weft's own pack of code, with its example spec and all its switches.

Knows where examples lie: `example.<kind>.yaml` beside a variant, or `example.yaml` for all its kinds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path

from weft.errors import WeftError
from weft.variants.generating import Generated, generate
from weft.variants.library import VariantLibrary, has_template
from weft.variants.module_spec import ModuleSpec
from weft.variants.specs import read_spec
from weft.variants.variant import Variant, VariantPack


class KeptLibrary(VariantLibrary):
    """A library that reads a pack once: nothing changes while a test runs."""

    def pack(self, name: str) -> VariantPack:
        """The pack as it was first read."""
        return _read(name)


@cache
def _read(name: str) -> VariantPack:
    return VariantLibrary().pack(name)


LIBRARY = KeptLibrary()
CACHE = Path(__file__).resolve().parents[2] / ".mypy_cache" / "generated"


@dataclass(frozen=True)
class Pair:
    """One kind of one variant."""

    kind: str
    variant: Variant

    @property
    def name(self) -> str:
        return f"{self.variant.name}-{self.kind}"

    def spec(self) -> ModuleSpec:
        """The example, of this kind and variant."""
        own = self.variant.folder / f"example.{self.kind}.yaml"
        path = own if own.is_file() else self.variant.folder / "example.yaml"
        spec = read_spec(path.read_text(encoding="utf-8"), path=path.name)
        return replace(spec, kind=self.kind, variant=self.variant.name)

    def combinations(self) -> Iterator[dict[str, bool]]:
        """Every combination of the variant's switches."""
        names = [each.name for each in self.variant.switches]
        for values in product((False, True), repeat=len(names)):
            yield dict(zip(names, values, strict=True))

    def modules(self) -> Iterator[tuple[str, Generated]]:
        """The module of every combination, with its name in the table."""
        spec = self.spec()
        for switches in self.combinations():
            on = "+".join(name for name, value in switches.items() if value) or "none"
            yield f"{self.name} [{on}]", generate(replace(spec, switches=switches), library=LIBRARY)


def pack() -> VariantPack:
    """Weft's own pack of code."""
    return LIBRARY.pack("codegen")


def pairs() -> list[Pair]:
    """Every pair that the registry promises, in its order."""
    own = pack()
    return [Pair(kind, variant) for variant in own.variants.values() for kind in variant.kinds]


def has_files(pair: Pair) -> bool:
    """Whether the pair has a template and an example."""
    try:
        pair.spec()
    except (OSError, WeftError):
        return False
    return has_template(pack(), pair.variant, pair.kind)
