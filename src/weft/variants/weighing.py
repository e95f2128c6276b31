"""Weights: plain numbers from a file, and what a weighted score is worth as a confidence.

Knows the files `weights/v1.toml` (stated) and `weights/v2.toml` (learnt), and the formula of confidence.
Refuses to know how weights were found (`learning.py`).
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from weft.errors import BadSetting, UnknownName
from weft.variants.scoring import BY_NAME

FOLDER = Path(__file__).parent / "weights"
DEFAULT = "v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each criterion counts.

    Attributes:
        name: such as `v1`; stands in the usage log.
        weights: criterion → weight; criteria that are missing do not count.
        temperature: divides scores before they become confidences; above 0.
        abstain_below: difference of the two best confidences below which nobody is chosen.
        cap: the highest score; `None` = none.
    """

    name: str
    description: str
    weights: Mapping[str, float]
    temperature: float
    abstain_below: float
    cap: float | None = None

    def cut(self, total: float) -> float:
        """The score that a sum of weighted values gives: not above the cap."""
        return total if self.cap is None else min(self.cap, total)


def confidences(scores: Sequence[float], temperature: float) -> list[float]:
    """Turn scores into confidences that sum to 1.

    The confidence of candidate i is exp(score_i / T) / Σ exp(score_j / T): equal scores share it, and
    the temperature T says how much a difference means.

    >>> [round(each, 3) for each in confidences([0.9, 0.8, 0.8], 0.1)]
    [0.576, 0.212, 0.212]
    """
    if not scores:
        return []
    top = max(scores)
    powers = [math.exp((score - top) / temperature) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def known_weights() -> list[str]:
    """Names of the weights that come with weft."""
    return sorted(path.stem for path in FOLDER.iterdir() if path.suffix == ".toml")


@cache
def own_weights(name: str = DEFAULT) -> Weights:
    """One of the weights that come with weft; read once.

    Raises:
        UnknownName: there are none of this name.
    """
    if name not in known_weights():
        raise UnknownName.among("set of weights", name, known_weights())
    path = FOLDER / f"{name}.toml"
    return parse_weights(path.read_text(encoding="utf-8"), path=str(path))


def parse_weights(text: str, *, path: str) -> Weights:
    """Read a file of weights.

    Raises:
        BadSetting: it is not TOML, lacks something, or names a criterion that there is not.
    """
    hint = f"criteria are {', '.join(BY_NAME)}."
    try:
        table = tomllib.loads(text)
        found = Weights(
            name=str(table["name"]),
            description=str(table["description"]),
            weights={key: _number(value) for key, value in table["weights"].items()},
            temperature=_number(table["temperature"]),
            abstain_below=_number(table["abstain_below"]),
            cap=_number(table["cap"]) if "cap" in table else None,
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as exc:
        raise BadSetting(f"The weights in `{path}` cannot be read: {exc}.", hint=hint) from exc
    for name in found.weights:
        if name not in BY_NAME:
            raise BadSetting(f"The weights in `{path}` name no criterion: `{name}`.", hint=hint)
    if found.temperature <= 0:
        raise BadSetting(f"The temperature in `{path}` must be above 0.", hint="0.1 is usual.")
    return found


def weights_text(weights: Weights, *, note: str = "") -> str:
    """Write weights as TOML that `parse_weights` reads the same."""
    lines = [f"# {line}" for line in note.splitlines()]
    lines += [f'name = "{weights.name}"', f'description = "{weights.description}"']
    lines += [f"temperature = {weights.temperature!r}", f"abstain_below = {weights.abstain_below!r}"]
    lines += [] if weights.cap is None else [f"cap = {weights.cap!r}"]
    lines += ["", "[weights]", *(f"{name} = {value!r}" for name, value in weights.weights.items())]
    return "\n".join(lines) + "\n"


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)
