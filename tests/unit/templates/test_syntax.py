from __future__ import annotations

from weft.templates.bodies import read_body
from weft.templates.syntax import Slot


def test_names_come_with_their_first_line() -> None:
    """W10: every name from outside is known with the line of its first use."""
    reading = read_body("{{ a }}\n{{ b.c }}\n{{ a }}{% for t in tags %}{{ t }}{% endfor %}", first_line=5)

    assert reading.names == {"a": 5, "b": 6, "tags": 7}


def test_nested_tokens_are_one_slot() -> None:
    """W09: `system_params.customer_email.body` is one place with three keys."""
    reading = read_body("{{ system_params.customer_email.body }} {{ x['y z'].q }}")

    assert [slot.keys for slot in reading.slots] == [
        ("system_params", "customer_email", "body"),
        ("x", "y z", "q"),
    ]
    assert reading.slots[0].name == "system_params.customer_email.body"


def test_methods_are_no_keys() -> None:
    """`topic.strip()` uses `topic`, and the arguments of calls count."""
    reading = read_body("{{ topic.strip(chars) }}")

    assert [slot.keys for slot in reading.slots] == [("topic",), ("chars",)]


def test_own_names_are_not_needed() -> None:
    """Loop variables and `set` names come from the template itself."""
    reading = read_body("{% set n = x %}{{ n }}{% for a in y %}{{ loop.index }}{{ a.b }}{% endfor %}")

    assert set(reading.names or ()) == {"x", "y"}
    assert reading.listed == {"y"}


def test_plain_body_is_texts_and_slots() -> None:
    """A body without logic or filters is known as such."""
    assert read_body("Hi {{ a }}!").plain == ("Hi ", Slot(("a",), 1), "!")
    assert read_body("Hi {{ a|upper }}!").plain is None
    assert read_body("{% if a %}{% endif %}").plain is None
