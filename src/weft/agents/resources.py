"""What an agent may read besides calling tools: templates with their texts, and how runs stand.

Knows addresses that begin with `weft://`. Refuses to know the protocol.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from weft.agents.answering import MOST_TEMPLATES, run_told, template_told, templates_told
from weft.agents.desks import Desk
from weft.agents.shapes import KEY, RUN, Runs
from weft.app.summaries import summarise
from weft.errors import UnknownName

TEMPLATES, RUNS = "weft://templates", "weft://runs"
MOST_RUNS = 20  # newest runs that are listed
JSON, MARKDOWN = "application/json", "text/markdown"


@dataclass(frozen=True, slots=True)
class Listed:
    """Something that can be read."""

    uri: str
    name: str
    description: str
    kind: str


PATTERNS = (
    Listed(f"{TEMPLATES}/{{key}}", "template", "A prompt template as it was written.", MARKDOWN),
    Listed(f"{RUNS}/{{run}}", "run", "How one run stands: state, counts, cost.", JSON),
)
"""Addresses with a place to fill in."""


async def list_resources(desk: Desk) -> list[Listed]:
    """The two lists, every template, and the newest runs."""
    found = [
        Listed(TEMPLATES, "templates", "Every prompt template with its inputs and answers.", JSON),
        Listed(RUNS, "runs", "The newest runs with state, counts and cost.", JSON),
    ]
    found += [
        Listed(f"{TEMPLATES}/{each['key']}", each["key"], each["description"], MARKDOWN)
        for each in (await desk.templates())[:MOST_TEMPLATES]
    ]
    for run in await desk.runs(MOST_RUNS):
        summary = summarise(run)
        title = f"{summary.name or run.id}: {summary.template}, {summary.state}"
        found.append(Listed(f"{RUNS}/{run.id}", run.id, title, JSON))
    return found


async def read_resource(desk: Desk, uri: str) -> tuple[str, str]:
    """Read one; its text and what kind of text it is.

    Raises:
        UnknownName: if there is no such thing.
    """
    place, _, name = uri.removeprefix("weft://").partition("/")
    if uri == TEMPLATES:
        return templates_told(await desk.templates(), "").model_dump_json(indent=1), JSON
    if uri == RUNS:
        runs = Runs(runs=[run_told(each) for each in await desk.runs(MOST_RUNS)])
        return runs.model_dump_json(indent=1), JSON
    if place == "templates" and re.fullmatch(KEY, name):
        return template_told(await desk.template(name)).text, MARKDOWN
    if place == "runs" and re.fullmatch(RUN, name):
        return run_told(await desk.run(name)).model_dump_json(indent=1), JSON
    raise UnknownName(
        f"There is no resource `{uri[:200]}`.", hint=f"read `{TEMPLATES}` or `{RUNS}` for what there is."
    )
