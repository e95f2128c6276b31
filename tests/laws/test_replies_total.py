"""Whatever comes over the wire, reading it ends: in an answer per row, in a complaint, in an error of ours."""

from importlib import import_module
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.call import Finish, PackRow, Part, RawReply, Reply, Usage
from weft.engine.packing import label_rows
from weft.engine.unpacking import unpack_reply
from weft.errors import WeftError
from weft.ids import RowKey
from weft.protocols import Credential, ProviderRequest
from weft.providers._faults import fault_of
from weft.schema import Field, Kind, Schema
from weft.testing import mutations
from weft.testing.drafts import Draft
from weft.testing.plain import PlainPrompter

PROMPTER = PlainPrompter(
    Schema((Field(name="body"),)),
    Schema((Field(name="echo"), Field(name="kind", kind=Kind.ENUM, options=("odd", "even")))),
)
SPOILS = [
    mutations.drop_row,
    mutations.repeat_row,
    mutations.add_row,
    mutations.rename_row,
    mutations.shuffle_rows,
    mutations.answer_others,
    mutations.put_strange_option,
    mutations.put_wrong_type,
    mutations.put_null,
    mutations.drop_field,
    mutations.add_field,
    mutations.write_key_twice,
    mutations.write_nan,
    mutations.write_endless_number,
    mutations.write_lone_surrogate,
    mutations.write_nul,
    mutations.fence,
    mutations.add_prose,
    mutations.add_comma,
    mutations.spoil_json,
    mutations.repeat_text,
    mutations.cut_text,
    mutations.say_nothing,
    mutations.forger,
]
RAW = {
    mutations.write_key_twice,
    mutations.write_nan,
    mutations.write_endless_number,
    mutations.write_lone_surrogate,
    mutations.write_nul,
}  # written into the text, not into the rows
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


class NoWire:
    """A transport that nobody uses."""

    async def close(self):
        """Hold nothing."""


def pack_of(count, seed):
    rows = [PackRow(n, 0, RowKey(b"%d" % n), {"body": f"row {n}"}, Part("{}", 1)) for n in range(count)]
    return label_rows(rows, Random(seed))


def check_every_row_once(pack, unpacked):
    ended = [row.place for row, _ in unpacked.answers] + [one.row.place for one in unpacked.unanswered]
    assert sorted(ended) == [row.place for row in pack.rows]
    assert all(one.code and one.complaint for one in unpacked.unanswered)


@settings(deadline=None, max_examples=300)
@given(st.integers(1, 8), st.lists(st.sampled_from(SPOILS), max_size=4), st.integers(0, 10**6))
def test_spoilt_replies_give_each_row_its_own_or_none(count, spoils, seed):
    """I1, I2, F16-F34: however a reply is spoilt, a row gets the answer under its label, or a complaint."""
    pack, random = pack_of(count, seed), Random(seed)
    draft = Draft(
        rows=[
            {"id": label, "echo": f"echo {row.place}", "kind": "odd"}
            for row, label in zip(pack.rows, pack.labels, strict=True)
        ]
    )
    for spoil in spoils:
        spoil(draft, random)

    unpacked = unpack_reply(Reply(text=draft.write(), usage=Usage(), finish=draft.finish), pack, PROMPTER)

    check_every_row_once(pack, unpacked)
    if not RAW & set(spoils):
        for row, checked in unpacked.answers:
            stated = [each for each in draft.rows if each.get("id") == pack.labels[row.place]]
            assert [each["echo"] for each in stated] == [checked.values["echo"]]
    if not spoils:
        assert len(unpacked.answers) == count


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=60) | plain.map(lambda value: orjson.dumps(value).decode()), st.sampled_from(Finish))
def test_any_text_is_unpacked(text, finish):
    """F18, F20, F29: any text at all gives every row a complaint or an answer, never an exception."""
    pack = pack_of(3, 1)

    check_every_row_once(pack, unpack_reply(Reply(text=text, usage=Usage(), finish=finish), pack, PROMPTER))


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
@settings(deadline=None, max_examples=60)
@given(
    st.binary(max_size=80)
    | plain.map(orjson.dumps)
    | st.dictionaries(
        st.sampled_from(
            [
                "choices",
                "usage",
                "model",
                "id",
                "error",
                "content",
                "candidates",
                "usageMetadata",
                "stop_reason",
            ]
        ),
        plain | st.lists(st.dictionaries(st.sampled_from(["message", "content", "text", "type"]), plain)),
    ).map(orjson.dumps),
    st.sampled_from([200, 201, 302, 400, 401, 404, 408, 413, 429, 500, 529, 599]),
    st.sampled_from(["application/json", "text/html", ""]),
)
def test_any_reply_is_read_or_refused(name, body, status, kind):
    """F16, F17, F20, F30: a provider reads any reply, or says in one of our errors why not; usage is never below zero."""
    request = ProviderRequest(
        model="m", key=Credential("k", "WEFT_API_KEY"), base_url="http://127.0.0.1:1", transport=NoWire()
    )
    provider = import_module(f"weft.providers.{name}").provider.build(request)
    raw = RawReply(status=status, headers={"content-type": kind}, body=body)

    found = fault_of(raw, provider=name, book=provider.book)
    try:
        found = found or provider.read(raw)
    except WeftError as error:
        found = error

    if isinstance(found, WeftError):
        assert found.message
    else:
        assert found.text.strip()
        assert (found.usage.input_tokens or 0) >= 0
