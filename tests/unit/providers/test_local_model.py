from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.providers._local_model import LocalModel
from weft.providers._local_reading import demonstrations, read_row, rows_of


def model(system: str = "", **fields: Any) -> LocalModel:
    row = {"type": "object", "properties": {"id": {"type": "string"}, **fields}}
    return LocalModel(system, {"properties": {"rows": {"type": "array", "items": row}}})


def answer(content: Any, system: str = "", **field: Any) -> Any:
    return model(system, field=field).answer("a", content)["field"]


LEVELS = {"type": "string", "enum": ["practice", "expert"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Drills and exercises for beginners", "practice"),
        ("Proofs and theory of advanced research", "expert"),
        ("An expert's view", "expert"),
        ("EXERCISES!", "practice"),
    ],
)
def test_nearest_option_is_taken(text: str, expected: str) -> None:
    """Names and descriptions of options decide, in any case and roughly in any form."""
    described = "practice: exercises and drills for beginners; expert: theory, proofs, advanced research"

    assert answer({"text": text}, **LEVELS, description=described) == expected


def test_task_explains_options() -> None:
    """A sentence of the task that names one option alone describes it."""
    task = "Judge topics. Call it practice when people train a skill. Call it expert when it needs years of study."

    assert answer({"topic": "how to train at home"}, task, **LEVELS) == "practice"
    assert answer({"topic": "years spent in study"}, task, **LEVELS) == "expert"


DEMONSTRATED = """Judge.

# Rows
The user message is a JSON array of rows.

# Rules
- Where a row is an expert, say `practice`: words of the frame count for nothing.

# Examples
These rows
[{"id":"example-1","data":{"topic":"juggling balls"}},
{"id":"example-2","data":{"topic":"tensor calculus"}}]
are answered well by
{"rows":[{"id":"example-1","level":"practice","hard":false},
{"id":"example-2","level":"expert","hard":true}]}
"""


def test_demonstrations_are_found() -> None:
    """Rows and their right answers stand in the task as they stand in a call."""
    found = demonstrations(DEMONSTRATED)

    assert [(content["topic"], right["level"]) for content, right in found] == [
        ("juggling balls", "practice"),
        ("tensor calculus", "expert"),
    ]
    assert demonstrations("no examples [1] {") == []


def test_demonstrations_decide() -> None:
    """A row is answered as the demonstration that it shares words with."""
    task = model(DEMONSTRATED, level=LEVELS, hard={"type": "boolean", "description": "is it hard"})

    assert task.answer("a", {"topic": "juggling clubs"}) == {"id": "a", "level": "practice", "hard": False}
    assert task.answer("b", {"topic": "calculus of variations"}) == {
        "id": "b",
        "level": "expert",
        "hard": True,
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [(["a1", "other", "b1"], "other"), (["b1", "a1"], "b1"), (["a1", None], None)],
)
def test_nothing_shared_is_the_fallback(options: list[str | None], expected: str | None) -> None:
    """Without any shared word: the option for the rest, null where it may be, else the first."""
    assert answer({"text": "zzz"}, type=["string", "null"], enum=options) == expected


def test_boolean_asks_for_its_words() -> None:
    """True where the row speaks of what the field is about."""
    urgent = {"type": "boolean", "description": "true if the customer needs help immediately"}

    assert model(urgent=urgent).answer("a", "Please help, it burns!")["urgent"] is True
    assert model(urgent=urgent).answer("a", "Thank you for the flowers.")["urgent"] is False


def test_chosen_option_decides_a_flag_that_names_it() -> None:
    """Where a flag's description names the option chosen before, the answer agrees with itself."""
    fields = {
        "kind": {"type": "string", "enum": ["order", "spam"]},
        "reply": {"type": "boolean", "description": "true if an order waits for a reply; false for spam"},
    }

    assert model(**fields).answer("a", "spam and reply")["reply"] is False
    assert model(**fields).answer("a", "the orders")["reply"] is True


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"text": "It costs 49.90 dollars for 3 people."}, 49.9),
        ({"text": "3 people paid 1,250 dollars."}, 1000),  # clamped
        ({"price": 12.5, "text": "7"}, 12.5),
        ({"price": "about 40"}, 40),
        ({"text": "version 2.3.4 of x86"}, 0),  # no number stands there
        ({"text": "-7 dollars"}, 0),
    ],
)
def test_number_is_extracted(content: Any, expected: float) -> None:
    """The number nearest to the question's words, clamped to its range; the lower end without any."""
    assert (
        model(
            price={"type": "number", "description": "price in dollars", "minimum": 0, "maximum": 1000}
        ).answer("a", content)["price"]
        == expected
    )


def test_missing_number_is_null_if_it_may() -> None:
    """Nothing is made up where null is allowed."""
    assert answer({"text": "none"}, type=["integer", "null"]) is None
    assert answer({"text": "2.6"}, type=["integer", "null"]) == 3


TEXT = (
    "The new pump failed again on Tuesday. We had lunch. The pump leaks oil and the pump alarm is silent, "
    "so the whole line stands still until somebody brings a new pump."
)


@pytest.mark.parametrize("words", [1, 3, 6, 12])
def test_text_keeps_its_words(words: int) -> None:
    """A text is taken from the row, at most as many words as the description allows."""
    found = answer({"text": TEXT}, type="string", description=f"what happened (at most {words} words)")

    assert 1 <= len(found.split()) <= words
    assert found in TEXT
    assert "lunch" not in found


def test_text_keeps_its_length() -> None:
    """Characters are limited too, and cut between words."""
    found = answer({"text": TEXT}, type="string", maxLength=20)

    assert 1 <= len(found) <= 20
    assert found in TEXT
    assert answer({"text": "x" * 500}, type="string", maxLength=20) == "x" * 20


def test_text_reaches_its_minimum() -> None:
    """Where more words are wanted than the best sentence has, others of the row join."""
    found = answer(
        {"text": "Rain came. It fell on roofs. Then it stopped."}, type="string", description="(6 to 9 words)"
    )

    assert 6 <= len(found.split()) <= 9


@pytest.mark.parametrize("field", [{"description": "(at least 9 words)"}, {"minLength": 60}])
def test_row_without_more_words_is_said_again(field: dict[str, Any]) -> None:
    """Nothing is made up to reach a minimum that the row cannot fill."""
    found = answer({"text": "Rain came. It fell."}, type="string", **field)

    assert len(found.split()) >= 9
    assert set(found.split()) == {"Rain", "came.", "It", "fell."}
    assert answer({"text": ""}, type="string", **field) == ""
    assert answer({"text": "Rain"}, type="string", minLength=9, description="(at most 1 word)") == "Rain"


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ({"type": "string", "format": "date"}, "2026-03-04"),
        ({"type": "string", "format": "date-time"}, "2026-03-04T14:05:00Z"),
        ({"type": "string", "format": "email"}, "ann@example.org"),
        ({"type": "string", "format": "uri"}, "https://example.org/a?b=1"),
        ({"type": "string", "pattern": "^(?:[A-Z]{2}-[0-9]+)$"}, "AB-123"),
    ],
)
def test_things_with_a_form_are_found(field: dict[str, Any], expected: str) -> None:
    """Dates, addresses and patterns are taken where they stand; null or nothing where they do not."""
    text = "On 2026-03-04 14:05 ann@example.org wrote about order AB-123, see https://example.org/a?b=1."
    assert answer({"text": text}, **field) == expected
    assert answer({"text": "none of it 9999-99-99"}, **field) == ""
    assert answer({"text": "none"}, **{**field, "type": ["string", "null"]}) is None


def test_lists_hold_what_is_central() -> None:
    """Texts by weight, options by nearness, with their least and most."""
    assert answer({"text": TEXT}, type="array", items={"type": "string"}, maxItems=2)[0] == "pump"
    options = {"type": "string", "enum": ["pump", "alarm", "roof"]}
    assert set(answer({"text": TEXT}, type="array", items=options)) == {"pump", "alarm"}
    assert answer({"text": "zzz"}, type="array", items=options, minItems=1) == ["pump"]
    assert answer({"text": "zzz"}, type="array", items=options) == []
    assert answer({"text": "at 2026-03-04"}, type="array", items={"type": "string", "format": "date"}) == [
        "2026-03-04"
    ]


def test_objects_are_answered_inside() -> None:
    """An object's fields are answered like any other."""
    inner = {"kind": {"type": "string", "enum": ["pump", "roof"]}, "count": {"type": "integer"}}

    assert answer({"text": "2 roofs"}, type="object", properties=inner) == {"kind": "roof", "count": 2}


def test_list_of_objects_has_one_per_sentence() -> None:
    """Each entry is taken from a sentence of its own; the least number is kept."""
    entry = {"type": "object", "properties": {"task": {"type": "string"}, "days": {"type": "integer"}}}
    text = "Ann repairs the pump in 3 days. Bob paints the pump in 5 days."
    found = answer({"text": text}, type="array", items=entry, maxItems=2)

    assert [each["days"] for each in found] == [3, 5]
    assert found[0]["task"] in text
    assert len(answer({"text": "One sentence."}, type="array", items=entry, minItems=2)) == 2
    assert answer({"text": ""}, type="array", items=entry) == []


@pytest.mark.parametrize(("minutes", "expected"), [(45, [15, 15, 15]), (50, [16, 16, 16]), (25, [12, 12])])
def test_shares_add_up(minutes: int, expected: list[int]) -> None:
    """A number of the row is shared out where the description says that entries add up to it."""
    part = {"minutes": {"type": "integer", "minimum": 10}, "task": {"type": "string"}}
    plan = {"type": "object", "properties": part}
    text = f"We read. We write. We talk. The lesson takes {minutes} minutes."
    found = answer(
        {"text": text},
        type="array",
        items=plan,
        minItems=1,
        maxItems=3,
        description="the minutes add up to the lesson",
    )

    assert [each["minutes"] for each in found] == expected


def test_markup_of_templates_is_no_text() -> None:
    """Values between tags are read as what they were before they were escaped."""
    found = answer({"text": "<notes>Salt &amp; pepper</notes>"}, type="string")

    assert found == "Salt & pepper"


def test_constant_is_itself() -> None:
    """A field with one allowed value has it."""
    assert answer({"text": "x"}, const="fixed") == "fixed"


def test_rows_are_found_in_sentences() -> None:
    """Sentences and other brackets around the rows do not matter; complaints are no content."""
    user = 'Rows [see below]:\n[{"id":"a","complaint":"too long","data":{"x":1}},{"id":"b","text":"t"},{"id":"c","y":2}] end]'

    assert rows_of(user) == [("a", {"x": 1}), ("b", "t"), ("c", {"y": 2})]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
@settings(max_examples=150, deadline=None)
def test_every_row_fits_the_schema(content: Any) -> None:
    """Whatever a row holds, the answer has the right kinds and keeps options, ranges and lengths."""
    found = model(
        level=LEVELS,
        flag={"type": "boolean"},
        score={"type": "integer", "minimum": 1, "maximum": 5},
        text={"type": "string", "maxLength": 30, "description": "(at most 4 words)"},
        tags={"type": "array", "items": {"type": "string", "maxLength": 12}, "maxItems": 3},
    ).answer("a", content)

    assert found["level"] in LEVELS["enum"]
    assert isinstance(found["flag"], bool)
    assert 1 <= found["score"] <= 5
    assert isinstance(found["score"], int)
    assert len(found["text"]) <= 30
    assert len(found["text"].split()) <= 4
    assert len(found["tags"]) <= 3
    assert all(0 < len(tag) <= 12 for tag in found["tags"])


def test_row_is_read_with_its_names() -> None:
    """Texts and numbers keep the names of their fields, however deep they stand."""
    reading = read_row({"mail": {"subject": "Pumps", "size": 3}, "urgent": True, "none": None})

    assert reading.texts == (("subject", "Pumps"), ("urgent", "urgent yes"))
    assert reading.numbers == (("size", 3),)
