"""Variants and choices as plain JSON, for programs that read what people see.

Knows which facts are told and under which names. Refuses to choose and to open anything.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from weft.schema import Field
from weft.variants.analysing import Evidence
from weft.variants.selecting import Selection
from weft.variants.variant import Variant


def plain_variant(variant: Variant) -> dict[str, Any]:
    """A variant as plain JSON."""
    return {
        "name": variant.name,
        "pack": variant.pack,
        "version": variant.version,
        "description": variant.description,
        "kinds": list(variant.kinds),
        "operations": {"at_least": variant.at_least, "at_most": variant.at_most},
        "serves": list(variant.serves),
        "domain": variant.domain,
        "features": list(variant.features),
        "needs": list(variant.needs),
        "terms": list(variant.terms),
        "mixins": list(variant.mixins),
        "patterns": list(variant.patterns),
        "complexity": variant.complexity,
        "prerequisites": list(variant.prerequisites),
        "recommended_for": list(variant.recommended_for),
        "performance": dict(variant.performance),
        "settings": [_plain_field(each) for each in variant.settings],
        "switches": [asdict(each) for each in variant.switches],
        "operations_take": {
            kind: [_plain_field(each) for each in schema] for kind, schema in variant.operations_take.items()
        },
        "extends": variant.extends,
        "folder": str(variant.folder),
        "is_builtin": variant.is_builtin,
        "digest": variant.digest,
    }


def _plain_field(each: Field) -> dict[str, Any]:
    return {
        "name": each.name,
        "type": each.kind.value,
        "required": each.required,
        "default": each.default,
        "description": each.description,
    }


def plain_selection(selection: Selection) -> dict[str, Any]:
    """A choice as plain JSON: what was chosen, how sure, and what was understood."""
    analysis = selection.analysis
    return {
        "variant": None if selection.variant is None else selection.variant.name,
        "confidence": round(selection.confidence, 4),
        "is_fallback": selection.is_fallback,
        "is_override": selection.is_override,
        "weights": selection.weights,
        "mixins": list(selection.mixins),
        "patterns": list(selection.patterns),
        "candidates": [
            {
                "variant": each.variant.name,
                "score": round(each.score, 4),
                "confidence": round(each.confidence, 4),
                "parts": {name: round(points, 4) for name, points in each.parts.items()},
                "matched": list(each.matched),
            }
            for each in selection.candidates
        ],
        "excluded": dict(selection.excluded),
        "operations": analysis.operations,
        "complexity": analysis.complexity,
        "strengths": {domain.value: round(value, 3) for domain, value in sorted(analysis.strengths.items())},
        "evidence": [_plain_evidence(each) for each in analysis.evidence],
        "unknown": list(analysis.unknown),
    }


def _plain_evidence(each: Evidence) -> dict[str, Any]:
    return {
        "said": each.said,
        "place": each.place,
        "strength": round(each.strength, 3),
        "domain": each.domain,
        "feature": each.feature or None,
    }
