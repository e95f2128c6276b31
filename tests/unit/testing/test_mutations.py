from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import orjson
import pytest

from weft.call import Finish, Usage
from weft.testing import mutations as spoil
from weft.testing.drafts import Draft
from weft.testing.faults import FAULTS


def spoilt(change: spoil.Mutation, rows: int = 4, seed: int = 1) -> Draft:
    """A draft of some rows after a mutation."""
    draft = Draft(
        rows=[{"id": f"row{n}", "text": f"text {n}", "kind": "ab"[n % 2]} for n in range(rows)],
        stated=Usage(input_tokens=10, output_tokens=10),
    )
    draft.write()
    change(draft, Random(seed))
    return draft


def ids(draft: Draft) -> list[str]:
    """The labels in a draft's text."""
    return [row["id"] for row in orjson.loads(draft.write())["rows"]]


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        (spoil.drop_row, lambda found: len(found) == 3),
        (spoil.repeat_row, lambda found: len(found) == 5 and len(set(found)) == 4),
        (spoil.add_row, lambda found: len(found) == 5 and "zzzzzz" in found),
        (spoil.rename_row, lambda found: len(found) == 4 and "yyyyyy" in found),
        (spoil.shuffle_rows, lambda found: sorted(found) == ["row0", "row1", "row2", "row3"]),
        (spoil.swap_answers, lambda found: found == ["row0", "row1", "row2", "row3"]),
        (spoil.answer_others, lambda found: not set(found) & {"row0", "row1", "row2", "row3"}),
        (spoil.forger, lambda found: len(found) == 6 and len(set(found)) == 6),
        (spoil.dropper(0.5), lambda found: len(found) == 2),
    ],
)
def test_labels_change_as_named(change: spoil.Mutation, holds: Callable[[list[str]], bool]) -> None:
    """F21-F25, F33: labels are missing, doubled, strange, shuffled or swapped, and only that."""
    assert holds(ids(spoilt(change)))


@pytest.mark.parametrize("change", [spoil.swap_answers, spoil.swapper(0, 3)])
def test_swapped_rows_keep_every_answer(change: spoil.Mutation) -> None:
    """F25: two rows carry each other's answer, the others their own."""
    rows = orjson.loads(spoilt(change).write())["rows"]

    wrong = [row for row in rows if row["text"] != "text " + row["id"][-1]]

    assert len(wrong) == 2
    assert sorted(row["text"] for row in rows) == ["text 0", "text 1", "text 2", "text 3"]


def test_obeyer_gives_all_rows_one_answer() -> None:
    """Engine 2.5: what one row says happens to all, under correct labels."""
    rows = orjson.loads(spoilt(spoil.obeyer(2)).write())["rows"]

    assert {row["text"] for row in rows} == {"text 2"}
    assert len({row["id"] for row in rows}) == 4


def test_bleeder_copies_the_neighbour() -> None:
    """Engine 2.5: each row but the first carries its neighbour's text."""
    rows = orjson.loads(spoilt(spoil.bleeder).write())["rows"]

    assert [row["text"] for row in rows] == ["text 0", "text 0", "text 1", "text 2"]


@pytest.mark.parametrize(
    ("change", "inside"),
    [
        (spoil.put_strange_option, '"none-of-these"'),
        (spoil.put_wrong_type, '{"unexpected":["shape"]}'),
        (spoil.put_null, "null"),
        (spoil.put_long_text, "word word word"),
        (spoil.add_field, '"unasked":"surplus"'),
        (spoil.write_key_twice, ':"second"'),
        (spoil.write_nan, ":NaN"),
        (spoil.write_endless_number, "9" * 5_000),
        (spoil.write_depth_bomb, "[" * 100_000),
        (spoil.write_lone_surrogate, r"\ud800"),
        (spoil.write_nul, r"\u0000"),
        (spoil.fence, "```json\n{"),
        (spoil.add_prose, "Sure!"),
        (spoil.add_comma, ",}"),
        (spoil.refuse_in_prose, "can't help"),
    ],
)
def test_text_is_spoilt_as_named(change: spoil.Mutation, inside: str) -> None:
    """F18-F20, F26, F27: the reply's text holds what the mutation promises."""
    assert inside in spoilt(change).write()


def test_key_stands_twice_in_one_object() -> None:
    """F20: the same key, once with each value."""
    pairs: list[tuple[str, Any]] = []

    json.loads(spoilt(spoil.write_key_twice).write(), object_pairs_hook=pairs.extend)

    first = next(name for name, value in pairs if value == "first")
    assert (first, "second") in pairs


def test_missing_field_is_left_out() -> None:
    """F26: one answer lacks one field."""
    rows = orjson.loads(spoilt(spoil.drop_field).write())["rows"]

    assert sorted(len(row) for row in rows) == [2, 3, 3, 3]


@pytest.mark.parametrize("change", [spoil.spoil_json, spoil.cut_text])
@pytest.mark.parametrize("seed", range(5))
def test_spoilt_text_is_no_json(change: spoil.Mutation, seed: int) -> None:
    """F18, F28: what was taken away breaks the JSON."""
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(spoilt(change, seed=seed).write())


def test_repeated_text_stands_twice() -> None:
    """F34: the same object comes twice in one text."""
    text = spoilt(spoil.repeat_text).write()

    assert text == text[: len(text) // 2] * 2


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        (spoil.refuse, lambda d: d.refusal and not d.text),
        (spoil.filter_content, lambda d: d.finish is Finish.REFUSED),
        (spoil.cut_text, lambda d: d.finish is Finish.LENGTH),
        (spoil.say_nothing, lambda d: d.text == ""),
        (spoil.choose_nothing, lambda d: not d.has_choice),
        (spoil.hide_usage, lambda d: d.stated is None),
        (spoil.zero_usage, lambda d: not d.stated.is_known),
        (spoil.absurd_usage, lambda d: d.stated.input_tokens > 10**12 and d.billed is None),
        (spoil.exceed_usage, lambda d: d.stated == d.billed and d.billed.reasoning_tokens == 50_000),
        (spoil.name_other_model, lambda d: d.model == "some-other-model"),
        (
            spoil.show_login_page,
            lambda d: d.wrap(b"{}").startswith(b"<!DOCTYPE") and "html" in d.content_type,
        ),
        (spoil.empty_body, lambda d: d.wrap(b"{}") == b""),
        (spoil.cut_body, lambda d: 0 < len(d.wrap(b"x" * 100)) < 100),
    ],
)
def test_envelope_is_spoilt_as_named(change: spoil.Mutation, holds: Callable[[Draft], object]) -> None:
    """F16, F17, F27-F32: the envelope claims what the mutation promises."""
    assert holds(spoilt(change))


@pytest.mark.parametrize(
    "change",
    [
        *(fault.change for fault in FAULTS.values() if fault.change),
        spoil.obeyer(0),
        spoil.swapper(0, 1),
        spoil.bleeder,
        spoil.forger,
        spoil.dropper(0.5),
    ],
)
def test_empty_draft_survives_every_mutation(change: spoil.Mutation) -> None:
    """A draft without rows or text is spoilt without an accident."""
    draft = Draft(text="", model="m")

    change(draft, Random(0))

    assert isinstance(draft.write(), str)
