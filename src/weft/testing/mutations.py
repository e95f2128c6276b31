"""Small ways in which a reply goes wrong, each a function over a draft.

Knows rows, text, finish and usage of a draft. Refuses to know how a draft travels and who pays:
the table of faults (`faults.py`) names them and says what they mean.
Every mutation changes the draft in place and leaves a draft without rows or text alone.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from weft.testing.drafts import Draft

Mutation = Callable[[Draft, Random], None]
"""Changes a draft in place; chooses by the generator alone."""

DEPTH = 100_000  # brackets of a depth bomb: beyond every recursive parser
DIGITS = 5_000  # of a whole number that no machine word holds


# ── which rows are there (F21-F25) ───────────────────────────────────────────────────────────────


def drop_row(draft: Draft, random: Random) -> None:
    """Leave one row out."""
    if draft.rows:
        draft.rows.pop(random.randrange(len(draft.rows)))
        draft.text = None


def repeat_row(draft: Draft, random: Random) -> None:
    """Answer one row twice, with a different answer the second time where that is possible."""
    if draft.rows:
        chosen = random.choice(draft.rows)
        other = random.choice(draft.rows)
        draft.rows.append({**other, "id": chosen.get("id")})
        draft.text = None


def add_row(draft: Draft, random: Random) -> None:
    """Add a row that nobody asked about."""
    if draft.rows:
        draft.rows.append({**random.choice(draft.rows), "id": "zzzzzz"})
        draft.text = None


def rename_row(draft: Draft, random: Random) -> None:
    """Answer one row under a label that was never given."""
    if draft.rows:
        random.choice(draft.rows)["id"] = "yyyyyy"
        draft.text = None


def shuffle_rows(draft: Draft, random: Random) -> None:
    """Answer in another order; labels and answers stay together."""
    random.shuffle(draft.rows)
    draft.text = None if draft.rows else draft.text


def swap_answers(draft: Draft, random: Random) -> None:
    """Give two rows each other's answer under their own labels: no structure shows it."""
    if len(draft.rows) > 1:
        first, second = random.sample(range(len(draft.rows)), 2)
        rows = draft.rows
        rows[first]["id"], rows[second]["id"] = rows[second]["id"], rows[first]["id"]
        rows[first], rows[second] = rows[second], rows[first]
        draft.text = None
