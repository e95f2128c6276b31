"""Stop 7: whose answer is this?

Answers are matched to rows by label, never by order, and each is checked against the schema.
Pure and total: any text gives answers and complaints, never an exception. Packaging (fences,
prose around the JSON, a trailing comma) is repaired once and counted; values never are.
Refuses to know money and the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weft.call import Finish, Pack, PackRow, Reply
from weft.engine.reading import Found, read_rows
from weft.errors import DuplicateLabels, MissingLabels, code_of
from weft.protocols import Prompter
from weft.row import Checked

REPLY_KEY = "rows"  # the one key of a reply; strict structured output wants an object at the root
LABEL_KEY = "id"
MISSING = code_of(MissingLabels)
DOUBLED = code_of(DuplicateLabels)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A row without a good answer, and why.

    Attributes:
        code: stable, such as `missing_labels` or `wrong_shape`.
        complaint: one sentence, shown to the model when asked again and to people at the end.
    """

    row: PackRow
    code: str
    complaint: str


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a reply held.

    Attributes:
        answers: rows with a checked answer, in pack order.
        unanswered: the others, in pack order.
        problem: what was odd about the reply as a whole; empty if nothing.
    """

    answers: tuple[tuple[PackRow, Checked], ...]
    unanswered: tuple[Unanswered, ...]
    problem: str = ""


def unpack_reply(reply: Reply, pack: Pack, prompter: Prompter) -> Unpacked:
    """Give every row of a pack its answer or a complaint."""
    found = read_rows(reply.text, key=REPLY_KEY, cut=reply.finish is Finish.LENGTH)
    if found.problem and not found.rows:
        return _none(pack, found.code, found.problem)
    named, doubled, strange = _by_label(found.rows, pack)
    if doubled and (strange or len(named) < len(pack.rows)):
        # The labels as a set are not those asked for: no answer of this reply can be trusted (F22).
        return _none(pack, DOUBLED, "The reply answers some rows twice and others not at all.")
    return _checked(found, pack, prompter, named=named, doubled=doubled, strange=strange)


def _by_label(rows: Sequence[Any], pack: Pack) -> tuple[dict[str, dict[str, Any]], set[str], int]:
    """Sort answers by label: one each, those given twice, and the count of strangers."""
    if [answer.get(LABEL_KEY) if type(answer) is dict else None for answer in rows] == [*pack.labels]:
        return dict(zip(pack.labels, rows, strict=True)), set(), 0  # as nearly all replies are
    asked = set(pack.labels)
    named: dict[str, dict[str, Any]] = {}
    doubled: set[str] = set()
    strange = 0
    for answer in rows:
        label = answer.get(LABEL_KEY) if isinstance(answer, dict) else None
        if not isinstance(label, str) or label not in asked:
            strange += 1
        elif label in named:
            doubled.add(label)
        else:
            named[label] = answer
    return named, doubled, strange


def _checked(
    found: Found,
    pack: Pack,
    prompter: Prompter,
    *,
    named: dict[str, dict[str, Any]],
    doubled: set[str],
    strange: int,
) -> Unpacked:
    answers: list[tuple[PackRow, Checked]] = []
    unanswered: list[Unanswered] = []
    missing_code, missing = (found.code, found.problem)
    if not found.cut:
        missing_code, missing = (MISSING, "The reply has no answer for this row.")
    labelled = [*zip(pack.rows, pack.labels, strict=True)]
    once = [(row, named[label]) for row, label in labelled if label in named and label not in doubled]
    for _, answer in once:
        del answer[LABEL_KEY]  # it is ours alone, read from the text a moment ago
    judged = iter(prompter.answers_of([answer for _, answer in once], [row.values for row, _ in once]))
    for row, label in labelled:
        if label not in named:
            unanswered.append(Unanswered(row, missing_code, missing))
        elif label in doubled:
            unanswered.append(Unanswered(row, DOUBLED, "The reply answers this row more than once."))
        elif (checked := next(judged)).problems:
            said = " ".join([problem.message for problem in checked.problems])
            unanswered.append(Unanswered(row, checked.problems[0].code, said))
        else:
            answers.append((row, checked))
    return Unpacked(tuple(answers), tuple(unanswered), _oddity(found, strange))


def _oddity(found: Found, strange: int) -> str:
    said = [found.problem] if found.problem else []
    if strange:
        said.append(
            f"The reply held {strange} answer{'s' if strange > 1 else ''} for rows that were not asked about."
        )
    return " ".join(said)


def _none(pack: Pack, code: str, problem: str) -> Unpacked:
    return Unpacked((), tuple(Unanswered(row, code, problem) for row in pack.rows), problem)
