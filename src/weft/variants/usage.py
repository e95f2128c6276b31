"""The usage log: every choice as one line, what became of it as a later line.

Knows a file of JSON lines that is only ever appended to, one write a line, so that several processes
may share it; at a set size it is put aside once. What a line must hold is checked on reading. Refuses
to know the clock: times are handed in as seconds since the epoch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from weft.errors import BrokenLog, UnknownName, UnwritableFile
from weft.kit.fingerprints import fingerprint
from weft.variants.requirements import plain_requirements
from weft.variants.selecting import Selection

MOST_BYTES = 5_000_000  # of the log; then it becomes `usage.1.jsonl`, which replaces an older one
LONGEST_LINE = 40_000  # bytes; requirements beyond it are left out of their line
OUTCOMES = ("passed", "failed", "kept", "dropped")
"""What became of a choice: its code passed or failed its checks, was kept or thrown away."""
GOOD = frozenset({"passed", "kept"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One line about one choice.

    Attributes:
        id: twelve hexadecimal characters, by which outcomes name it.
        at: seconds since the epoch, UTC.
        variant: what was used; empty = nobody was chosen.
        proposed: what the selector put first.
        confidence: of the first candidate, from 0 to 1.
        weights: name of the weights.
        micros: microseconds that choosing took.
        experiment: name of the trial that assigned the variant; empty = none.
        asked: the requirements as plain JSON; empty where they were too long.
    """

    id: str
    at: float
    pack: str
    kind: str
    variant: str
    proposed: str
    confidence: float
    weights: str
    overridden: bool
    fallback: bool
    micros: int
    experiment: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One line about what became of a choice.

    Attributes:
        choice: id of the choice.
        outcome: one of `OUTCOMES`.
    """

    choice: str
    at: float
    outcome: str


@dataclass(frozen=True, slots=True)
class Log:
    """Everything that the log holds, in the order in which it was written."""

    choices: tuple[Choice, ...]
    outcomes: tuple[Outcome, ...]

    def outcome_of(self, choice: Choice) -> str:
        """The last outcome of a choice; empty if none is known."""
        return next((each.outcome for each in reversed(self.outcomes) if each.choice == choice.id), "")


class UsageLog:
    """The log of one project."""

    def __init__(self, path: Path) -> None:
        """Use this file; it appears with the first line."""
        self.path = path

    def note(
        self, selection: Selection, *, pack: str, at: float, micros: int, experiment: str = ""
    ) -> Choice:
        """Append a choice.

        Raises:
            UnwritableFile: the file cannot be written.
        """
        asked = plain_requirements(selection.asked)
        proposed = max(selection.candidates, key=lambda each: each.confidence).variant.name
        choice = Choice(
            id=fingerprint("choice", str(self.path), at, asked)[:12],  # of this log: others have their own
            at=at,
            pack=pack,
            kind=selection.asked.kind,
            variant="" if selection.variant is None else selection.variant.name,
            proposed=proposed,
            confidence=round(selection.best.confidence, 4),
            weights=selection.weights,
            overridden=selection.is_override,
            fallback=selection.is_fallback,
            micros=micros,
            experiment=experiment,
            asked=asked if len(json.dumps(asked)) < LONGEST_LINE else {},
        )
        self._append({"line": "choice", **asdict(choice)})
        return choice

    def settle(self, choice: str, outcome: str, *, at: float) -> None:
        """Append what became of a choice; the last outcome counts.

        Raises:
            BrokenLog: it is none of `OUTCOMES`.
            UnknownName: the log has no such choice.
            UnwritableFile: the file cannot be written.
        """
        if outcome not in OUTCOMES:
            raise BrokenLog(f"There is no outcome {outcome!r}.", hint=f"known: {', '.join(OUTCOMES)}.")
        if all(each.id != choice for each in self.read().choices):
            raise UnknownName(
                f"The usage log has no choice `{choice}`.", hint="`weft variants usage --json` lists them."
            )
        self._append({"line": "outcome", **asdict(Outcome(choice=choice, at=at, outcome=outcome))})

    def read(self) -> Log:
        """Read the log and the part that was put aside; an unfinished last line is left out.

        Raises:
            BrokenLog: a line is not what it should be, with its number.
        """
        choices: list[Choice] = []
        outcomes: list[Outcome] = []
        for path in (self._older, self.path):
            if not path.is_file():
                continue
            *lines, rest = path.read_bytes().split(b"\n")
            del rest  # empty, or the beginning of a line that a crash cut off
            for number, line in enumerate(lines, start=1):
                found = _line(line, f"{path}, line {number}")
                if isinstance(found, Choice):
                    choices.append(found)
                elif found is not None:
                    outcomes.append(found)
        return Log(tuple(choices), tuple(outcomes))

    @property
    def _older(self) -> Path:
        return self.path.with_suffix(".1.jsonl")

    def _append(self, line: Mapping[str, Any]) -> None:
        raw = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_file() and self.path.stat().st_size + len(raw) > MOST_BYTES:
                self.path.replace(self._older)
            with self.path.open("ab") as file:
                # After a crash in the middle of a line the next one begins on its own.
                unfinished = file.tell() and not _ends_line(self.path)
                file.write(b"\n" + raw if unfinished else raw)
        except OSError as exc:
            raise UnwritableFile(
                f"The usage log `{self.path}` cannot be written: {exc.strerror or exc}.",
                hint="check the permissions of the folder.",
                path=str(self.path),
            ) from exc


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"


_T = TypeVar("_T", Choice, Outcome)


def _line(raw: bytes, place: str) -> Choice | Outcome | None:
    """One line; `None` for the remains of a line that a crash cut off."""
    try:
        found = json.loads(raw)
    except ValueError:
        if not raw.endswith(b"}"):
            return None
        raise _broken(place, "is not JSON") from None
    if not isinstance(found, dict):
        raise _broken(place, "is no object")
    kind = found.pop("line", None)
    if kind == "choice":
        return _checked(Choice, found, place)
    if kind == "outcome":
        return _checked(Outcome, found, place)
    raise _broken(place, f"is neither choice nor outcome but {kind!r}")


_KINDS: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "float": (int, float),
    "int": (int,),
    "bool": (bool,),
    "Mapping[str, Any]": (dict,),
}


def _checked(kind: type[_T], found: Mapping[str, Any], place: str) -> _T:
    known = {each.name: str(each.type) for each in fields(kind)}
    if set(found) != set(known):
        odd = sorted(set(found) ^ set(known))
        raise _broken(place, f"lacks or adds {', '.join(odd)}")
    for name, value in found.items():
        right = _KINDS[known[name]]
        if not isinstance(value, right) or (isinstance(value, bool) and bool not in right):
            raise _broken(place, f"has no usable `{name}`: {value!r}")
    return kind(**found)


def _broken(place: str, why: str) -> BrokenLog:
    return BrokenLog(
        f"The usage log is broken: {place} {why}.",
        hint="correct the line or delete it; nothing else is lost.",
    )
