import pytest

from weft.schema import Field, Kind, Schema
from weft.testing.plain import PlainPrompter


@pytest.fixture
def prompter():
    """A prompter with one text in, a short text and a choice out."""
    inputs = Schema((Field(name="body"),))
    answers = Schema(
        (Field(name="tldr", max_words=12), Field(name="kind", kind=Kind.ENUM, options=("bug", "praise")))
    )
    return PlainPrompter(inputs, answers)
