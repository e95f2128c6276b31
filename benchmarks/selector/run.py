"""How often does the selector choose right?

    python benchmarks/selector/run.py            all parts, by both weights
    python benchmarks/selector/run.py --grow     only the parts that words and weights grow on
    python benchmarks/selector/run.py --learn    fits the second weights anew, says what cross-validation gives

`cases.jsonl` was written and labelled, twice, by people who had not read the selector (`rubric.md`).
Where the two differ both answers are acceptable and the first counts as exact. A hash of the id splits
it: words and weights may be grown on the half `grow` only; texts of the half `check` are not read for
it, though its totals are watched. `growth.jsonl` came later, by yet another hand, in other styles. It was
met unseen once (`FIRST_MET`), and since then words and weights grow on it, too. Figures on what was grown
on flatter; those on `check` are nearer to the truth, and nearest is what a stranger's cases gave at first.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from weft.variants.calibrating import calibration_error, fit_temperature, kappa, wilson
from weft.variants.learning import Labelled, compare, train
from weft.variants.library import VariantLibrary
from weft.variants.requirements import Operation, Requirements, read_requirements
from weft.variants.selecting import Selection, Selector
from weft.variants.variant import VariantPack
from weft.variants.weighing import FOLDER, Weights, confidences, own_weights, weights_text

HERE = Path(__file__).parent
FIRST_MET = {"v1": (183, 220), "v2": (187, 220)}
"""Right of the cases in `growth.jsonl` before anybody had looked at them or grown anything on them."""

FOLDS = 5
ABSTAIN_BELOW = 0.2  # margins below it were right about half of the time when weights were crossed
ABOUT_KAPPA = """\
  The kappa says that both readers applied this rubric alike to these cards. The cards are clear-cut by
  construction and both read the same rubric: it is no proof that people agree about real requirements."""
ABSTAIN = (0.0, 0.1, 0.2, 0.3, 0.5)  # thresholds for the margin of the two best confidences
NOISE = ("team-blue", "phase 2", "prio1", "draft", "EU", "v2", "legacy", "todo")
SYNONYMS = {
    "database": "DB", "postgres": "PostgreSQL", "table": "relation", "remote": "external", "broker": "message broker",
    "messages": "events", "topic": "stream", "predicts": "infers", "steps": "stages", "average": "mean", "webservice": "web service",
    "keeps": "holds", "reads": "takes", "writes": "puts", "asks": "queries", "computes": "calculates", "sends": "passes on",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Requirements, the exact label, and every acceptable one."""

    id: str
    asked: Requirements
    label: str
    accepted: frozenset[str]


def cases() -> list[Case]:
    """Read the cases with the labels of both passes."""
    first, second = (_labels(HERE / f"labels.{name}.jsonl") for name in ("first", "second"))
    found = []
    for line in (HERE / "cases.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        labels = [*first[case["id"]], *second[case["id"]]]
        found.append(Case(case["id"], read_requirements(case), labels[0], frozenset(filter(None, labels))))
    return found


def growth() -> list[Case]:
    """Read the cases that came later; one pass of labels, in the file itself."""
    lines = map(json.loads, (HERE / "growth.jsonl").read_text(encoding="utf-8").splitlines())
    return [
        Case(
            each["id"],
            read_requirements(each),
            each["label"],
            frozenset(filter(None, (each["label"], each["also"]))),
        )
        for each in lines
    ]


def _labels(path: Path) -> dict[str, tuple[str, str]]:
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {each["id"]: (each["label"], each["also"]) for each in lines}


def is_grown(case: Case) -> bool:
    """Whether a case belongs to the half that words and weights may be grown on."""
    return hashlib.sha256(case.id.encode()).digest()[0] % 2 == 0


def interval(right: int, tried: int) -> str:
    """A share with its 95 % interval."""
    low, high = wilson(right, tried)
    return f"{right:>3}/{tried:<3} {right / tried if tried else 0:>6.1%}  ({low:.1%} to {high:.1%})"


def choices(selector: Selector, some: Sequence[Case]) -> list[Selection]:
    """Choose for every case; an abstention is looked at by its first candidate."""
    return [selector.weigh(each.asked) for each in some]


def exact(case: Case, choice: Selection) -> bool:
    """Whether the first candidate is the label."""
    return choice.best.variant.name == case.label


def report(name: str, selector: Selector, some: Sequence[Case]) -> None:
    """Print everything about one half by one set of weights."""
    made = choices(selector, some)
    pairs = list(zip(some, made, strict=True))
    print(f"\n── {name}, weights {selector.weights.name} ──")
    print(f"exact       {interval(sum(exact(*each) for each in pairs), len(pairs))}")
    print(
        f"acceptable  {interval(sum(choice.best.variant.name in case.accepted for case, choice in pairs), len(pairs))}"
    )
    near = sum(
        bool({c.variant.name for c in choice.candidates[:2]} & case.accepted) for case, choice in pairs
    )
    print(f"in the top two {interval(near, len(pairs))}")
    error = calibration_error([(choice.best.confidence, exact(case, choice)) for case, choice in pairs])
    print(f"expected calibration error {error:.3f}")
    for threshold in ABSTAIN:
        sure = [(case, choice) for case, choice in pairs if _margin(choice) >= threshold]
        print(
            f"  margin {threshold:.1f}: answers {len(sure) / len(pairs):>5.0%}, right {interval(sum(exact(*each) for each in sure), len(sure))}"
        )
    labels = Counter(case.label for case in some)
    for label, number in sorted(labels.items()):
        right = sum(exact(case, choice) for case, choice in pairs if case.label == label)
        wrong = Counter(
            choice.best.variant.name
            for case, choice in pairs
            if case.label == label and not exact(case, choice)
        )
        told = ", ".join(f"{name} {count}" for name, count in wrong.most_common())
        print(f"  {label:<16}{interval(right, number)}{f'   instead: {told}' if told else ''}")


def _margin(choice: Selection) -> float:
    found = [each.confidence for each in choice.candidates[:2]]
    return found[0] - found[1] if len(found) > 1 else 1.0


def perturbations(selector: Selector, some: Sequence[Case]) -> None:
    """Print how often a change that means nothing changes the choice."""
    draw = random.Random(3)
    changes: dict[str, Callable[[Requirements], Requirements]] = {
        "operations in another order": lambda asked: _shuffled(asked, draw),
        "tags in another order": lambda asked: replace(
            asked, features=tuple(draw.sample(asked.features, len(asked.features)))
        ),
        "two tags of noise": lambda asked: replace(asked, features=(*asked.features, *draw.sample(NOISE, 2))),
        "no tags at all": lambda asked: replace(asked, features=()),
        "capitals everywhere in tags": lambda asked: replace(
            asked, features=tuple(tag.upper() for tag in asked.features)
        ),
        "synonyms": lambda asked: replace(asked, text=_with_synonyms(asked.text)),
        "sentences in another order": lambda asked: replace(asked, text=_turned(asked.text)),
    }
    before = [choice.best.variant.name for choice in choices(selector, some)]
    print(f"\n── the same choice after a change that means nothing, weights {selector.weights.name} ──")
    for name, change in changes.items():
        after = [selector.weigh(change(case.asked)).best.variant.name for case in some]
        print(f"  {name:<30}{interval(sum(a == b for a, b in zip(before, after, strict=True)), len(some))}")


def _shuffled(asked: Requirements, draw: random.Random) -> Requirements:
    operations: list[Operation] = list(asked.operations)
    draw.shuffle(operations)
    return replace(asked, operations=tuple(operations))


def _with_synonyms(text: str) -> str:
    return " ".join(SYNONYMS.get(word, word) for word in text.split(" "))


def _turned(text: str) -> str:
    return " ".join(reversed(text.replace("! ", "!. ").split(". ")))


def labelled(some: Sequence[Case]) -> list[Labelled]:
    """Cases as learning takes them."""
    return [Labelled(each.asked, each.label) for each in some]


def learn(pack: VariantPack, some: Sequence[Case]) -> None:
    """Fit the second weights anew on what may be used for it, and write them.

    The temperature is the one that fits choices for cases that the weights were not fitted on.
    """
    found = train(labelled(some), pack, base=own_weights("v1"), name="v2")
    found = replace(found, temperature=crossed(pack, some), abstain_below=ABSTAIN_BELOW)
    note = "Learnt by `python benchmarks/selector/run.py --learn` from `growth` and the half `grow` of the cases."
    (FOLDER / "v2.toml").write_text(weights_text(found, note=note), encoding="utf-8")
    own_weights.cache_clear()


def crossed(pack: VariantPack, some: Sequence[Case]) -> float:
    """Print what weights get right that were fitted without the fold they are asked about.

    Only the weights are crossed: the words have grown on all of these cases. Returns the temperature
    under which the confidences of such choices mean what they say.
    """
    ranked = sorted(some, key=lambda each: (each.label, hashlib.sha256(each.id.encode()).digest()))
    made: list[tuple[Case, Selection]] = []
    for fold in range(FOLDS):
        held = ranked[fold::FOLDS]
        rest = [each for place, each in enumerate(ranked) if place % FOLDS != fold]
        weights = train(labelled(rest), pack, base=own_weights("v1"), name="crossed")
        made += zip(held, choices(_selector(pack, weights), held), strict=True)
    temperature = fit_temperature(
        [
            ([each.score for each in choice.candidates], names.index(case.label))
            for case, choice in made
            for names in [[each.variant.name for each in choice.candidates]]
            if case.label in names
        ]
    )
    sure = []
    for case, choice in made:
        found = confidences([each.score for each in choice.candidates], temperature)
        sure.append((found[0] - found[1], found[0], exact(case, choice)))
    print(f"\n── weights crossed, {FOLDS} folds of growth and grow ──")
    print(f"crossed     {interval(sum(each[2] for each in sure), len(sure))}")
    print(f"expected calibration error {calibration_error([each[1:] for each in sure]):.3f}")
    for threshold in ABSTAIN:
        told = [each[2] for each in sure if each[0] >= threshold]
        print(
            f"  margin {threshold:.1f}: answers {len(told) / len(sure):>5.0%}, right {interval(sum(told), len(told))}"
        )
    return temperature


def _selector(pack: VariantPack, weights: Weights) -> Selector:
    return Selector(pack, weights=weights, exists=lambda *_: True)


def main() -> int:
    """Print agreement, all parts by both weights, the comparison of the weights, perturbations."""
    pack = VariantLibrary().pack("codegen")
    every, later = cases(), growth()
    grown, checked = [c for c in every if is_grown(c)], [c for c in every if not is_grown(c)]
    if "--learn" in sys.argv[1:]:
        learn(pack, [*grown, *later])
    if {"--learn", "--grow"} & set(sys.argv[1:]):
        checked = []
    _agreement(every)
    for name in ("v1", "v2"):
        selector = _selector(pack, own_weights(name))
        report(f"grow, {len(grown)} cases that words and weights were grown on", selector, grown)
        print(f"\nfirst met   {interval(*FIRST_MET[name])}   growth, before anything was grown on it")
        report(f"growth, {len(later)} cases that words and weights were grown on later", selector, later)
        if checked:
            report(f"check, {len(checked)} cases whose texts were not read", selector, checked)
        perturbations(selector, [*grown, *later, *checked])
    if checked:
        found = compare(labelled(checked), pack, rule=own_weights("v1"), learnt=own_weights("v2"))
        print(
            f"\nOn check v1 has {found.rule} right, v2 {found.learnt}; only v1 {found.only_rule}, only v2 {found.only_learnt}; "
            f"chance of such a difference {found.chance:.2f}"
        )
    return 0


def _agreement(every: Sequence[Case]) -> None:
    first, second = (_labels(HERE / f"labels.{name}.jsonl") for name in ("first", "second"))
    both = [(first[each.id][0], second[each.id][0]) for each in every]
    print(
        f"{len(every)} cases, labelled twice: the same label for {sum(a == b for a, b in both)}, Cohen's kappa {kappa(both):.3f}"
    )
    print(ABOUT_KAPPA)


if __name__ == "__main__":
    sys.exit(main())
