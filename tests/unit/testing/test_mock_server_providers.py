from __future__ import annotations

from importlib import import_module

import orjson
import pytest

from weft.ids import CallId, Label
from weft.protocols import Credential, Provider, ProviderRequest, Structured
from weft.providers._http import AiohttpTransport
from weft.templates.library import TemplateLibrary
from weft.templates.prompting import TemplatePrompter
from weft.testing.contracts import check_provider
from weft.testing.mock_options import MockOptions
from weft.testing.mock_server import MockServer

BASES = {"openai": "/v1", "anthropic": "", "gemini": ""}
KEY = Credential("planted-key", "WEFT_API_KEY")
CELLS = {
    "category": "Databases",
    "subcategory": "Indexes",
    "topic": "B-trees",
    "description": "How trees balance.",
}


def build(name: str, url: str, *, structured: Structured | None = None) -> tuple[Provider, AiohttpTransport]:
    """A real provider that asks the mock server."""
    wire = AiohttpTransport(2)
    kind = import_module(f"weft.providers.{name}").provider
    request = ProviderRequest(
        model="mock-1", key=KEY, base_url=url + BASES[name], transport=wire, structured=structured
    )
    return kind.build(request), wire


@pytest.mark.parametrize("name", BASES)
async def test_real_provider_keeps_its_contract(name: str) -> None:
    """Every promise of the socket, over a real wire, with a key that the server checks."""
    async with MockServer(MockOptions(api_key=KEY.text)) as server:
        provider, wire = build(name, server.url)
        reply = await check_provider(provider)
        await wire.close()

    assert reply.usage.input_tokens == server.bill.input_tokens
    assert reply.usage.output_tokens == server.bill.output_tokens


@pytest.mark.parametrize("structured", [Structured.STRICT, Structured.JSON, Structured.NONE])
@pytest.mark.parametrize("name", BASES)
async def test_bundled_template_is_answered_fittingly(name: str, structured: Structured) -> None:
    """However firmly a provider is held to the shape, the mock server's answer passes the checks."""
    template = TemplateLibrary().get("topic_review")
    prompter = TemplatePrompter(template, sources={each: each for each in template.inputs.names})
    values = prompter.values(CELLS).values
    prompt = prompter.prompt([(Label("aaaaaa"), prompter.part(values), "")])
    async with MockServer() as server:
        provider, wire = build(name, server.url, structured=structured)
        reply = provider.read(await provider.ask(prompt, CallId("c1"), 5.0))
        await wire.close()

    row = orjson.loads(reply.text)["rows"][0]
    assert row.pop("id") == "aaaaaa"
    assert prompter.answer(row, values).problems == ()
