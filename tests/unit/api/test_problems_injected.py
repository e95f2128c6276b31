"""S42: whatever breaks in any address, the other side is told a number and nothing else."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from tests.unit.api.team import TeamServer, open_team
from tests.unit.api.test_permitting import NOT_ASKED, addresses, methods, path_of

from weft.api.needs import Office
from weft.api.news import News
from weft.api.offices import Offices
from weft.api.repeating import Repeats
from weft.api.team_serving import assemble

SECRET = "sk-planted-secret-of-row-7"
SPEC = "name: totals\nkind: compute\n"
TASK = {"rows": [{"body": "hi"}], "prompt": "{{ body }}", "fields": ["mood: enum[a,b]"]}
MESSAGES = {"rows": [{"system_params": {}, "user_message": "x"}]}
BODIES: dict[str, Any] = {
    "POST /runs": TASK,
    "POST /estimates": TASK,
    "POST /csv_batches": {"prompt": "{{ user_message }}", "fields": ["mood: string"]},
    "POST /csv_batches/{run}/rows": MESSAGES,
    "POST /runs/{run}/rows": {"rows": [{"body": "x"}]},
    "POST /runs/{run}/resume": {},
    "POST /generate": {"specs": [{"text": SPEC}], "prove": False},
    "PUT /keys/{name}": {"key": "x" * 40},
    "POST /members": {"email": "bob@example.com", "roles": ["viewer"]},
    "PUT /members/{member}/roles": {"roles": ["viewer"]},
    "PATCH /tables/{table}": {"name": "x.csv"},
    "PUT /templates/{key}/aliases/{alias}": {"version": "1.0.0"},
    "POST /templates/{ref}/clones": {"key": "copy"},
    "POST /templates/{ref}/commits": {"message": "First."},
    "PUT /templates/{ref}/deprecation": {"reason": "Old."},
    "POST /templates/{ref}/preview": {},
    "POST /tokens": {"scopes": ["look"]},
    "POST /variants/choices": {"requirements": {"kind": "compute", "operations": ["total"]}},
    "POST /variants/explanations": {"requirements": {"kind": "compute", "operations": ["total"]}},
    "PUT /variants/choices/{choice}/outcome": {"outcome": "kept"},
    "PATCH /workspace": {"title": "Ours"},
    "POST /workspaces": {"name": "third"},
    "PATCH /workspaces/{name}": {"title": "Ours"},
}
"""Good bodies, so that each address comes as far as the house."""
QUERIES = {"POST /tables": "?name=x.csv"}
BYTES = {"POST /tables", "POST /templates/bundles"}


class Broken:
    """Stands for a house whose every part fails with a text that nobody may see."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"{name} has failed over {SECRET}")


class BrokenOffices(Offices):
    """Offices over a broken house."""

    async def open(self, workspace: str) -> Office:
        """The same one for every workspace."""
        broken = cast("Any", Broken())
        return Office(
            house=broken,
            repeats=Repeats(self.stores, clock=self.clock),
            news=News(),
            worker=broken,
            looking=broken,
        )


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TeamServer]:
    """A server in which everything is broken behind the guard."""
    found = await open_team(tmp_path)
    offices = BrokenOffices(found.houses, found.gate.offices.lanes)
    offices.stores, offices.clock = found.houses.control, found.clock  # type: ignore[attr-defined]  # only for this test
    found.gate = replace(found.gate, offices=offices)
    found.application = assemble(found.houses, found.gate, draw=lambda: "number-1")
    yield found
    await found.houses.close()


async def test_every_address_tells_a_number_only(
    server: TeamServer, caplog: pytest.LogCaptureFixture
) -> None:
    """S42: an error that nobody foresaw is a problem with code and number; its text is not even in the log."""
    caplog.set_level(logging.DEBUG)
    owner = await server.person("owner", {}, is_owner=True)
    cookie = await server.cookie(owner)

    wrong, reached = [], 0
    async with server.page(cookie) as page:
        for each in addresses():
            for method in methods(each) if each.path not in NOT_ASKED and each.needs is not None else ():
                name = f"{method} {each.route.path}"
                kind = "application/octet-stream" if name in BYTES else "application/json"
                content = (
                    b"body\nhi\n" if name in BYTES else json.dumps(BODIES[name]) if name in BODIES else None
                )
                answer = await page.request(
                    method,
                    path_of(each) + QUERIES.get(name, ""),
                    content=content,
                    headers={"content-type": kind},
                )
                told = answer.json()
                good = (answer.status_code, told.get("code")) == (500, "bug") and "`number-1`" in told[
                    "detail"
                ]
                reached += good
                if not good or SECRET in answer.text:
                    wrong.append(f"{name}: {answer.status_code} {answer.text[:200]}")

    assert not wrong, "\n".join(wrong)
    assert reached > 60
    assert SECRET not in caplog.text
