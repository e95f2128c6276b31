"""Every (kind, variant) pair under every combination of switches, through every check."""

from __future__ import annotations

from time import perf_counter

import pytest
from tests.generated.matrix import CACHE, Pair, has_files, pairs

from weft.variants.generating import Generated
from weft.variants.proving import Proof, prove


@pytest.fixture(scope="module")
def modules() -> dict[str, Generated]:
    """Every module of the matrix."""
    return {name: module for pair in pairs() if has_files(pair) for name, module in pair.modules()}


@pytest.fixture(scope="module")
def proofs(modules: dict[str, Generated]) -> dict[str, Proof]:
    """What became of every module; modules with the same code are proved once."""
    distinct = {module.code: module for module in modules.values()}
    CACHE.mkdir(parents=True, exist_ok=True)
    began = perf_counter()
    found = dict(zip(distinct, prove(list(distinct.values()), cache=CACHE), strict=True))
    print(  # noqa: T201 - the figures are what people look for
        f"\n{len(modules)} modules, {len(distinct)} of them distinct, proved in {perf_counter() - began:.1f} s"
    )
    return {name: found[module.code] for name, module in modules.items()}


@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: pair.name)
def test_every_pair_has_template_and_example(pair: Pair) -> None:
    """P48: what the registry promises is there."""
    assert has_files(pair)


def test_every_pair_of_the_registry_passes_every_check(proofs: dict[str, Proof]) -> None:
    """V31, V42, P48, P49: all pairs × switches parse, are clean, well typed, importable and try themselves."""
    table = {
        pair.name: [proof for name, proof in proofs.items() if name.startswith(f"{pair.name} ")]
        for pair in pairs()
    }
    for name, found in table.items():
        passed = sum(proof.passed for proof in found)
        skipped = {reason for proof in found for reason in proof.skipped}
        line = f"{name:34} {passed:3} of {len(found):3} combinations {'; '.join(skipped)}"
        print(line)  # noqa: T201 - the table is asked for
    failed = [f"{name}: {failure}" for name, proof in proofs.items() for failure in proof.failures]

    assert not failed, "\n".join(failed[:40])


def test_registry_counts_are_those_of_the_document(proofs: dict[str, Proof]) -> None:
    """V25: effect 7, compute 5, reducer 6, orchestrator 6."""
    kinds = [pair.kind for pair in pairs()]

    assert {kind: kinds.count(kind) for kind in kinds} == {
        "effect": 7,
        "compute": 5,
        "reducer": 6,
        "orchestrator": 6,
    }
    assert len(proofs) >= len(kinds)


def test_generated_modules_keep_the_rules(proofs: dict[str, Proof]) -> None:
    """V30: every module passes the compliance rules."""
    breaches = [
        f"{name}: {rule.name} line {breach.line} {breach.message}"
        for name, proof in proofs.items()
        for rule in proof.module.compliance
        for breach in rule.breaches
    ]

    assert not breaches, "\n".join(breaches[:40])


@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: pair.name)
def test_generation_is_deterministic(pair: Pair, modules: dict[str, Generated]) -> None:
    """The same spec gives the same text and the same digests again."""
    name, again = next(pair.modules())

    assert again.text == modules[name].text
    assert again.digests == modules[name].digests
