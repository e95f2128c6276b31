from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from weft.errors import BadVariant, UnknownName
from weft.variants.library import MAX_BYTES, VariantLibrary, builtin_packs, has_template, resolve
from weft.variants.metadata import VARIANT_FILE
from weft.variants.requirements import Requirements
from weft.variants.selecting import Selector
from weft.variants.variant import Domain, VariantPack

NINE = {
    "minimal",
    "standard",
    "production",
    "database_heavy",
    "api_heavy",
    "kafka_heavy",
    "ml_inference",
    "analytics",
    "workflow",
}
Own = Callable[..., Path]


def test_exactly_nine_variants_come_with_weft(pack: VariantPack) -> None:
    """V01: the registry has the nine names and no others."""
    assert set(pack.variants) == NINE
    assert all(each.is_builtin for each in pack.variants.values())


def test_counts_by_kind_follow_from_the_registry(pack: VariantPack) -> None:
    """V25: effect 7, compute 5, reducer 6, orchestrator 6, counted and not stated."""
    assert pack.counts() == {"effect": 7, "compute": 5, "reducer": 6, "orchestrator": 6}
    assert sum(pack.counts().values()) == sum(len(each.kinds) for each in pack.variants.values())


@pytest.mark.parametrize("name", sorted(NINE))
def test_registry_is_complete(pack: VariantPack, name: str) -> None:
    """V03, V26, V27: each has kinds, features, patterns, figures and a purpose."""
    variant = pack.variants[name]

    assert variant.kinds
    assert variant.features
    assert variant.patterns
    assert variant.performance
    assert variant.recommended_for
    assert variant.serves
    assert 1 <= variant.complexity <= 5


@pytest.mark.parametrize(
    ("name", "figure", "value"),
    [
        ("database_heavy", "latency_p95_ms", 50),
        ("database_heavy", "throughput_per_s", 1000),
        ("api_heavy", "throughput_per_s", 100),
        ("kafka_heavy", "throughput_per_s", 10_000),
        ("ml_inference", "load_s", 5),
        ("analytics", "memory_mb", 100),
        ("workflow", "transition_p95_ms", 10),
    ],
)
def test_targets_can_be_read(pack: VariantPack, name: str, figure: str, value: float) -> None:
    """V27: the targets of the variants are figures that a program can read."""
    assert pack.variants[name].performance[figure] == value


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name.parent.name)
        for name in sorted(builtin_packs().glob(f"codegen/*/{VARIANT_FILE}"))
        for kind in VariantLibrary().variant("codegen", name.parent.name).kinds
    ],
)
def test_every_selectable_pair_has_a_file(pack: VariantPack, kind: str, name: str) -> None:
    """V28, P48: what can be chosen names a template that is there."""
    found = resolve(pack, pack.variants[name], kind)

    assert found.path.is_file()
    assert found.variant.name == name


def test_file_of_the_kind_wins(own: Own) -> None:
    """V28: `<kind>.py.j2` serves before `template.py.j2`."""
    folder = own()
    library = VariantLibrary([folder])
    pack = library.pack("codegen")
    variant = pack.variants["ledger_store"]
    assert resolve(pack, variant, "effect").path.name == "template.py.j2"

    (variant.folder / "effect.py.j2").write_text("pass\n")

    assert resolve(pack, variant, "effect").path.name == "effect.py.j2"


def test_missing_file_falls_back_to_what_it_extends(own: Own) -> None:
    """V28: without a file of its own a variant uses that of the one it extends."""
    base = own("first_store")
    own("second_store", 'extends = "first_store"\n', template="")
    pack = VariantLibrary([base]).pack("codegen")

    found = resolve(pack, pack.variants["second_store"], "effect")

    assert (found.variant.name, found.steps) == ("first_store", 1)


def test_missing_file_is_said_before_anybody_chooses_it(own: Own) -> None:
    """P48: a variant without a template is no candidate, and asking for it says what is missing."""
    pack = VariantLibrary([own(template="")]).pack("codegen")
    variant = pack.variants["ledger_store"]

    assert not has_template(pack, variant, "effect")
    with pytest.raises(BadVariant, match=r"neither `effect.py.j2` nor `template.py.j2`"):
        resolve(pack, variant, "effect")
    chosen = Selector(pack).select(Requirements(kind="effect", text="keeps a ledger"))
    assert chosen.excluded["ledger_store"] == "has no template"


def test_link_out_of_the_folder_is_no_template(own: Own, tmp_path: Path) -> None:
    """A template that is a link to somewhere else is not followed."""
    folder = own(template="")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "codegen" / "ledger_store" / "template.py.j2").symlink_to(tmp_path / "secret.txt")
    pack = VariantLibrary([folder]).pack("codegen")

    assert not has_template(pack, pack.variants["ledger_store"], "effect")


def test_own_variant_takes_over_what_it_extends(own: Own) -> None:
    """V43: a variant of one's own with a base and a speciality is complete and selectable."""
    more = 'extends = "database_heavy"\nfeatures = ["double_entry"]\nterms = ["ledger", "double entry"]\n'
    pack = VariantLibrary([own(more=more)]).pack("codegen")
    found = pack.variants["ledger_store"]

    assert found.domain is Domain.DATABASE
    assert found.features[0] == "double_entry"
    assert "transactions" in found.features
    assert "asyncpg" in found.prerequisites
    assert not found.is_builtin


def test_shadowing_a_builtin_name_is_refused(own: Own) -> None:
    """V43: a variant may not take the name of one of weft's own unnoticed."""
    with pytest.raises(BadVariant, match="weft's own variant") as caught:
        VariantLibrary([own("standard")]).pack("codegen")

    assert 'extends = "standard"' in caught.value.message


def test_describing_a_builtin_pack_again_is_refused(own: Own) -> None:
    """A `pack.toml` of one's own may not replace that of weft."""
    folder = own()
    (folder / "codegen" / "pack.toml").write_text('name = "codegen"\n')

    with pytest.raises(BadVariant, match="is described in"):
        VariantLibrary([folder]).pack("codegen")


def test_circle_of_extends_is_refused(own: Own) -> None:
    """Two variants that extend each other are told with the circle."""
    own("first_store", 'extends = "second_store"\n')
    folder = own("second_store", 'extends = "first_store"\n')

    with pytest.raises(BadVariant, match="circle: `first_store` → `second_store` → `first_store`"):
        VariantLibrary([folder]).pack("codegen")


def test_unknown_base_is_refused_with_the_nearest(own: Own) -> None:
    """A base that does not exist is told with the nearest name."""
    with pytest.raises(BadVariant, match="did you mean `standard`"):
        VariantLibrary([own(more='extends = "standrd"\n')]).pack("codegen")


def test_unknown_variant_is_told_with_the_nearest() -> None:
    """V35: an unknown name is an error with the nearest known ones."""
    with pytest.raises(UnknownName, match="no variant `analytic`") as caught:
        VariantLibrary().variant("codegen", "analytic")

    assert caught.value.facts["nearest"] == ["analytics"]


def test_unknown_pack_is_told_with_the_known() -> None:
    """A pack that does not exist is an error, paths as names included."""
    for name in ("codgen", "../codegen", ""):
        with pytest.raises(UnknownName):
            VariantLibrary().pack(name)


def test_pack_of_ones_own_needs_a_head(own: Own) -> None:
    """A folder that is no pack of weft needs a `pack.toml`."""
    with pytest.raises(BadVariant, match=r"has no `pack.toml`"):
        VariantLibrary([own(pack="mine")]).pack("mine")


def test_huge_and_binary_files_are_refused(own: Own) -> None:
    """A file that is too large or no text is told, not read."""
    folder = own()
    path = folder / "codegen" / "ledger_store" / VARIANT_FILE

    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(BadVariant, match="larger than"):
        VariantLibrary([folder]).pack("codegen")
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(BadVariant, match="not UTF-8"):
        VariantLibrary([folder]).pack("codegen")
