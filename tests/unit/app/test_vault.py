from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.app.opening import new_bytes
from weft.app.vault import Binding, Master, seal, unseal
from weft.errors import BrokenSeal, MissingExtra

KEY = "sk-planted-0123456789abcdef"
OLD, NEW = Master(b"\1" * 32), Master(b"\2" * 32)
BINDING = Binding(workspace="home", name="openai", provider="openai", place="api.openai.com:443")


def sealed(text: str = KEY, master: Master = NEW) -> dict[str, Any]:
    """A sealed key."""
    return seal(text, BINDING, master=master, draw=new_bytes)


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=200), parts=st.lists(st.text(max_size=20), min_size=4, max_size=4))
def test_what_is_sealed_opens_again(text: str, parts: list[str]) -> None:
    """S46: the same binding and master key give the key back, whatever they are."""
    binding = Binding(workspace=parts[0], name=parts[1], provider=parts[2], place=parts[3])

    found = seal(text, binding, master=NEW, draw=new_bytes)

    assert unseal(json.loads(json.dumps(found)), binding, masters=[OLD, NEW]) == text


def test_sealed_key_tells_nothing() -> None:
    """S46: neither key nor master key stand in what is kept, and no two seals are alike."""
    one, other = sealed(), sealed()

    assert KEY not in json.dumps(one)
    assert b64encode(KEY.encode()).decode()[:20] not in json.dumps(one)
    assert NEW.key.hex() not in json.dumps(one)
    assert one["wrapped"] != other["wrapped"]
    assert one["sealed"] != other["sealed"]
    assert "\\x02" not in repr(NEW)


@pytest.mark.parametrize("part", ["workspace", "name", "provider", "place"])
def test_copied_document_does_not_open(part: str) -> None:
    """S45, S46: a document of another workspace, name, provider or host does not open here."""
    with pytest.raises(BrokenSeal) as caught:
        unseal(sealed(), replace(BINDING, **{part: "evil"}), masters=[NEW])

    assert KEY not in str(caught.value)
    assert "copied" in caught.value.message


@pytest.mark.parametrize("part", ["wrapped", "sealed"])
def test_changed_document_does_not_open(part: str) -> None:
    """S46: one flipped bit anywhere in an envelope breaks it."""
    found = sealed()
    raw = b64decode(found[part])
    for place in range(len(raw)):
        flipped = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(BrokenSeal):
            unseal({**found, part: b64encode(flipped).decode()}, BINDING, masters=[NEW])


@pytest.mark.parametrize("part", ["wrapped", "sealed", "master", "form"])
@pytest.mark.parametrize("value", [None, "", "AAAA", "no base64!", 7, "ü"])
def test_broken_document_is_a_sentence(part: str, value: object) -> None:
    """A document that somebody has spoilt is a broken seal, and no crash."""
    with pytest.raises(BrokenSeal):
        unseal({**sealed(), part: value}, BINDING, masters=[NEW])
    with pytest.raises(BrokenSeal):
        unseal({}, BINDING, masters=[NEW])


def test_parts_of_two_envelopes_do_not_fit() -> None:
    """A data key of one envelope does not open the key of another, even for the same binding."""
    one, other = sealed(), sealed("sk-another-0123456789")

    with pytest.raises(BrokenSeal):
        unseal({**one, "sealed": other["sealed"]}, BINDING, masters=[NEW])


def test_older_master_key_opens() -> None:
    """S46: after a rotation keys open that were sealed before; without the older master key they do not."""
    found = sealed(master=OLD)

    assert unseal(found, BINDING, masters=[NEW, OLD]) == KEY
    with pytest.raises(BrokenSeal, match=OLD.id):
        unseal(found, BINDING, masters=[NEW])


def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cryptography the way out is one command."""
    for name in list(sys.modules):
        if name.startswith("cryptography"):
            monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(MissingExtra) as caught:
        sealed()

    assert "weft[team]" in caught.value.hint
