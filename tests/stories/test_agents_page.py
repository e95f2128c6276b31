"""The page about agents: its configuration starts a session, its tables name every tool and resource."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from tests.stories.test_documents import ROOT

PAGE = (ROOT / "docs/how-to/agents.md").read_text(encoding="utf-8")


@pytest.fixture
def configured():
    """The command as the page configures it."""
    (text,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return json.loads(text)["mcpServers"]["weft"]


async def test_configuration_of_the_page_works(configured, tmp_path):
    """What the page shows is started as an agent does, answers, and lets a run be made."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    given = StdioServerParameters(**{**configured, "env": {"PATH": path}}, cwd=tmp_path)
    with (tmp_path / "log").open("w") as log:
        async with Client(stdio_client(given, errlog=log)) as client:
            tools = {each.name for each in (await client.list_tools()).tools}
            errand = {"prompt": "Say {{ x }}", "fields": ["y: text"], "rows": [{"x": "a"}]}
            started = await client.call_tool("start_run", errand)
            run = started.structured_content["run"]
            end = (await client.call_tool("watch_run", {"run": run})).structured_content
            listed = {each.uri for each in (await client.list_resources()).resources}
            patterns = {
                each.uri_template for each in (await client.list_resource_templates()).resource_templates
            }

    assert end["state"] == "finished"
    named = set(re.findall(r"`(\w+_\w+)`", PAGE.partition("## The tools")[2].partition("\n\n")[2]))
    assert tools <= named
    shown = set(re.findall(r"`(weft://[^`]+)`", PAGE))
    assert shown == {uri for uri in listed if uri.count("/") == 2} | patterns
