"""What every store promises about documents, over every engine and in both ways of writing."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contracts.stores import WAYS, open_store

from weft.documents import Document
from weft.errors import ChangedMeanwhile

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@pytest.fixture(params=WAYS)
async def store(request, tmp_path):
    """A new, empty store of every engine, in both ways of writing."""
    store = open_store(request.param, tmp_path)
    yield store
    await store.close()


def doc(name="a", kind="member", **facts):
    """A document with this content."""
    return Document(kind=kind, id=name, content=facts)


async def test_document_reads_back_as_kept(store):
    """A document comes back with its version and the time of its change."""
    kept = await store.put(replace(doc(name="Ünï", n=1), state="open", due_at=12.5))

    assert (kept.version, kept.changed_at) == (1, store._clock.wall())
    assert await store.document("member", "Ünï") == kept
    assert await store.document("member", "other") is None
    assert await store.document("token", "Ünï") is None


async def test_every_change_counts(store):
    """A document takes the place of the one before, and the version says how often."""
    await store.put(doc(n=1, gone=True))
    await store._clock.sleep(5)

    kept = await store.put(doc(n=2))

    assert (kept.version, dict(kept.content)) == (2, {"n": 2})
    assert await store.document("member", "a") == kept


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.dictionaries(TEXTS, PLAIN, max_size=4))
async def test_content_is_kept_as_it_is(store, content):
    """Any plain JSON comes back as it was given, NUL characters included."""
    await store.put(doc(content=content))

    assert (await store.document("member", "a")).content["content"] == content


@pytest.mark.parametrize("content", [{"n": float("nan")}, {"n": object()}, {"n": {1: 2}}, {"n": b"x"}])
async def test_other_content_is_refused(store, content):
    """What is no plain JSON is a mistake of the program and writes nothing."""
    with pytest.raises(TypeError, match="plain JSON"):
        await store.put(doc(**content))

    assert await store.document("member", "a") is None


async def test_odd_texts_are_made_fit(store):
    """Lone surrogates and NUL characters in ids are written as escapes and found by them."""
    await store.put(doc(name="a\ud800\x00", text="\ud800"))

    found = await store.document("member", "a\ud800\x00")

    assert found.content == {"text": "\ud800"}
    assert await store.remove("member", "a\ud800\x00")


async def test_expected_version_must_stand_there(store):
    """S38: whoever has seen an older version changes nothing and hears which one stands there."""
    await store.put(doc(n=1), expecting=0)
    await store.put(doc(n=2), expecting=1)

    with pytest.raises(ChangedMeanwhile, match="member `a` was changed meanwhile: it is at version 2, not 1"):
        await store.put(doc(n=3), expecting=1)
    with pytest.raises(ChangedMeanwhile, match="There is a member `a` already"):
        await store.put(doc(n=3), expecting=0)
    with pytest.raises(ChangedMeanwhile, match="member `b` was removed meanwhile"):
        await store.put(doc(name="b"), expecting=4)

    assert (await store.document("member", "a")).content == {"n": 2}
    assert await store.document("member", "b") is None


async def test_one_of_many_is_first(store):
    """Of many that find the same version, one changes the document, also where all write the same."""
    kept = await store.put(doc(n=0))

    done = await asyncio.gather(
        *[store.put(doc(n=1), expecting=kept.version) for _ in range(20)], return_exceptions=True
    )

    assert sum(isinstance(each, Document) for each in done) == 1
    assert sum(isinstance(each, ChangedMeanwhile) for each in done) == 19
    assert (await store.document("member", "a")).version == 2


async def test_one_of_many_makes_it(store):
    """Of many that find nothing, one makes the document."""
    done = await asyncio.gather(
        *[store.put(doc(n=n), expecting=0) for n in range(20)], return_exceptions=True
    )

    assert sum(isinstance(each, Document) for each in done) == 1


async def test_documents_come_in_pages(store):
    """Documents of a kind come in the order of their ids' code points, so many at a time."""
    for name in ("b", "B", "a", "ä", "a2", "_"):
        await store.put(doc(name=name))
    await store.put(doc(name="aa", kind="token"))

    first = await store.documents("member", limit=4)
    rest = await store.documents("member", after=first[-1].id)

    assert [each.id for each in first] == ["B", "_", "a", "a2"]
    assert [each.id for each in rest] == ["b", "ä"]


async def test_documents_are_found_by_state_and_due_time(store):
    """Both narrow a list, apart and together; what never falls due is not found by time."""
    for name, state, due in (("a", "open", 5.0), ("b", "open", None), ("c", "done", 5.0), ("d", "open", 9.0)):
        await store.put(Document(kind="repeat", id=name, state=state, due_at=due))

    async def ids(**asked):
        return [each.id for each in await store.documents("repeat", **asked)]

    assert await ids(state="open") == ["a", "b", "d"]
    assert await ids(due_before=9.0) == ["a", "c"]
    assert await ids(due_before=9.5, after="a", limit=1) == ["c"]
    assert await ids(state="open", due_before=10.0) == ["a", "d"]
    assert await ids(state="") == []


async def test_removed_document_is_gone(store):
    """Taking away says whether there was one; what comes after begins with version 1."""
    await store.put(doc(n=1))

    assert await store.remove("member", "a")
    assert not await store.remove("member", "a")
    assert not await store.remove("member", "a", expecting=0)
    assert (await store.put(doc(n=2), expecting=0)).version == 1


async def test_changed_document_is_not_removed(store):
    """Whoever has seen an older version takes nothing away."""
    await store.put(doc(n=1))
    await store.put(doc(n=2))

    with pytest.raises(ChangedMeanwhile):
        await store.remove("member", "a", expecting=1)
    with pytest.raises(ChangedMeanwhile):
        await store.remove("member", "b", expecting=1)

    assert await store.remove("member", "a", expecting=2)
