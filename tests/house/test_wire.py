"""What the desk tells is on the wire: every field of a value, or a line here that says why not.

A new field of a value fails here until it is on the wire too, or hidden with a reason.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import Any

import pytest
from tests.house.source import report

from weft.api import wire
from weft.api.routes.runs import told
from weft.api.wire import (
    audit,
    bundles,
    cache,
    estimates,
    health,
    keys,
    members,
    metrics,
    prices,
    runs,
    tables,
    templates,
    tokens,
    workspaces,
)
from weft.api.wire.shapes import Told
from weft.app.bundling import Imported
from weft.app.cache import CacheFacts
from weft.app.checkup import Finding
from weft.app.gallery import Card, Rendered
from weft.app.keeping import KeptTable
from weft.app.kept_key import KeptKey
from weft.app.members import Member
from weft.app.prices import plain_price
from weft.app.shelving import Shelved
from weft.app.summaries import RunSummary, plain_estimate
from weft.app.templates import Listed
from weft.app.tokens import Token
from weft.app.workspaces import Workspace
from weft.documents import Deed
from weft.ids import RunId
from weft.metrics.kpis import COLUMNS
from weft.protocols import ModelFacts, ReadOptions
from weft.row import Outcome
from weft.run import Estimate, Run, RunSpec, RunState
from weft.templates.diffing import Difference

_FOR_US = "of the document, for who changes it; nobody outside can use it"


@dataclass(frozen=True)
class Pair:
    """A value, and its shape on the wire.

    Attributes:
        names: of the value's fields.
        renamed: field → its name on the wire; money is `…_usd` by itself.
        hidden: field → why it is not on the wire.
        added: name on the wire that is no field → where it comes from.
    """

    names: Iterable[str]
    shape: type[Told]
    renamed: Mapping[str, str] = field(default_factory=dict)
    hidden: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)


def names(value: Any) -> list[str]:
    """The fields of a value's class."""
    return [each.name for each in fields(value)]


ESTIMATE = Estimate(
    rows=0, rejected=0, recalled=0, twins=0, calls=0, pack_sizes=(), input_tokens=0, output_tokens=0, cost=None,
    cost_limit=None, tokens_limit=0, first_call=None, seconds=0.0, call_s=0.0,
)  # fmt: skip
_PATH = "where a file lies on the server is nobody's business who is not there"
PAIRS = {
    "RunSummary": Pair(
        names(RunSummary),
        runs.RunShape,
        renamed={"run": "id"},
        added={
            "created_at": "of the run itself",
            "budget_usd": "of the run itself",
            "budget_tokens": "of the run itself",
            "columns": "of what was asked for, for who reads its rows",
            "fields": "of what was asked for, likewise",
            "created_by": "of how it was handed in",
            "created_by_name": "likewise",
            "lane": "likewise",
            "warnings": "likewise",
        },
    ),
    "Outcome": Pair(names(Outcome), runs.RowShape),
    "Estimate": Pair(plain_estimate(ESTIMATE), estimates.EstimateShape),
    "Listed": Pair(names(Listed), templates.ListedShape),
    "Card": Pair(names(Card), templates.CardShape),
    "Rendered": Pair(names(Rendered), templates.RenderedShape),
    "Shelved": Pair(names(Shelved), templates.ShelvedShape, added={"title": "key and version as one word"}),
    "Difference": Pair(names(Difference), templates.DifferenceShape, added={"is_empty": "a property of it"}),
    "Imported": Pair(names(Imported), bundles.ImportedShape, hidden={"folder": _PATH}),
    "CacheFacts": Pair(names(CacheFacts), cache.CacheShape),
    "Finding": Pair(names(Finding), health.FindingShape),
    "ModelFacts": Pair(plain_price(ModelFacts(provider="", model="")), prices.PriceShape),
    "KeptTable": Pair(
        names(KeptTable),
        tables.TableShape,
        renamed={"digest": "sha256", "read": "reading"},
        hidden={"path": _PATH, "recipe": "speeds opening up; what it says is in `reading`"},
    ),
    "ReadOptions": Pair(names(ReadOptions), tables.ReadingShape),
    "Totals": Pair(COLUMNS, metrics.KpiShape),
    "Deed": Pair(names(Deed), audit.DeedShape),
    "KeptKey": Pair(names(KeptKey), keys.KeyShape),
    "Member": Pair(
        names(Member),
        members.MemberShape,
        hidden={
            "is_owner": "is told to who it is, by `me`",
            "issuer": "of the identity provider; people are known by their address",
            "subject": "likewise",
            "is_gone": "who was let go is not listed",
            "version": _FOR_US,
        },
    ),
    "Token": Pair(
        names(Token),
        tokens.TokenShape,
        hidden={
            "workspace": "is the one in which it was asked for",
            "maker": "is in the log of deeds",
            "version": _FOR_US,
            "digest": "of a secret",
        },
    ),
    "Workspace": Pair(names(Workspace), workspaces.WorkspaceShape),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_every_field_is_on_the_wire_or_hidden(name: str) -> None:
    """Every field of a value is on the wire or hidden with a reason, and nothing else is there."""
    pair = PAIRS[name]
    there = set(pair.shape.model_fields)
    wanted = {each: pair.renamed.get(each, each) for each in pair.names if each not in pair.hidden}
    told_as = {each: (shown if shown in there else f"{shown}_usd") for each, shown in wanted.items()}
    missing = [f"{name}.{each} is not on the wire" for each, shown in told_as.items() if shown not in there]
    further = there - set(told_as.values()) - set(pair.added)
    missing += [f"{pair.shape.__name__}.{each} is no field of {name}" for each in sorted(further)]

    assert not missing, report(missing)


def test_exceptions_name_what_exists() -> None:
    """Nothing is hidden, renamed or added that is not there any more."""
    dead = []
    for name, pair in PAIRS.items():
        dead += [f"{name}.{each}" for each in {*pair.hidden, *pair.renamed} if each not in set(pair.names)]
        dead += [
            f"{pair.shape.__name__}.{each}" for each in pair.added if each not in pair.shape.model_fields
        ]

    assert not dead, report(dead)


def test_run_is_told_with_every_count() -> None:
    """A run on the wire has a value in every field that its summary has."""
    spec = RunSpec(table="t.csv", table_digest="", columns=("a",), prompter="p", prompter_source={},
                   template="review 1.0", provider="local", model="local")  # fmt: skip
    run = Run(id=RunId("rabcdefghijkl"), spec=spec, state=RunState.FINISHED, created_at=1.0)

    found = told(run).model_dump()

    assert (found["id"], found["state"], found["spent_usd"]) == ("rabcdefghijkl", "finished", "0")


def test_money_on_the_wire_says_so() -> None:
    """A field of money is text and says by its name that it is dollars."""
    odd = [
        f"{shape.__name__}.{name}"
        for module in pkgutil.iter_modules(wire.__path__)
        for shape in vars(import_module(f"{wire.__name__}.{module.name}")).values()
        if isinstance(shape, type) and issubclass(shape, Told)
        for name, each in shape.model_fields.items()
        if (
            name in {"cost", "spent", "budget", "price"}
            or (name.endswith("_usd") and float in _kinds(each.annotation))
        )
    ]

    assert not odd, report(odd)


def _kinds(annotation: Any) -> set[Any]:
    return {annotation, *getattr(annotation, "__args__", ())}
