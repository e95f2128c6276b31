from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from weft.variants.library import VariantLibrary
from weft.variants.selecting import Selector
from weft.variants.variant import VariantPack
from weft.variants.weighing import own_weights


@pytest.fixture(scope="session")
def pack() -> VariantPack:
    """The pack of code that comes with weft."""
    return VariantLibrary().pack("codegen")


@pytest.fixture(params=["v1", "v2"])
def selector(request: pytest.FixtureRequest, pack: VariantPack) -> Selector:
    """A selector by each of weft's weights; the files of templates are not looked at."""
    return Selector(pack, weights=own_weights(request.param), exists=lambda *_: True)


@pytest.fixture
def learnt(pack: VariantPack) -> Selector:
    """A selector by the default weights; the files of templates are not looked at."""
    return Selector(pack, exists=lambda *_: True)


VARIANT = """name = "{name}"
version = "1.0.0"
description = "Keeps a ledger in which every entry has its counter-entry."
kinds = ["effect"]
complexity = 3
"""


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., Path]:
    """Writes a variant of one's own into a pack; returns the folder of packs."""

    def write(
        name: str = "ledger_store", more: str = "", *, pack: str = "codegen", template: str = "pass\n"
    ) -> Path:
        folder = tmp_path / "variants" / pack / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "variant.toml").write_text(VARIANT.format(name=name) + more, encoding="utf-8")
        if template:
            (folder / "template.py.j2").write_text(template, encoding="utf-8")
        return tmp_path / "variants"

    return write
