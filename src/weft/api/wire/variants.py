"""Variants on the wire: what there is, and choices with everything behind them.

Knows how requirements are asked for. Refuses to know how a choice is made.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from weft.api.wire.shapes import Asked, Told, Word

Line = Annotated[str, StringConstraints(max_length=300)]


class VariantShape(Told):
    """A variant with all that is known about it."""

    name: str
    pack: str
    version: str
    description: str
    kinds: list[str]
    operations: dict[str, int | None]
    serves: list[str]
    domain: str | None
    features: list[str]
    needs: list[str]
    terms: list[str]
    mixins: list[str]
    patterns: list[str]
    complexity: int
    prerequisites: list[str]
    recommended_for: list[str]
    performance: dict[str, float]
    settings: list[dict[str, Any]]
    switches: list[dict[str, Any]]
    operations_take: dict[str, list[dict[str, Any]]]
    extends: str
    folder: str
    is_builtin: bool
    digest: str


class VariantsPage(Told):
    """A page of the list of variants, by pack and name."""

    variants: list[VariantShape]
    next: str | None


class OperationAsked(Asked):
    """One thing that a module does."""

    name: Line = ""
    does: Line = Field(default="", description="Such as `db.read`; empty = its words are listened to.")
    description: Annotated[str, StringConstraints(max_length=5_000)] = ""


class RequirementsAsked(Asked):
    """What a module, or a prompt, is asked to do."""

    kind: Word
    operations: list[OperationAsked | Line] = Field(default_factory=list, max_length=500)
    features: list[Line] = Field(default_factory=list, max_length=200)
    description: Annotated[str, StringConstraints(max_length=20_000)] = ""
    needs: list[Literal["slo", "audit", "compensate", "persist"]] = Field(default_factory=list, max_length=20)
    name: Line = ""
    available: list[Line] | None = Field(
        default=None, description="Packages at hand; null = nothing is excluded."
    )


class ChoiceAsked(Asked):
    """What is required, and how the choice is to be made."""

    requirements: RequirementsAsked
    pack: Word = "codegen"
    override: Word | Literal[""] = Field(default="", description="The variant that a person has decided for.")
    between: list[Word] = Field(
        default_factory=list, max_length=20, description="Assign one of these, for a trial."
    )
    experiment: Word | Literal[""] = Field(default="", description="Name of the trial.")
    weights: Word | Literal[""] = ""


class ExplanationAsked(Asked):
    """What is required, of which pack, by which weights."""

    requirements: RequirementsAsked
    pack: Word = "codegen"
    override: Word | Literal[""] = ""
    weights: Word | Literal[""] = ""


class CandidateShape(Told):
    """A variant that may be chosen."""

    variant: str
    score: float
    confidence: float
    parts: dict[str, float]
    matched: list[str]


class EvidenceShape(Told):
    """What was understood of the requirements."""

    said: str
    place: str
    strength: float
    domain: str
    feature: str | None


class SelectionShape(Told):
    """A choice with everything that it rests on."""

    variant: str | None = Field(description="null = two fit about equally, and a person chooses.")
    confidence: float
    is_fallback: bool
    is_override: bool
    weights: str
    mixins: list[str]
    patterns: list[str]
    candidates: list[CandidateShape]
    excluded: dict[str, str]
    operations: int
    complexity: int | float | str
    strengths: dict[str, float]
    evidence: list[EvidenceShape]
    unknown: list[str]
    rationale: str


class ChosenShape(SelectionShape):
    """A choice that was made."""

    id: str = Field(description="By which an outcome is noted later; empty where it was not noted.")
    template: str


class ReasonShape(Told):
    """What one criterion did for the first candidate against the second."""

    criterion: str
    said: str
    points: float


class FlipShape(Told):
    """A change of the requirements, and the variant that would win then."""

    size: int
    said: str
    winner: str


class ExplainedShape(SelectionShape):
    """A choice, and what would change it."""

    reasons: list[ReasonShape]
    changes: list[FlipShape]
    other_weights: dict[str, str]


class OutcomeAsked(Asked):
    """What became of a choice."""

    outcome: Literal["passed", "failed", "kept", "dropped"]
