"""Requirements: what a module, or a prompt, is asked to do; and how to read them from a spec.

Knows the parts of a spec that matter for the choice: kind, typed operations, features, words, needs
and what is at hand. Refuses to interpret them (`analysing.py`) and ignores every other part of a spec.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from weft.errors import BadRequirements
from weft.variants.rows import RowFacts
from weft.variants.variant import NEEDS, OPERATION_KINDS

MOST_OPERATIONS = 500
MOST_FEATURES = 200
LONGEST = 20_000  # characters of a description


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a module does.

    Attributes:
        does: one of `OPERATION_KINDS`; empty = not said, its words are listened to.
    """

    name: str = ""
    does: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What is asked for; hashable, so that equal requirements share one cached choice.

    Attributes:
        kind: of module, such as `effect`.
        operations: in the order of the spec.
        features: free tags.
        text: description in words.
        needs: duties from `NEEDS`.
        name: of the module to be; its words count.
        available: packages and services at hand; `None` = nothing is known, so nothing is excluded.
        row: facts about a row, where a prompt is chosen for it.
    """

    kind: str
    operations: tuple[Operation, ...] = ()
    features: tuple[str, ...] = ()
    text: str = ""
    needs: tuple[str, ...] = ()
    name: str = ""
    available: tuple[str, ...] | None = None
    row: RowFacts | None = None


def read_requirements(spec: Mapping[str, Any], *, where: str = "the spec") -> Requirements:
    """Take from a spec what matters for the choice; other keys are not looked at.

    Operations may be texts such as `db.read:fetch_orders` or `fetch_orders`, or mappings with `name`,
    `does` and `description`.

    Args:
        spec: plain values as YAML or JSON give them.
        where: the file, for messages.

    Raises:
        BadRequirements: a part has no usable value; every fault is told.
    """
    faults: list[str] = []
    kind = spec.get("kind", "")
    if not isinstance(kind, str) or not kind:
        faults.append("`kind` must say what is made, such as `effect`.")
    operations = spec.get("operations") or []
    if not isinstance(operations, list | tuple) or len(operations) > MOST_OPERATIONS:
        faults.append(f"`operations` must be a list of at most {MOST_OPERATIONS}.")
        operations = []
    available = spec.get("available")
    found = Requirements(
        kind=str(kind),
        operations=tuple(_operation(each, place, faults) for place, each in enumerate(operations)),
        features=_texts(spec, "features", faults),
        text=_text(spec, "description", faults),
        needs=_needs(_texts(spec, "needs", faults), faults),
        name=_text(spec, "name", faults),
        available=None if available is None else _texts(spec, "available", faults),
    )
    if faults:
        listed = faults[0] if len(faults) == 1 else "".join(f"\n  - {fault}" for fault in faults)
        raise BadRequirements(
            f"In {where}: {listed}",
            hint="`weft variants select --help` shows how requirements are written.",
            problems=[{"message": fault} for fault in faults],
        )
    return found


def plain_requirements(asked: Requirements) -> dict[str, object]:
    """Requirements as plain JSON that `read_requirements` reads the same."""
    found: dict[str, object] = {"kind": asked.kind}
    if asked.name:
        found["name"] = asked.name
    if asked.text:
        found["description"] = asked.text
    if asked.operations:
        found["operations"] = [
            {"name": each.name, "does": each.does, "description": each.description}
            for each in asked.operations
        ]
    for key in ("features", "needs"):
        if getattr(asked, key):
            found[key] = list(getattr(asked, key))
    if asked.available is not None:
        found["available"] = list(asked.available)
    return found


def _operation(given: Any, place: int, faults: list[str]) -> Operation:
    if isinstance(given, str):
        does, _, name = given.rpartition(":")
        given = {"does": does.strip(), "name": name.strip()} if does else _alone(given.strip())
    if not isinstance(given, Mapping):
        faults.append(f"`operations.{place}` must be a text or a mapping.")
        return Operation()
    does = _text(given, "does", faults, f"operations.{place}.")
    if does and does not in OPERATION_KINDS:
        near = get_close_matches(does, list(OPERATION_KINDS), n=1)
        guess = f" Did you mean `{near[0]}`?" if near else ""
        faults.append(
            f"`operations.{place}.does` must be one of {', '.join(OPERATION_KINDS)}, not {does!r}.{guess}"
        )
        does = ""
    return Operation(
        _text(given, "name", faults, f"operations.{place}."),
        does,
        _text(given, "description", faults, f"operations.{place}."),
    )


def _alone(text: str) -> dict[str, str]:
    """A text without colon: a kind of operation, or else a name."""
    return {"does": text} if text in OPERATION_KINDS else {"name": text}


def _needs(found: Sequence[str], faults: list[str]) -> tuple[str, ...]:
    faults.extend(f"`needs` must hold only {', '.join(NEEDS)}, not {n!r}." for n in found if n not in NEEDS)
    return tuple(found)


def _texts(given: Mapping[str, Any], key: str, faults: list[str]) -> tuple[str, ...]:
    value = given.get(key) or []
    right = isinstance(value, list | tuple) and len(value) <= MOST_FEATURES
    if not right or not all(isinstance(each, str) for each in value):
        faults.append(f"`{key}` must be a list of at most {MOST_FEATURES} texts.")
        return ()
    return tuple(dict.fromkeys(each.strip() for each in value if each.strip()))


def _text(given: Mapping[str, Any], key: str, faults: list[str], below: str = "") -> str:
    value = given.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST:
        faults.append(f"`{below}{key}` must be text of at most {LONGEST:,} characters.")
        return ""
    return value.strip()
