"""How many tokens texts and answers take: expected, and at most.

Knows bytes and kinds of values. Refuses to know any tokenizer: the same estimate serves every
model, and the provider's own count settles the bill. English text has about 1.3 tokens a word in
byte-pair tokenizers (OpenAI's and Anthropic's own rules of thumb), and a little more inside JSON.
"""

from __future__ import annotations

from weft.call import tokens_of_bytes
from weft.schema import Field, Kind, Schema

WORD = (1.5, 4)  # tokens a word: expected in JSON text, and at most for rare words and scripts
OPEN_TEXT = (120, 600)  # a text without a limit
OPEN_ENTRY = (10, 100)  # a text without a limit in a list: a few words
OPEN_LIST = (5, 20)  # entries of a list without a limit
ROW_MOST = 4_000  # whatever the limits allow: a longer answer to one row is a runaway
ROW = (14, 20)  # braces, comma, `"id":` and a random label of six characters
KEY = 3  # quotes, colon and comma around a field's name
CHARACTERS_EXPECTED = 0.6  # of a text limited in characters, people and models use about this share
PLAIN: dict[Kind, tuple[int, int]] = {
    Kind.INTEGER: (2, 12),
    Kind.NUMBER: (4, 20),
    Kind.BOOLEAN: (1, 3),
    Kind.DATE: (7, 14),
    Kind.DATETIME: (14, 30),
    Kind.EMAIL: (10, 80),
    Kind.URL: (20, 250),
}
"""Tokens of a value that says little: expected and at most."""


def tokens_of_text(text: str) -> int:
    """Estimate the tokens of a text; never above its UTF-8 bytes."""
    return tokens_of_bytes(len(text.encode("utf-8", "surrogatepass")))


def answer_tokens(answers: Schema) -> tuple[int, int]:
    """Estimate one row's answer with its label: expected tokens and a limit that holds it."""
    expected, limit = _sum(answers.fields)
    return min(ROW_MOST, round(expected + ROW[0])), min(ROW_MOST, limit + ROW[1])


def _sum(fields: tuple[Field, ...], *, listed: bool = False) -> tuple[float, int]:
    expected, limit = 0.0, 0
    for field in fields:
        usual, most = _value(field, listed=listed)
        key = tokens_of_text(field.name) + KEY
        expected += usual + key
        limit += most + key + len(field.name) // 2
    return expected, limit


def _value(field: Field, *, listed: bool = False) -> tuple[float, int]:
    """Expected tokens and the most of one value; `listed` = it stands in a list."""
    if field.kind in PLAIN:
        return PLAIN[field.kind]
    if field.kind is Kind.ENUM:
        longest = max((len(option.encode()) for option in field.options), default=1)
        return tokens_of_bytes(longest) + 1, longest + 2
    if field.kind is Kind.OBJECT:
        expected, limit = _sum(field.fields, listed=listed)
        return expected + 2, limit + 4
    if field.kind is Kind.ARRAY:
        usual, most = _value(field.items or Field(name=""), listed=True)
        count = field.max_items if field.max_items is not None else OPEN_LIST[1]
        likely = min(count, max(OPEN_LIST[0], field.min_items or 0))
        return likely * (usual + 1) + 2, count * (most + 2) + 4
    return _text(field, OPEN_ENTRY if listed else OPEN_TEXT)


def _text(field: Field, unlimited: tuple[float, int]) -> tuple[float, int]:
    choices: list[tuple[float, int]] = []
    if field.max_words is not None:
        choices.append((field.max_words * WORD[0], field.max_words * WORD[1] + 2))
    if field.max_length is not None:
        usual = tokens_of_bytes(round(field.max_length * CHARACTERS_EXPECTED))
        choices.append((usual, field.max_length + 2))
    expected, limit = min(choices, key=lambda choice: choice[1], default=unlimited)
    least = max((field.min_words or 0) * WORD[0], (field.min_length or 0) / 4)
    return max(expected + 2, least), max(limit, round(2 * least))
