import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weft.kit.strict_json import NotStrict, loads

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(plain, st.booleans())
@example({"a": '":', 'b":': '\\":'}, True)
@example([{"x": 2**64 + 1}], False)
def test_plain_values_come_back_unchanged(value, spaced):
    """Both roads read what the standard library wrote, to the last digit."""
    text = json.dumps(value, indent=1 if spaced else None)

    assert loads(text) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a":1,"a":2}', "same key twice"),
        ('{"rows":[{"a":1,"b":2,"a":3}]}', "same key twice"),
        ('{"a":"x\\":","b" : 1,"b":2}', "same key twice"),
        ("[NaN]", "`NaN`"),
        ("[-Infinity]", "`-Infinity`"),
        ("[" * 100_000, "too deeply"),
        ("[" * 101 + "]" * 101, "too deeply"),
        ('{"a":' * 101 + "1" + "}" * 101, "too deeply"),
        ("{", "is not JSON"),
        ("", "is not JSON"),
        ("[" + "9" * 5000 + "]", "is not JSON"),
    ],
)
def test_what_is_not_strict_is_named(text, says):
    """F20: doubled keys, NaN, endless depth and digits are refused with a phrase that says which."""
    with pytest.raises(NotStrict, match=says):
        loads(text)


@pytest.mark.parametrize(
    "text", ["[" * 100 + "]" * 100, "[" + ",".join(["[[],{}]"] * 200) + "]", '"' + "[" * 500 + '"']
)
def test_what_is_wide_is_not_deep(text):
    """F20: a hundred levels may stand in a value, and any number of them beside each other."""
    assert loads(text) == json.loads(text)


def test_half_surrogates_are_kept():
    """F20: a half surrogate pair reaches whoever judges the single value."""
    assert loads('{"a":"\\ud800"}') == {"a": "\ud800"}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a"\n: 2}',
        '{"a": "x", "a"  : "y"}',
        '{"rows": [{"id": "b", "n": "1", "n"\t:"2"}]}',
        '{"a": "\\\\", "a": "\\\\"}',
        '{"a": ["\\""], "a"\r:["\\""]}',
        '{"a": "\\\\\\"", "a"\n: "\\\\"}',
    ],
)
def test_a_key_that_stands_twice_is_seen_however_it_is_written(text):
    """P37: white space before a colon and escapes do not hide that a key stands twice."""
    with pytest.raises(NotStrict, match="same key twice"):
        loads(text)
