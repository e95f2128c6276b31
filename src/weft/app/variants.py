"""The desk for variants: list, show, choose, explain, and what became of choices.

Knows where packs, learnt weights and the usage log of a project lie, and that a choice is noted only
where there is a project. Refuses to generate anything: that is the desk of modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.app.opening import Surroundings
from weft.app.planning import VARIANTS
from weft.errors import BadRequirements
from weft.kit.caches import CacheStats
from weft.kit.clocks import Clock
from weft.templates.front_matter import FENCE, split_text
from weft.variants.learning import Comparison, compare, held_out, train
from weft.variants.library import VariantLibrary, resolve
from weft.variants.rationale import Reason, rationale, reasons
from weft.variants.reconsidering import Change, changes_of_mind
from weft.variants.requirements import Requirements, plain_requirements, read_requirements
from weft.variants.selecting import Selection, Selector
from weft.variants.tallying import Tally, Trial, Week, assigned, counters, labels, tallies, trials, weekly
from weft.variants.usage import Choice, UsageLog
from weft.variants.variant import Variant, VariantPack
from weft.variants.weighing import Weights, known_weights, own_weights, parse_weights, weights_text

CODE = "codegen"  # the pack of code, asked where none is named
KEPT = Path(".weft") / "variants"  # the log and learnt weights
LOG, LEARNT = "usage.jsonl", "learnt.toml"
MOST_BYTES = 1_000_000  # of a spec


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRequest:
    """How a choice is to be made.

    Attributes:
        override: a variant that a person has decided for; empty = none.
        between: variants of which one is assigned by a hash of the requirements; for trials.
        experiment: name of the trial; needed with `between`.
        weights: name of the weights; empty = learnt ones of the project if there are any, else weft's.
        notes: whether the choice is written to the log.
    """

    pack: str = CODE
    override: str = ""
    between: tuple[str, ...] = ()
    experiment: str = ""
    weights: str = ""
    notes: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A choice as people want it told.

    Attributes:
        id: by which an outcome can be noted later; empty where the choice was not noted.
        template: the file that makes it; empty where nobody was chosen.
        said: the rationale.
    """

    selection: Selection
    id: str
    template: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A choice with everything behind it.

    Attributes:
        reasons: points of the first against the second, by criterion.
        changes: the smallest changes that would flip it.
        others: name of other weights → their choice; `undecided` where they abstain.
    """

    selection: Selection
    said: str
    reasons: tuple[Reason, ...]
    changes: tuple[Change, ...]
    others: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the log of a project says.

    Attributes:
        recent: the last choices, oldest first.
        labels: how many cases the log offers to learn from.
    """

    weeks: tuple[Week, ...]
    variants: tuple[Tally, ...]
    trials: tuple[Trial, ...]
    recent: tuple[Choice, ...]
    counters: Mapping[str, Any]
    labels: int


class VariantsDesk:
    """Everything that can be done with variants."""

    def __init__(self, surroundings: Surroundings, *, clock: Clock) -> None:
        """Use the packs of weft and of this project."""
        self.library = VariantLibrary((surroundings.root / VARIANTS,))
        self._root = surroundings.root
        self._is_project = surroundings.config is not None or surroundings.apart
        self._clock = clock
        self._log = UsageLog(surroundings.root / KEPT / LOG)
        self._selectors: dict[tuple[str, str], Selector] = {}

    def packs(self) -> list[VariantPack]:
        """Every pack with its variants.

        Raises:
            BadVariant: a file is wrong, with every problem.
        """
        return [self.library.pack(name) for name in self.library.packs()]

    def get(self, name: str, *, pack: str = CODE) -> Variant:
        """One variant with all that is known about it.

        Raises:
            UnknownName: there is none; with the nearest names.
        """
        return self.library.variant(pack, name)

    def find(self, name: str, *, pack: str = CODE) -> Variant | None:
        """One variant, or `None` if there is none of this name."""
        return self.library.pack(pack).variants.get(name)

    def read(self, path: str) -> Requirements:
        """Take requirements from a spec in YAML; parts that do not matter for a choice are not looked at.

        Raises:
            BadRequirements: the file cannot be read or a part has no usable value.
        """
        try:
            with Path(path).expanduser().open("rb") as file:
                text = file.read(MOST_BYTES).decode()
        except (OSError, UnicodeDecodeError) as exc:
            raise BadRequirements(
                f"The spec `{path}` cannot be read: {exc}.", hint="it is a YAML file in UTF-8.", path=path
            ) from exc
        found = split_text(f"{FENCE}\n{text.removeprefix(FENCE)}\n{FENCE}\n")
        if found.flaws:
            flaw = found.flaws[0]
            raise BadRequirements(
                f"The spec `{path}`, line {max(1, flaw.line - 1)}: {flaw.message}",
                hint="a spec is YAML: keys with values, lists with dashes.",
                path=path,
            )
        return read_requirements(found.front, where=f"`{path}`")

    def select(self, asked: Requirements, how: ChoiceRequest | None = None) -> Chosen:
        """Choose a variant; in a project, and in a workspace of a team, the choice is noted in its log.

        Raises:
            UnknownName: of a kind, a pack, a variant or weights.
            NoVariantFits: no variant can do it.
            BadRequirements: a trial has no name or fewer than two variants.
        """
        how = how or ChoiceRequest()
        override = self._override(asked, how)
        selector = self.selector(how.pack, how.weights)
        start = self._clock.monotonic()
        selection = selector.select(asked, override=override)
        micros = round((self._clock.monotonic() - start) * 1_000_000)
        noted = ""
        if how.notes and self._is_project:
            noted = self._log.note(
                selection, pack=how.pack, at=self._clock.wall(), micros=micros, experiment=how.experiment
            ).id
        template = ""
        if selection.variant is not None:
            template = str(resolve(selector.pack, selection.variant, asked.kind).path)
        return Chosen(selection=selection, id=noted, template=template, said=rationale(selection))

    def explain(self, asked: Requirements, how: ChoiceRequest | None = None) -> Explained:
        """Choose and tell everything behind the choice; notes nothing.

        Raises:
            UnknownName, NoVariantFits: as `select`.
        """
        how = how or ChoiceRequest()
        selector = self.selector(how.pack, how.weights)
        selection = selector.select(asked, override=how.override)
        others = {}
        for name in known_weights():
            if name != selection.weights and self._serves(name, how.pack):
                other = self.selector(how.pack, name).select(asked)
                others[name] = "undecided" if other.variant is None else other.variant.name
        return Explained(
            selection=selection,
            said=rationale(selection),
            reasons=reasons(selection),
            changes=changes_of_mind(selection, selector),
            others=others,
        )

    def usage(self, *, recent: int = 10) -> Usage:
        """The tables of this project's log.

        Raises:
            BrokenLog: a line of the log is wrong.
        """
        log = self._log.read()
        return Usage(
            weeks=tuple(weekly(log)),
            variants=tuple(tallies(log)),
            trials=tuple(trials(log)),
            recent=log.choices[-recent:] if recent else (),
            counters=counters(log),
            labels=len(labels(log)),
        )

    def settle(self, choice: str, outcome: str) -> None:
        """Note what became of a choice: passed, failed, kept or dropped.

        Raises:
            UnknownName: there is no such choice.
            BrokenLog: there is no such outcome.
        """
        self._log.settle(choice, outcome, at=self._clock.wall())

    def learn(self, *, pack: str = CODE) -> Comparison:
        """Learn weights from half of the log and compare them with weft's on the other half.

        They are kept and used from now on only if they win; otherwise earlier ones are taken away.

        Raises:
            BrokenLog: a line of the log is wrong.
        """
        cases = labels(self._log.read())
        family, rule = self.library.pack(pack), own_weights()
        learnt = train([each for each in cases if not held_out(each.asked)], family, base=rule, name="learnt")
        found = compare([each for each in cases if held_out(each.asked)], family, rule=rule, learnt=learnt)
        path = self._root / KEPT / LEARNT
        if found.wins:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                weights_text(learnt, note="Learnt by `weft variants usage --learn`."), encoding="utf-8"
            )
        else:
            path.unlink(missing_ok=True)
        self._selectors.clear()
        return found

    def selector(self, pack: str = CODE, weights: str = "") -> Selector:
        """The selector of a pack; the same one as long as its weights stay.

        Raises:
            UnknownName: there is no such pack, or there are no such weights.
        """
        key = (pack, weights)
        if key not in self._selectors:
            self._selectors[key] = Selector(self.library.pack(pack), weights=self._weights(pack, weights))
        return self._selectors[key]

    def cache(self, *, clears: bool = False) -> CacheStats:
        """Counters of the memory of choices; with `clears` it is emptied first."""
        found = [each.stats() for each in self._selectors.values()]
        if clears:
            for each in self._selectors.values():
                each.clear()
            return CacheStats(hits=0, misses=0, evictions=0, size=0)
        return CacheStats(
            hits=sum(each.hits for each in found),
            misses=sum(each.misses for each in found),
            evictions=sum(each.evictions for each in found),
            size=sum(each.size for each in found),
        )

    def _serves(self, weights: str, pack: str) -> bool:
        """Whether weights are meant for a pack: those for rows and those for code are not mixed."""
        return (weights == "rows") == (self.library.pack(pack).output == "prompt")

    def _weights(self, pack: str, name: str) -> Weights:
        path = self._root / KEPT / LEARNT
        if name == "learnt" or (not name and pack == CODE and path.is_file()):
            if not path.is_file():
                raise BadRequirements(
                    "This project has learnt no weights.", hint="`weft variants usage --learn` tries to."
                )
            return parse_weights(path.read_text(encoding="utf-8"), path=str(path))
        return own_weights(name) if name else own_weights()

    def _override(self, asked: Requirements, how: ChoiceRequest) -> str:
        if not how.between:
            return how.override
        if len(how.between) < 2 or not how.experiment:
            raise BadRequirements(
                "A trial needs a name and at least two variants.",
                hint="such as `--between standard,production --experiment pool`.",
            )
        for name in how.between:
            self.get(name, pack=how.pack)
        return assigned(how.experiment, repr(plain_requirements(asked)), how.between)


def requirements_of(given: Mapping[str, Any]) -> Requirements:
    """Make requirements of what a command line gives; operations are `KIND:NAME`, `KIND` or `NAME`.

    Raises:
        BadRequirements: a part has no usable value.
    """
    return read_requirements(given, where="the flags")
