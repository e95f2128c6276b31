"""Every (kind, variant) pair under every combination of switches, through every check."""

from __future__ import annotations

from time import perf_counter

import pytest
from tests.generated.matrix import CACHE, Pair, has_files, pairs

from weft.variants.proving import Proof, prove


def proved() -> dict[str, Proof]:
    """What became of every module of the matrix; modules with the same code are proved once."""
    modules = {name: module for pair in pairs() if has_files(pair) for name, module in pair.modules()}
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


def test_every_pair_of_the_registry_passes_every_check() -> None:
    """V30, V31, V42, P48, P49: all pairs × switches are clean, typed, importable, try themselves and keep the rules."""
    proofs = proved()
    for pair in pairs():
        found = [proof for name, proof in proofs.items() if name.startswith(f"{pair.name} ")]
        passed = sum(proof.passed for proof in found)
        skipped = {reason for proof in found for reason in proof.skipped}
        line = f"{pair.name:34} {passed:3} of {len(found):3} combinations {'; '.join(skipped)}"
        print(line)  # noqa: T201 - the table is asked for
    failed = [f"{name}: {failure}" for name, proof in proofs.items() for failure in proof.failures]
    breaches = [
        f"{name}: {rule.name} line {breach.line} {breach.message}"
        for name, proof in proofs.items()
        for rule in proof.module.compliance
        for breach in rule.breaches
    ]

    assert not failed, "\n".join(failed[:40])
    assert not breaches, "\n".join(breaches[:40])


def test_registry_counts_are_those_of_the_document() -> None:
    """V25: effect 7, compute 5, reducer 6, orchestrator 6."""
    kinds = [pair.kind for pair in pairs()]
    counts = {kind: kinds.count(kind) for kind in kinds}

    assert counts == {"effect": 7, "compute": 5, "reducer": 6, "orchestrator": 6}


@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: pair.name)
def test_generation_is_deterministic(pair: Pair) -> None:
    """The same spec gives the same text and the same digests again."""
    (_, first), (_, again) = (next(pair.modules()) for _ in range(2))

    assert again.text == first.text
    assert again.digests == first.digests
