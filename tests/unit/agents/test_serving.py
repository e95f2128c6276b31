"""Tools and resources in the protocol, asked by the protocol's own client in this process."""

from __future__ import annotations

import json
import logging
from contextlib import asynccontextmanager

import jsonschema
import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from tests.unit.agents.fakes import FakeDesk, answered

from weft.agents.serving import INSTRUCTIONS, build_server
from weft.agents.sessions import Session
from weft.agents.spending import Cost
from weft.agents.tools import TOOLS
from weft.kit.clocks import VirtualClock
from weft.money import Usd
from weft.run import RunState


@asynccontextmanager
async def talking(desk, most="1"):
    """A client that talks to a server over this desk."""
    session = Session(desk, most=most and Usd.of(most), clock=VirtualClock())
    server = build_server(session, version="1.2.3", draw=lambda: "number-1")
    async with Client(server) as client:
        yield client


def text_of(result):
    """What a tool says in words."""
    return "\n".join(each.text for each in result.content)


START = {
    "prompt": "Review {{ topic }}",
    "fields": ["tldr: text"],
    "rows": [{"topic": "a"}],
    "budget_usd": "0.5",
}
RUN = "r000000000000"


async def test_every_tool_describes_itself():
    """Each tool has a title, a description of what it does, types both ways, and hints that are true."""
    async with talking(FakeDesk()) as client:
        tools = {each.name: each for each in (await client.list_tools()).tools}

    assert set(tools) == set(TOOLS)
    for each in tools.values():
        assert each.title
        assert len(each.description) > 40
        assert each.input_schema["additionalProperties"] is False
        assert each.output_schema["type"] == "object"
        jsonschema.Draft202012Validator.check_schema(each.input_schema)
    reads = {name for name, each in tools.items() if each.annotations.read_only_hint}
    assert reads == {
        "list_templates",
        "show_template",
        "estimate_run",
        "watch_run",
        "fetch_results",
        "list_runs",
    }
    assert [name for name, each in tools.items() if each.annotations.destructive_hint] == ["cancel_run"]


async def test_server_says_who_it_is():
    """Name, version and instructions are told when a session begins."""
    async with talking(FakeDesk()) as client:
        assert (client.server_info.name, client.server_info.version) == ("weft", "1.2.3")
        assert client.instructions == INSTRUCTIONS


async def test_whole_way_in_words_and_structure():
    """Start, watch, fetch: every answer is the same in text and in structure, and fits its schema."""
    desk = FakeDesk()
    async with talking(desk) as client:
        started = await client.call_tool("start_run", START)
        run = started.structured_content["run"]
        desk.looks = [lambda at: None, lambda at: desk.move(at, RunState.FINISHED, answered=1, total=1)]
        steps = []

        async def told(done, total, message):
            steps.append((done, total, message))

        watched = await client.call_tool("watch_run", {"run": run}, progress_callback=told)
        desk.outcomes = [answered(0)]
        fetched = await client.call_tool("fetch_results", {"run": run})

    assert json.loads(text_of(started)) == started.structured_content
    assert watched.structured_content["is_at_rest"]
    assert (1.0, 1.0, "1 of 1 rows ended") in steps
    assert fetched.structured_content["rows"][0]["answer"] == {"tldr": "fine"}
    assert desk.asked[0].budget.usd == Usd.of("0.5")


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("start_run", {**START, "unknown": 1}, "`unknown`: Extra inputs"),
        ("start_run", {**START, "limit": -1}, "`limit`"),
        ("start_run", {**START, "limit": "3"}, "`limit`"),
        ("start_run", {**START, "budget_usd": "-1"}, "`budget_usd`"),
        ("start_run", {**START, "budget_usd": 0.5}, "`budget_usd`"),
        ("start_run", {**START, "budget_usd": "1e3"}, "`budget_usd`"),
        ("start_run", {**START, "template": "/etc/passwd"}, "`template`"),
        ("start_run", {**START, "template": "../x"}, "`template`"),
        ("start_run", {**START, "template": "review"}, "in one way"),
        ("start_run", {**START, "prompt": None}, "in one way"),
        ("start_run", {**START, "table": "t.csv"}, "in one way"),
        ("start_run", {**START, "rows": None}, "in one way"),
        ("start_run", {**START, "rows": [{}] * 1001}, "`rows`"),
        ("start_run", {**START, "rows": "many"}, "`rows`"),
        ("start_run", {**START, "budget_usd": None}, "`budget_usd`"),
        ("start_run", {**START, "budget_usd": "1.01"}, "too much"),
        ("start_run", {}, "in one way"),
        ("estimate_run", {}, "in one way"),
        ("show_template", {"template": "revie"}, "review"),
        ("show_template", {}, "`template`"),
        ("watch_run", {"run": "../../etc"}, "`run`"),
        ("watch_run", {"run": RUN}, "There is no run"),
        ("watch_run", {"run": RUN, "wait_s": 601}, "`wait_s`"),
        ("watch_run", {"run": RUN, "wait_s": float("1e999")}, "`wait_s`"),
        ("fetch_results", {"run": RUN, "limit": 0}, "`limit`"),
        ("fetch_results", {"run": RUN, "states": ["done"]}, "`states.0`"),
        ("list_runs", {"limit": 51}, "`limit`"),
        ("cancel_run", {"run": RUN}, "There is no run"),
        ("resume_run", {"run": RUN, "budget_usd": "x"}, "`budget_usd`"),
    ],
)
async def test_bad_arguments_are_told_by_name(tool, arguments, says):
    """What is wrong is told as the tool's error with its place and a hint; nothing was begun."""
    desk = FakeDesk()
    async with talking(desk) as client:
        result = await client.call_tool(tool, arguments)

    assert result.is_error
    assert says in text_of(result)
    assert "hint: " in text_of(result)
    assert "Traceback" not in text_of(result)
    assert desk.asked == []


async def test_values_are_not_repeated():
    """A refused value, which may be a secret, does not stand in the refusal."""
    async with talking(FakeDesk()) as client:
        result = await client.call_tool("show_template", {"template": "sk-SECRET!", "api_key": "sk-OTHER"})

    assert "sk-" not in text_of(result)


async def test_bug_becomes_a_number(caplog):
    """An unforeseen error is told by a number that stands in the log; its message and place stay here."""
    desk, message = FakeDesk(), "a row with a secret"

    async def broken(limit):
        raise RuntimeError(message)

    desk.runs = broken
    with caplog.at_level(logging.ERROR, "weft.agents"):
        async with talking(desk) as client:
            result = await client.call_tool("list_runs", {})
            with pytest.raises(MCPError, match="number-1"):
                await client.read_resource("weft://runs")

    assert result.is_error
    assert "`number-1`" in text_of(result)
    assert "secret" not in text_of(result) + caplog.text
    assert "error number-1: RuntimeError" in caplog.text


async def test_unknown_tool_is_no_tool():
    """A tool that is not there is refused by the protocol, with the nearest names."""
    async with talking(FakeDesk()) as client:
        with pytest.raises(MCPError, match="list_runs"):
            await client.call_tool("list_run", {})


async def test_free_models_need_no_budget():
    """What costs nothing is started without a budget."""
    desk = FakeDesk(Cost.FREE)
    async with talking(desk, None) as client:
        result = await client.call_tool("start_run", {**START, "budget_usd": None})

    assert not result.is_error


async def test_resources_are_listed_and_read():
    """Lists, templates with their text, and runs can be read; a place on the disk is told nowhere."""
    desk = FakeDesk()
    run = desk.keep(RunState.FINISHED, name="Mine")
    async with talking(desk) as client:
        listed = {each.uri: each for each in (await client.list_resources()).resources}
        patterns = [each.uri_template for each in (await client.list_resource_templates()).resource_templates]
        texts = {uri: (await client.read_resource(uri)).contents[0] for uri in listed}

    assert set(listed) == {
        "weft://templates",
        "weft://runs",
        "weft://templates/review",
        f"weft://runs/{run.id}",
    }
    assert patterns == ["weft://templates/{key}", "weft://runs/{run}"]
    assert texts["weft://templates/review"].text == "Review {{ topic }}."
    assert texts["weft://templates/review"].mime_type == "text/markdown"
    assert json.loads(texts[f"weft://runs/{run.id}"].text)["state"] == "finished"
    assert json.loads(texts["weft://runs"].text)["runs"][0]["name"] == "Mine"
    assert "/secret/place" not in " ".join(each.text for each in texts.values())


@pytest.mark.parametrize(
    "uri",
    ["weft://nothing", "weft://templates/none", "weft://templates/../x", "weft://runs/x", f"weft://runs/{RUN}",
     "file:///etc/passwd", "weft://templates//etc/passwd"],
)  # fmt: skip
async def test_unknown_resources_are_refused(uri):
    """What is not there is refused by the protocol with a sentence."""
    async with talking(FakeDesk()) as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource(uri)

    assert refused.value.code == -32602
    assert "hint: " in str(refused.value)
