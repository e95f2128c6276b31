"""Features of two variants in one module: no duplicate, no broken code, and a plain word where it cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.generated.matrix import CACHE, LIBRARY, Pair, pairs

from weft.errors import BadSpec, BadVariant
from weft.variants.generating import Generated, generate
from weft.variants.proving import prove

# first variant and kind → a variant that joins in; each variant is on both sides, each kind is there
JOINED = (
    ("database_heavy-effect", "api_heavy"),
    ("kafka_heavy-effect", "database_heavy"),
    ("ml_inference-effect", "kafka_heavy"),
    ("api_heavy-effect", "ml_inference"),
    ("standard-effect", "database_heavy"),
    ("production-effect", "kafka_heavy"),
    ("analytics-reducer", "database_heavy"),
    ("kafka_heavy-reducer", "analytics"),
    ("analytics-compute", "ml_inference"),
    ("kafka_heavy-orchestrator", "api_heavy"),
)
BY_NAME = {pair.name: pair for pair in pairs()}


def joined(first: Pair, name: str) -> Generated:
    """The example of one variant with the operations of another that it does not write itself."""
    second = BY_NAME[f"{name}-{first.kind}"]
    spec, other = first.spec(), second.spec()
    foreign = {"broker.consume", "pure"}  # consumers and functions want to be handed in
    own = tuple(
        each for each in spec.operations if first.variant.domain or each.does not in second.variant.serves
    )
    names = {each.name for each in own}
    more = tuple(
        each
        for each in other.operations
        if each.does in second.variant.serves
        and each.does not in foreign
        and not (first.variant.domain and each.does in first.variant.serves)
        and each.name not in names
    )
    assert more, "the other variant has something to do"
    return generate(replace(spec, also=(name,), operations=own + more), library=LIBRARY)


def test_joined_modules_pass_every_check() -> None:
    """V47: a module with the features of two variants is one module, without duplicate or broken code."""
    modules = {f"{first} + {name}": joined(BY_NAME[first], name) for first, name in JOINED}
    CACHE.mkdir(parents=True, exist_ok=True)
    proofs = prove(list(modules.values()), cache=CACHE)
    failed = [
        f"{name}: {failure}"
        for name, proof in zip(modules, proofs, strict=True)
        for failure in proof.failures
    ]

    assert not failed, "\n".join(failed[:40])


def test_each_operation_is_written_by_the_variant_that_knows_it() -> None:
    """V47: database statements go to the database variant, also behind a generic first one."""
    module = joined(BY_NAME["standard-effect"], "database_heavy")
    writers = {each["name"]: (each["kind"], each["served_by"]) for each in module.context["operations"]}

    assert {served for kind, served in writers.values() if kind.startswith("db.")} == {"database_heavy"}
    assert {served for kind, served in writers.values() if kind == "http.call"} == {"standard"}


def test_shared_pieces_stand_once() -> None:
    """V47: both variants bring `Health` and retries; the module has each name once."""
    code = joined(BY_NAME["database_heavy-effect"], "api_heavy").code

    for name in ("Health", "RetryPolicy", "CircuitBreaker", "Metrics"):
        assert code.count(f"\nclass {name}") <= 1, name


def test_variant_without_work_is_refused() -> None:
    """V47: a variant under `also` that serves no operation is told with path and kinds."""
    spec = replace(BY_NAME["database_heavy-effect"].spec(), also=("kafka_heavy",))

    with pytest.raises(BadSpec, match=r"`also.0`.*has nothing to do: `kafka_heavy` is for broker"):
        generate(spec, library=LIBRARY)


def test_variant_without_features_is_refused() -> None:
    """V47: a variant that offers no `features.py.j2` cannot join."""
    spec = replace(BY_NAME["database_heavy-effect"].spec(), also=("standard",))

    with pytest.raises(BadVariant, match="`standard` offers no features"):
        generate(spec, library=LIBRARY)


def test_module_without_lifecycle_is_refused_as_first() -> None:
    """V47: `minimal` has nothing that another variant's features could join."""
    with pytest.raises(BadSpec, match="`minimal` has no lifecycle"):
        joined(BY_NAME["minimal-effect"], "database_heavy")
