from __future__ import annotations

import orjson
import pytest
from tests.unit.providers.loopback import prompt, raw, request

from weft.call import Finish
from weft.errors import BadReply, NotTheApi
from weft.ids import CallId
from weft.money import Usd
from weft.providers.local import DEFAULT_MODEL, Local, provider

CALL = CallId("c1")


async def answered(user: str, **changes: object):
    local = Local(request("", key="", transport=None))
    reply = await local.ask(prompt(user, **changes), CALL, 1.0)
    return local.read(reply)


async def test_answers_come_in_the_wire_form() -> None:
    """Every row is answered once under its own label, with every field of the schema."""
    rows = [{"id": f"row{n}", "data": {"text": f"Praise number {n}, scored 7 of 10."}} for n in range(3)]
    reply = await answered(orjson.dumps(rows).decode())

    found = orjson.loads(reply.text)["rows"]
    assert [row["id"] for row in found] == ["row0", "row1", "row2"]
    assert all(list(row) == ["id", "tldr", "kind", "score"] for row in found)
    assert {row["kind"] for row in found} == {"praise"}
    assert reply.finish is Finish.STOP


async def test_usage_is_counted_and_free() -> None:
    """Tokens are counted by the rule of thumb, and a million of them cost nothing."""
    local = Local(request(""))
    reply = await answered(prompt().user)

    assert reply.usage.is_known
    assert reply.usage.output_tokens == -(-len(reply.text) // 4)
    assert local.price.cost(10**6, 10**6) == Usd(0)


async def test_same_prompt_same_bytes() -> None:
    """The model is deterministic: two of them give the same reply."""
    first = await Local(request("")).ask(prompt(), CALL, 1.0)
    second = await Local(request("")).ask(prompt(), CallId("c2"), 9.0)

    assert first.body == second.body


async def test_neighbours_change_nothing() -> None:
    """Law 2: a row's answer is the same alone and in company."""
    rows = [
        {"id": "a", "data": {"text": "The button is broken since Monday, a terrible bug."}},
        {"id": "b", "data": {"text": "Praise for the team, 9 points."}},
        {"id": "c", "data": {"text": "Nothing at all."}},
    ]
    together = orjson.loads((await answered(orjson.dumps(rows).decode())).text)["rows"]
    alone = [orjson.loads((await answered(orjson.dumps([row]).decode())).text)["rows"][0] for row in rows]

    assert together == alone


async def test_limit_cuts_the_reply() -> None:
    """The output limit holds here too, so that a rehearsal is honest."""
    reply = await answered(prompt().user, max_output_tokens=5)

    assert reply.finish is Finish.LENGTH
    assert len(reply.text) <= 20


async def test_prompt_without_rows_has_no_answers() -> None:
    """Where the prompt frames no rows, none are answered."""
    for user in ("Hello", "[]", "[1, 2]", "[" * 5000, '{"id": 1}'):
        assert orjson.loads((await answered(user)).text) == {"rows": []}


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"<html>", b'{"text":"x","finish":"never"}', b'{"text":"","finish":"stop"}']
)
def test_foreign_reply_is_not_read(body: bytes) -> None:
    """Only what it wrote itself is read."""
    with pytest.raises((NotTheApi, BadReply)):
        Local(request("")).read(raw(body))


async def test_nothing_is_needed() -> None:
    """No key, no wire, no model's name; closing and pacing do nothing."""
    local = provider.build(request("", key="", transport=None))

    assert local.model == DEFAULT_MODEL
    assert local.pace(raw({})) is None
    await local.close()
    assert (provider.needs_wire, provider.takes_base_url, provider.key_variables) == (False, False, ())
