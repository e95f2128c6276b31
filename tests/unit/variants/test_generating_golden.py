"""One small module of each variant, as it is written today: golden files show what a change changes.

`make golden` writes them anew; look at the difference before you commit it.
"""

from __future__ import annotations

import pytest
from tests.unit.variants.goldens import GOLDEN, golden, made, names

from weft.variants.variant import VariantPack


@pytest.mark.parametrize("name", names())
def test_module_is_as_it_was(name: str) -> None:
    """The code of a small spec is what its golden file says; if that is meant to change: `make golden`."""
    assert golden(name).read_text(encoding="utf-8") == made(name), f"`make golden` writes `{name}` anew"


def test_each_variant_has_a_golden_file(pack: VariantPack) -> None:
    """Every variant of weft has one, and none is left over."""
    assert set(names()) == set(pack.variants)
    assert {path.name for path in GOLDEN.glob("*.py.txt")} == {golden(name).name for name in names()}
