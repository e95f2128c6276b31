"""Variant and VariantPack: one template for one purpose, a family of them, and what is said about each.

Knows the vocabulary of requirements: kinds of operations, their domains, needs beyond features.
Everything here is a value. Refuses to read files (`metadata.py`, `library.py`) and to judge which
variant fits (`selecting.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from weft.schema import Schema


class Domain(StrEnum):
    """The one external concern that a specialised variant is about."""

    DATABASE = "database"
    API = "api"
    KAFKA = "kafka"
    ML = "ml"
    ANALYTICS = "analytics"
    WORKFLOW = "workflow"


OPERATION_KINDS: Mapping[str, Domain | None] = MappingProxyType({
    "db.read": Domain.DATABASE,
    "db.write": Domain.DATABASE,
    "http.call": Domain.API,
    "broker.consume": Domain.KAFKA,
    "broker.produce": Domain.KAFKA,
    "model.predict": Domain.ML,
    "aggregate.window": Domain.ANALYTICS,
    "flow.transition": Domain.WORKFLOW,
    "pure": None,
})  # fmt: skip
"""Every kind of operation and the domain that it speaks for; `pure` speaks for none."""

NEEDS = ("slo", "audit", "compensate", "persist")
"""Duties beyond features: figures that must hold, a trail of who did what, undoing, surviving."""

OUTPUTS = ("python", "prompt")
"""What a pack's templates become: files of code, or prompts for rows."""

SHAPES = ("table", "list", "prose")
"""What a text may look like, as `rows.py` guesses it."""

NOTHING = Schema(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Something that a variant can do or leave out.

    Attributes:
        default: whether it is on where nobody says.
    """

    name: str
    default: bool
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """For which rows a prompt variant was made; what is empty or `None` excludes no row.

    Attributes:
        columns: inputs that must be there and not empty.
        without: inputs that must be missing or empty.
        longer_than, shorter_than: bounds of all text of a row together, in characters, excluded.
        languages: two-letter codes as the language guess gives them, such as `de`.
        shapes: what the longest text looks like, from `SHAPES`.
        models: names of models; `*` stands for any characters.
    """

    columns: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    longer_than: int | None = None
    shorter_than: int | None = None
    languages: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many conditions are stated; a variant with more of them is the more special one."""
        bounds = (self.longer_than, self.shorter_than)
        lists = (self.columns, self.without, self.languages, self.shapes, self.models)
        return sum(bound is not None for bound in bounds) + sum(map(bool, lists))


ALWAYS = Conditions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One template for one purpose, with everything its `variant.toml` says.

    Attributes:
        pack: name of the pack that it belongs to.
        kinds: kinds of modules (or of prompts) that it can make; never empty.
        at_least, at_most: how many operations it was made for; `at_most` `None` = any number above.
        serves: kinds of operations that it knows how to write.
        domain: what it specialises in; `None` = a generic variant.
        features: what it offers, as names such as `connection_pool`.
        needs: duties from `NEEDS` that it fulfils.
        terms: words and phrases of its own that speak for it in free text.
        mixins, patterns: recommended beside it; names for people, nothing is loaded.
        complexity: of what it makes, from 1 (a few lines) to 5.
        prerequisites: packages and services without which its output cannot run.
        performance: targets of the made module, name with unit → figure.
        settings: knobs of the made module, as typed fields with defaults.
        switches: things that can be left out; every combination must work.
        operations_take: kind of operation → what may stand in its `with:`.
        when: rows that it is for; only in packs of prompts.
        extends: name of the variant whose templates serve where it has none; empty = none.
        folder: where its files lie.
        is_builtin: it comes with weft.
        digest: over its `variant.toml`, 64 hexadecimal characters.
    """

    name: str
    pack: str
    version: str
    description: str
    kinds: tuple[str, ...]
    folder: Path
    at_least: int = 0
    at_most: int | None = None
    serves: tuple[str, ...] = ()
    domain: Domain | None = None
    features: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    mixins: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    complexity: int = 1
    prerequisites: tuple[str, ...] = ()
    recommended_for: tuple[str, ...] = ()
    performance: Mapping[str, float] = field(default_factory=dict)
    settings: Schema = NOTHING
    switches: tuple[Switch, ...] = ()
    operations_take: Mapping[str, Schema] = field(default_factory=dict)
    when: Conditions = ALWAYS
    extends: str = ""
    is_builtin: bool = False
    digest: str = ""

    def fits_count(self, operations: int) -> bool:
        """Whether it was made for so many operations."""
        return self.at_least <= operations and (self.at_most is None or operations <= self.at_most)


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantPack:
    """A family of variants for one purpose.

    Attributes:
        output: one of `OUTPUTS`.
        kinds: every kind that its variants may name, in the order in which they are shown.
        base: file that its variants extend, relative to `folder`; empty = none.
        variants: by name; built-in ones first, then the user's own, each in the order of names.
        folders: where its files lie: weft's own folder first, then those with the user's own.
    """

    name: str
    description: str
    output: str
    kinds: tuple[str, ...]
    base: str
    variants: Mapping[str, Variant]
    folders: tuple[Path, ...]

    def of_kind(self, kind: str) -> tuple[Variant, ...]:
        """The variants that can make this kind."""
        return tuple(each for each in self.variants.values() if kind in each.kinds)

    def counts(self) -> dict[str, int]:
        """How many variants each kind has, counted and not stated."""
        return {kind: len(self.of_kind(kind)) for kind in self.kinds}
