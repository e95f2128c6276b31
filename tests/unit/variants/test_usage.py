from __future__ import annotations

import json
from pathlib import Path

import pytest

import weft.variants.usage as room
from weft.errors import BrokenLog, UnknownName
from weft.variants.requirements import Operation, Requirements
from weft.variants.selecting import Selector
from weft.variants.usage import Choice, UsageLog

WEEK_46 = 1_700_000_000.0
ASKED = Requirements(
    kind="effect", operations=(Operation("a", "db.read"), Operation("b", "db.write")), text="Keeps orders."
)


@pytest.fixture
def log(tmp_path: Path) -> UsageLog:
    """An empty log in a folder that is not there yet."""
    return UsageLog(tmp_path / ".weft" / "variants" / "usage.jsonl")


def note(
    log: UsageLog, selector: Selector, asked: Requirements = ASKED, *, override: str = "", at: float = WEEK_46
) -> Choice:
    """Choose and note the choice."""
    return log.note(selector.select(asked, override=override), pack="codegen", at=at, micros=70)


def test_choice_is_noted_and_read_again(log: UsageLog, learnt: Selector) -> None:
    """V23: variant, confidence, time and fallback of each choice are kept."""
    noted = note(log, learnt)
    found = log.read().choices

    assert found == (noted,)
    assert (noted.variant, noted.fallback, noted.overridden, noted.micros) == (
        "database_heavy",
        False,
        False,
        70,
    )
    assert noted.weights == learnt.weights.name
    assert noted.asked["description"] == "Keeps orders."


def test_override_keeps_what_was_proposed(log: UsageLog, learnt: Selector) -> None:
    """V23: a person's choice is kept beside the selector's own."""
    noted = note(log, learnt, override="standard")

    assert (noted.variant, noted.proposed, noted.overridden) == ("standard", "database_heavy", True)


def test_outcome_follows_later(log: UsageLog, learnt: Selector) -> None:
    """V44: what became of a choice is a line of its own; the last one counts."""
    noted = note(log, learnt)
    log.settle(noted.id, "failed", at=WEEK_46 + 60)
    log.settle(noted.id, "kept", at=WEEK_46 + 120)

    assert log.read().outcome_of(noted) == "kept"


def test_unknown_choice_and_outcome_are_refused(log: UsageLog, learnt: Selector) -> None:
    """An outcome of nothing, or one that does not exist, is not written."""
    noted = note(log, learnt)
    before = log.path.read_bytes()

    with pytest.raises(UnknownName, match="no choice `0123`"):
        log.settle("0123", "kept", at=0)
    with pytest.raises(BrokenLog, match="no outcome 'fine'"):
        log.settle(noted.id, "fine", at=0)

    assert log.path.read_bytes() == before


def test_line_cut_off_by_a_crash_costs_nothing(log: UsageLog, learnt: Selector) -> None:
    """The beginning of a line is left out, and the next line begins on its own."""
    first = note(log, learnt)
    with log.path.open("ab") as file:
        file.write(b'{"line":"choice","id":"abc')
    assert log.read().choices == (first,)

    second = note(log, learnt, at=WEEK_46 + 1)

    assert log.read().choices == (first, second)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[1]", "is no object"),
        ('{"line":"x"}', "neither choice nor outcome"),
        ('{"line":"outcome","choice":"a"}', "lacks or adds at, outcome"),
        ('{"line":"outcome","choice":"a","at":"now","outcome":"kept"}', "no usable `at`"),
        ('{"line":"outcome","choice":"a","at":true,"outcome":"kept"}', "no usable `at`"),
        ('{"line": oops}', "is not JSON"),
    ],
)
def test_broken_line_is_told_with_its_number(log: UsageLog, learnt: Selector, line: str, said: str) -> None:
    """A line that somebody has spoilt is an error with its number, not a guess."""
    note(log, learnt)
    with log.path.open("a") as file:
        file.write(line + "\n")

    with pytest.raises(BrokenLog, match="line 2") as caught:
        log.read()
    assert said in caught.value.message


def test_log_is_bounded(log: UsageLog, learnt: Selector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full log is put aside once; both parts are read, nothing older is kept."""
    monkeypatch.setattr(room, "MOST_BYTES", 1500)
    for n in range(12):
        note(log, learnt, at=WEEK_46 + n)

    assert sorted(each.name for each in log.path.parent.iterdir()) == ["usage.1.jsonl", "usage.jsonl"]
    assert all(each.stat().st_size <= 1500 for each in log.path.parent.iterdir())
    assert log.read().choices[-1].at == WEEK_46 + 11


def test_huge_requirements_leave_their_line(log: UsageLog, learnt: Selector) -> None:
    """Requirements that are too long are not kept; the rest of the line is."""
    huge = Requirements(kind="effect", features=tuple(f"{'x' * 900}{n}" for n in range(60)))
    noted = note(log, learnt, huge)

    assert noted.asked == {}
    assert log.read().choices == (noted,)


def test_each_line_is_one_json_value(log: UsageLog, learnt: Selector) -> None:
    """The file can be read line by line with any tool, whatever a description holds."""
    note(log, learnt, Requirements(kind="effect", text='line\nbreak "quote" \u2028 é'))

    lines = log.path.read_bytes().split(b"\n")
    assert json.loads(lines[0])["asked"]["description"].startswith("line\nbreak")
    assert lines[1:] == [b""]
