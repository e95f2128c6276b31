"""Small ways in which a reply goes wrong, each a function over a draft.

Knows rows, text, finish and usage of a draft. Refuses to know how a draft travels and who pays:
the table of faults (`faults.py`) names them and says what they mean.
Every mutation changes the draft in place and leaves a draft without rows alone where it needs some.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import orjson

from weft.call import Finish, Usage
from weft.testing.drafts import Draft

Mutation = Callable[[Draft, Random], None]
"""Changes a draft in place; chooses by the generator alone."""

DEPTH = 100_000  # brackets of a depth bomb: beyond every recursive parser
DIGITS = 5_000  # of a whole number that no machine word holds
ABSURD_TOKENS = 10**15  # more than any model ever wrote
LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
_PLACEHOLDER = "\x01weft\x01"

# ── which rows are there ─────────────────────────────────────────────────────────────────────────


def drop_row(draft: Draft, random: Random) -> None:
    """Leave one row out."""
    if draft.rows:
        draft.rows.pop(random.randrange(len(draft.rows)))
        draft.text = None


def repeat_row(draft: Draft, random: Random) -> None:
    """Answer one row twice, the second time with some row's answer."""
    if draft.rows:
        chosen, other = random.choice(draft.rows), random.choice(draft.rows)
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
    if draft.rows:
        random.shuffle(draft.rows)
        draft.text = None


def swap_answers(draft: Draft, random: Random) -> None:
    """Give two rows each other's answer under their own labels; nothing in the structure shows it."""
    if len(draft.rows) > 1:
        first, second = random.sample(range(len(draft.rows)), 2)
        rows = draft.rows
        rows[first]["id"], rows[second]["id"] = rows[second]["id"], rows[first]["id"]
        rows[first], rows[second] = rows[second], rows[first]
        draft.text = None


def answer_others(draft: Draft, random: Random) -> None:
    """Give the reply of another request: labels of a pack that is not this one."""
    for row in draft.rows:
        row["id"] = "".join(random.choices("abcdefgh", k=6))
    draft.text = None if draft.rows else draft.text
    draft.request_id = "other-" + draft.request_id


# ── what is in them ──────────────────────────────────────────────────────────────────────────────


def _spot(draft: Draft, random: Random) -> tuple[dict[str, Any], str] | None:
    """Choose a row and one of its answer's fields; `None` if there is none."""
    rows = [row for row in draft.rows if len(row) > ("id" in row)]
    if not rows:
        return None
    row = random.choice(rows)
    return row, random.choice([name for name in row if name != "id"])


def _put(value: Any) -> Mutation:
    def mutation(draft: Draft, random: Random) -> None:
        spot = _spot(draft, random)
        if spot:
            row, name = spot
            row[name] = value
            draft.text = None

    return mutation


put_strange_option = _put("none-of-these")
put_wrong_type = _put({"unexpected": ["shape"]})
put_null = _put(None)
put_long_text = _put("word " * 2_000)


def drop_field(draft: Draft, random: Random) -> None:
    """Leave one field of one answer out."""
    spot = _spot(draft, random)
    if spot:
        row, name = spot
        del row[name]
        draft.text = None


def add_field(draft: Draft, random: Random) -> None:
    """Add a field that nobody asked for to one answer."""
    if draft.rows:
        random.choice(draft.rows)["unasked"] = "surplus"
        draft.text = None


def _write_raw(literal: Callable[[str], str]) -> Mutation:
    """Write one value as text that no serialiser would produce; gets the field's name as JSON."""

    def mutation(draft: Draft, random: Random) -> None:
        spot = _spot(draft, random)
        if spot:
            row, name = spot
            row[name], draft.text = _PLACEHOLDER, None
            held = orjson.dumps(_PLACEHOLDER).decode()
            draft.text = draft.write().replace(held, literal(orjson.dumps(name).decode()))

    return mutation


write_key_twice = _write_raw(lambda name: f'"first",{name}:"second"')
write_nan = _write_raw(lambda _name: "NaN")
write_endless_number = _write_raw(lambda _name: "9" * DIGITS)
write_depth_bomb = _write_raw(lambda _name: "[" * DEPTH + "]" * DEPTH)
write_lone_surrogate = _write_raw(lambda _name: r'"broken \ud800 text"')
write_nul = _write_raw(lambda _name: r'"nul \u0000 inside"')


# ── how it is packed ─────────────────────────────────────────────────────────────────────────────


def fence(draft: Draft, _random: Random) -> None:
    """Wrap the reply in a Markdown fence."""
    draft.text = f"```json\n{draft.write()}\n```"


def add_prose(draft: Draft, _random: Random) -> None:
    """Say something before and after the reply."""
    draft.text = (
        f"Sure! Here are the answers you asked for:\n\n{draft.write()}\n\nLet me know if you need more."
    )


def add_comma(draft: Draft, _random: Random) -> None:
    """Leave a comma before the last bracket, as hand-written JSON often does."""
    text = draft.write()
    draft.text = f"{text[:-1]},{text[-1:]}"


def spoil_json(draft: Draft, random: Random) -> None:
    """Take a quotation mark, a colon or a bracket away."""
    text = draft.write()
    marks = [place for place, mark in enumerate(text) if mark in '":[]{}']
    if marks:
        place = random.choice(marks)
        draft.text = text[:place] + text[place + 1 :]


def repeat_text(draft: Draft, _random: Random) -> None:
    """Deliver the same text twice, as repeated streams do."""
    draft.text = draft.write() * 2


def cut_text(draft: Draft, random: Random) -> None:
    """Stop at the output limit somewhere in the middle."""
    text = draft.write()
    draft.text = text[: random.randrange(len(text) // 4, max(1, len(text) - 1))] if len(text) > 4 else text
    draft.finish = Finish.LENGTH


# ── what is said about it ────────────────────────────────────────────────────────────────────────


def refuse(draft: Draft, _random: Random) -> None:
    """Decline in the envelope's own field."""
    draft.refusal = "I can't help with that."
    draft.text = ""


def refuse_in_prose(draft: Draft, _random: Random) -> None:
    """Decline in plain words where an answer should be."""
    draft.text = "I'm sorry, but I can't help with that."


def filter_content(draft: Draft, _random: Random) -> None:
    """Let the provider's filter stop the reply."""
    draft.finish, draft.text = Finish.REFUSED, ""


def say_nothing(draft: Draft, _random: Random) -> None:
    """Reply with an empty text."""
    draft.text = ""


def choose_nothing(draft: Draft, _random: Random) -> None:
    """Reply with an envelope that holds no choice at all."""
    draft.has_choice = False


def hide_usage(draft: Draft, _random: Random) -> None:
    """Leave the usage out."""
    draft.stated = None


def zero_usage(draft: Draft, _random: Random) -> None:
    """State a usage of nothing."""
    draft.stated = Usage(input_tokens=0, output_tokens=0)


def absurd_usage(draft: Draft, _random: Random) -> None:
    """State a usage beyond reason; what was counted is charged."""
    draft.stated = Usage(input_tokens=ABSURD_TOKENS, output_tokens=ABSURD_TOKENS)


def exceed_usage(draft: Draft, _random: Random) -> None:
    """Think for much longer than was allowed, state it and charge it."""
    counted = draft.stated or Usage(input_tokens=1, output_tokens=1)
    thoughts = 50_000  # reasoning tokens; above the output limit of any pack
    more = replace(counted, output_tokens=(counted.output_tokens or 0) + thoughts, reasoning_tokens=thoughts)
    draft.stated = draft.billed = more


def name_other_model(draft: Draft, _random: Random) -> None:
    """Let another model answer than was asked."""
    draft.model = "some-other-model"


# ── what stands in its place ─────────────────────────────────────────────────────────────────────


def show_login_page(draft: Draft, _random: Random) -> None:
    """Put a proxy's login page in the place of the envelope."""
    draft.body, draft.content_type = LOGIN_PAGE, "text/html; charset=utf-8"


def empty_body(draft: Draft, _random: Random) -> None:
    """Send no body at all."""
    draft.body = b""


def cut_body(draft: Draft, random: Random) -> None:
    """Send only the first part of the envelope, and say that this is all."""
    draft.kept_share = 0.3 + 0.6 * random.random()


# ── adversaries: habits of a whole model ─────────────────────────────────────────────────────────


def obeyer(place: int) -> Mutation:
    """A model that does for every row what the row at this place says: all get its answer."""

    def mutation(draft: Draft, _random: Random) -> None:
        if draft.rows:
            leader = draft.rows[min(place, len(draft.rows) - 1)]
            draft.rows = [{**leader, "id": row.get("id")} for row in draft.rows]
            draft.text = None

    return mutation


def swapper(first: int, second: int) -> Mutation:
    """A model that swaps the answers at two places under correct labels."""

    def mutation(draft: Draft, _random: Random) -> None:
        rows = draft.rows
        if max(first, second) < len(rows):
            a, b = rows[first], rows[second]
            rows[first], rows[second] = {**b, "id": a.get("id")}, {**a, "id": b.get("id")}
            draft.text = None

    return mutation


def bleeder(draft: Draft, _random: Random) -> None:
    """A model that copies the left neighbour's text into every row's text fields."""
    before = [dict(row) for row in draft.rows]
    for row, neighbour in zip(draft.rows[1:], before, strict=False):
        row.update({name: each for name, each in neighbour.items() if name != "id" and isinstance(each, str)})
        draft.text = None


def forger(draft: Draft, random: Random) -> None:
    """A model that invents rows, one for every third it was given."""
    for _ in range(1 + len(draft.rows) // 3):
        add_row(draft, random)
    for count, row in enumerate([row for row in draft.rows if row.get("id") == "zzzzzz"]):
        row["id"] = f"forge{count}"


def dropper(share: float) -> Mutation:
    """A model that leaves out about this share of its rows, at least one."""

    def mutation(draft: Draft, random: Random) -> None:
        for _ in range(max(1, round(share * len(draft.rows)))):
            drop_row(draft, random)

    return mutation
