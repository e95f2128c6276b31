from __future__ import annotations

import pytest

from weft.call import Finish, RawReply, Reply, Usage
from weft.errors import ContentRefused, EmptyReply, NotTheApi
from weft.testing.drafts import Draft, draft_of, is_sealed, seal, unseal

USAGE = Usage(input_tokens=9, output_tokens=4, cached_input_tokens=2)


def test_sealed_draft_reads_the_same_twice() -> None:
    """I3: a stored raw reply gives the same reply after a crash."""
    draft = Draft(rows=[{"id": "a", "x": 1}], stated=USAGE, model="m", request_id="r", finish=Finish.LENGTH)
    raw = seal(draft, elapsed_s=0.5)

    reply = unseal(raw)

    assert reply == unseal(RawReply(status=200, headers={}, body=bytes(raw.body)))
    assert reply == Reply(
        text='{"rows":[{"id":"a","x":1}]}', usage=USAGE, finish=Finish.LENGTH, model="m", request_id="r"
    )
    assert is_sealed(raw)


@pytest.mark.parametrize(
    ("draft", "error"),
    [
        (Draft(text="", stated=USAGE), EmptyReply),
        (Draft(text="x", has_choice=False, stated=USAGE), EmptyReply),
        (Draft(refusal="no", stated=USAGE), ContentRefused),
        (Draft(text="x", finish=Finish.REFUSED, stated=USAGE), ContentRefused),
        (Draft(text="x", body=b"<html>"), NotTheApi),
        (Draft(text="x", kept_share=0.5), NotTheApi),
        (Draft(text="x", body=b""), NotTheApi),
    ],
)
def test_unusable_reply_is_a_typed_error(draft: Draft, error: type[Exception]) -> None:
    """F16, F17, F27, F29: what holds no usable text is an error that says so."""
    with pytest.raises(error):
        unseal(seal(draft))


def test_error_carries_the_usage() -> None:
    """F27: a refusal is paid for, so its usage travels with the error."""
    with pytest.raises(ContentRefused) as caught:
        unseal(seal(Draft(refusal="no", stated=USAGE)))

    assert caught.value.facts["usage"]["input_tokens"] == 9


def test_reply_becomes_a_draft_again() -> None:
    """Rows are found in a framed reply; any other text stays a text."""
    framed = draft_of(Reply(text='{"rows": [{"id": "a"}]}', usage=USAGE, finish=Finish.STOP))
    prose = draft_of(Reply(text="hello", usage=USAGE, finish=Finish.STOP))

    assert framed.rows == [{"id": "a"}]
    assert (prose.rows, prose.write()) == ([], "hello")
