import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from weft.engine.reading import read_rows

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(
    st.text()
    | st.builds(json.dumps, plain)
    | st.builds(lambda t, n: json.dumps(t)[:n], plain, st.integers(0, 80))
)
@example('{"rows":[' + "[" * 100_000)
@example('{"rows":[{"id":"a","x":"\\ud800"}]}')
def test_any_text_gives_rows_or_a_reason(text):
    """P2 of the parser: any text gives a list or a sentence, never an exception."""
    found = read_rows(text, key="rows")

    assert isinstance(found.rows, list)
    assert found.rows or found.problem or '"rows"' in text or "[" in text


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=6), plain, max_size=4), max_size=6))
def test_plain_replies_come_back_unchanged(rows):
    """A well-formed reply is read as it was written."""
    for text in (json.dumps({"rows": rows}), json.dumps(rows), json.dumps({"rows": rows}, indent=2)):
        assert read_rows(text, key="rows").rows == json.loads(json.dumps(rows))


GOOD = '{"rows": [{"id": "a", "x": 1}, {"id": "b", "x": 2}]}'


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"Here you are:\n{GOOD}\nAnything else?",
        GOOD[:-2] + ",]}",
    ],
    ids=["fence", "bare fence", "prose", "trailing comma"],
)
def test_packaging_is_repaired_and_said(text):
    """F18, F19: fences, prose and a trailing comma are taken off, and the repair is noted."""
    found = read_rows(text, key="rows")

    assert [row["id"] for row in found.rows] == ["a", "b"]
    assert found.code == "repaired"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"rows":[{"id":"a","id":"b"}]}', "same key twice"),
        ('{"rows":[{"id":"a","x":NaN}]}', "`NaN`"),
        ('{"rows":[{"id":"a","x":Infinity}]}', "`Infinity`"),
        ("[" * 100_000, ""),
        ('{"rows":[{"id":"a","x":' + "9" * 5000 + "}]}", ""),
        ("<html>log in</html>", "not JSON"),
        ("", "empty"),
        ("   \n", "empty"),
        ('{"answers":[]}', "no list of answers"),
        ('"just text"', "no list of answers"),
    ],
    ids=[
        "doubled key",
        "nan",
        "infinity",
        "depth",
        "digits",
        "html",
        "nothing",
        "blank",
        "other key",
        "text",
    ],
)
def test_hostile_replies_are_refused_with_reason(text, says):
    """F18, F20, F29, B06: what is not plain JSON in the agreed shape is named and nothing is taken from it."""
    found = read_rows(text, key="rows")

    assert found.rows == [] or all(isinstance(row, dict) for row in found.rows)
    assert says in found.problem


def test_a_lone_surrogate_reaches_its_own_row():
    """F20: text that cannot be stored spoils its own row, not its neighbours."""
    found = read_rows('{"rows":[{"id":"a","x":"\\ud800"},{"id":"b","x":"fine"}]}', key="rows")

    assert [row["id"] for row in found.rows] == ["a", "b"]


@pytest.mark.parametrize("at", range(1, len(GOOD)))
def test_a_cut_reply_keeps_only_certain_rows(at):
    """F16, F28: of a reply cut at any character, only complete answers before the last are kept."""
    found = read_rows(GOOD[:at], key="rows", cut=True)

    assert found.rows in ([], [{"id": "a", "x": 1}])
    if found.rows:
        assert found.cut
        assert at > GOOD.index('{"id": "b"')


@pytest.mark.parametrize(
    "text",
    ['{"rows":[' + '{"id":"x"},' * 20_000, "[[" * 50_000, '{"' * 50_000, "```" * 30_000, ", ]" * 30_000],
    ids=["many rows", "brackets", "braces", "fences", "commas"],
)
def test_reading_takes_linear_time(text):
    """A hundred kilobytes of nonsense are read without quadratic searching."""
    began = time.process_time()
    read_rows(text, key="rows")

    assert time.process_time() - began < 2.0
