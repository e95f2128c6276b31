from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import orjson
import pytest
from tests.unit.providers.loopback import KEY, SCHEMA, Wireless, prompt, raw, request

from weft.errors import BadSetting, Disconnected, KeyHostMismatch, MissingCredential, NotAuthorised
from weft.ids import CallId
from weft.kit.secrecy import forms_of
from weft.protocols import Credential
from weft.providers.anthropic import Anthropic
from weft.providers.gemini import Gemini
from weft.providers.openai import OpenAI

KINDS = [OpenAI, Anthropic, Gemini]
CALL = CallId("c123")
LOCAL = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize("kind", KINDS)
def test_missing_key_says_how_to_go_on(kind: type[OpenAI]) -> None:
    """B29: without a key the official server is not asked; the hint names the variable and `local`."""
    for key in (None, Credential("  ", kind.key_variables[0])):
        with pytest.raises(MissingCredential) as caught:
            kind(replace(request(), key=key))

        assert kind.key_variables[0] in caught.value.message
        assert "--model local" in caught.value.hint


@pytest.mark.parametrize("kind", KINDS)
def test_own_server_needs_no_key(kind: type[OpenAI]) -> None:
    """A server given by its address may do without."""
    provider = kind(request(key="", base_url=LOCAL))

    assert provider.is_official is False


@pytest.mark.parametrize("kind", KINDS)
async def test_key_stays_with_its_host(kind: type[OpenAI]) -> None:
    """S45: a provider's own key is never sent to another host; nothing leaves at all."""
    for variable in kind.key_variables:
        with pytest.raises(KeyHostMismatch) as caught:
            kind(request(variable=variable, base_url="https://models.example/v1"))

        assert "WEFT_API_KEY" in caught.value.hint
        assert KEY not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "base_url",
    ["https://evil.example/v1", "https://models.example:8443/v1", "https://eu.models.example/v1", LOCAL, ""],
)
async def test_kept_key_goes_to_its_place_only(kind: type[OpenAI], base_url: str) -> None:
    """S45: a kept key is bound to host and port; any other base URL is an error and nothing leaves."""
    key = Credential(KEY, "team", place="models.example:443")

    with pytest.raises(KeyHostMismatch) as caught:
        kind(replace(request(base_url=base_url), key=key))

    assert KEY not in str(caught.value)
    assert caught.value.code == "key_host_mismatch"
    assert kind(replace(request(base_url="https://models.example/v1"), key=key)).base_url


@pytest.mark.parametrize("kind", KINDS)
async def test_other_key_goes_to_other_host(kind: type[OpenAI]) -> None:
    """S45: the key from `WEFT_API_KEY` is for the server that the asker names."""
    wire = Wireless()
    provider = kind(request(variable="WEFT_API_KEY", base_url="https://models.example/v1", transport=wire))
    await provider.ask(prompt(), CALL, 5)

    assert wire.sent[0].path.startswith("https://models.example/v1/")
    assert any(KEY in value for value in wire.sent[0].headers.values())


@pytest.mark.parametrize("kind", KINDS)
async def test_key_is_in_headers_only(kind: type[OpenAI]) -> None:
    """S47: the key is in one header, never in the address, the body, or what is printed."""
    wire = Wireless()
    provider = kind(request(variable=kind.key_variables[0], transport=wire))
    await provider.ask(prompt(), CALL, 5)
    sent = wire.sent[0]

    assert KEY not in sent.path
    assert KEY.encode() not in sent.body
    assert sum(KEY in value for value in sent.headers.values()) == 1
    assert KEY not in repr(provider)
    assert KEY not in repr(request())


@pytest.mark.parametrize("text", ["sk-a b", "sk-a\r\nx-evil: 1", "sk-é", "sk-\x00"])
def test_impossible_key_is_refused(text: str) -> None:
    """A key with blanks or line ends was copied wrongly, and could forge headers."""
    with pytest.raises(BadSetting) as caught:
        OpenAI(request(key=text, variable="OPENAI_API_KEY"))

    assert text not in str(caught.value)


def test_key_loses_its_line_end() -> None:
    """A line end after the key, as files have it, does no harm."""
    provider = OpenAI(request(key=f"{KEY}\n", variable="OPENAI_API_KEY"))

    assert KEY not in repr(vars(provider).keys())


def test_wire_is_needed() -> None:
    """Without a transport nobody can be asked."""
    with pytest.raises(BadSetting):
        OpenAI(request(transport=None))


async def test_call_id_travels_along() -> None:
    """The call's own name is sent, so that the provider's log and the ledger can be matched."""
    wire = Wireless()
    await OpenAI(request(transport=wire)).ask(prompt(), CALL, 5)

    assert wire.sent[0].headers["x-client-request-id"] == CALL


async def test_echoed_key_is_scrubbed() -> None:
    """S47: neither a refusal nor a broken body that echoes the key puts it into an error."""
    body = {"error": {"message": f"bad key {KEY}", "code": "invalid_api_key"}}
    for reply, kind in (
        (raw(body, 401), NotAuthorised),
        (Disconnected("broke", excerpt=f"Authorization: Bearer {KEY}"), Disconnected),
    ):
        with pytest.raises(kind) as caught:
            await OpenAI(request(transport=Wireless(reply))).ask(prompt(), CALL, 5)

        assert KEY not in repr((str(caught.value), caught.value.facts))


@pytest.mark.parametrize("form", list(dict.fromkeys(forms_of(KEY))))
async def test_echoed_key_is_not_kept(form: str) -> None:
    """S47: of a reply that echoes the key, in body or headers, nothing is made durable that holds it."""
    reply = raw({"choices": [{"message": {"content": f"it was {form}."}}]}, x_request_id=f"r-{form}")

    found = await OpenAI(request(transport=Wireless(reply))).ask(prompt(), CALL, 5)

    assert form not in found.body.decode()
    assert form not in repr(found.headers)
    assert b"it was [key]." in found.body


async def test_short_key_changes_no_answer() -> None:
    """A key such as `ollama`, which a server of one's own may want, is a word that answers may hold."""
    reply = raw({"choices": [{"message": {"content": "ollama is a word"}}]})

    found = await OpenAI(request(key="ollama", base_url=LOCAL, transport=Wireless(reply))).ask(
        prompt(), CALL, 5
    )

    assert found == reply


def test_constant_parts_are_written_once() -> None:
    """Two calls differ in rows and limit only; another schema or task is written anew."""
    provider = OpenAI(request())
    first = orjson.loads(provider.body(prompt("one", max_output_tokens=1)))
    second = orjson.loads(provider.body(prompt("two", max_output_tokens=2)))
    other = orjson.loads(provider.body(prompt("two", system="Else.", schema={**SCHEMA}, max_output_tokens=2)))

    assert first["messages"][1]["content"] == "one"
    assert second["messages"][1]["content"] == "two"
    assert (first["max_completion_tokens"], second["max_completion_tokens"]) == (1, 2)
    assert first["response_format"] == second["response_format"]
    assert other["messages"][0]["content"] == "Else."


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text", ['"weft-user-8f1c4e"', 'a\u2028b\x00\ud800 \\ " é 😀', "weft-limit-8f1c4e", "%b %d"]
)
def test_any_text_arrives_unchanged(kind: type[OpenAI], text: str) -> None:
    """Rows and task may hold anything, also lone surrogates and our own marks."""
    body = json.loads(kind(request()).body(prompt(text, system=f"System {text}")))
    found = list(leaves(body))

    assert text in found
    assert f"System {text}" in found
    assert 321 in found


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield value


async def test_closing_closes_the_wire() -> None:
    """A provider lets go of its transport."""
    wire = Wireless()
    await OpenAI(request(transport=wire)).close()

    assert wire.is_closed
