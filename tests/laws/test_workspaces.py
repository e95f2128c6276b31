"""S33: what is in one workspace does not exist in another, whatever was done and whoever asks."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.unit.api.team import OTHER, TeamServer, open_team
from tests.unit.api.test_permitting import NOT_ASKED, addresses, methods

from weft.rights import HOME, Role

TASK = {"rows": [{"body": "hi"}], "prompt": "{{ body }}", "fields": ["mood: enum[a,b]"]}
CHOICE = {"requirements": {"kind": "compute", "operations": ["total"]}}
TENANTS = (HOME, OTHER)
ANYBODYS = {"place", "alias", "pack"}  # parts of addresses that name nothing by themselves
KINDS = {"run", "table", "member", "token", "choice", "key"}
"""Parts of addresses that name something which somebody has made."""


class Workspaces(RuleBasedStateMachine):
    """Two tenants do what they like; then each tries the other's names."""

    asked: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.server: TeamServer = self.run(open_team(Path(self.folder.name)))
        self.cookies = {name: self.run(self.sign_in(name)) for name in TENANTS}
        self.made: dict[str, set[tuple[str, str]]] = {name: set() for name in TENANTS}

    def run(self, errand: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(errand)

    async def sign_in(self, workspace: str) -> str:
        """The cookie of an administrator of a workspace."""
        return await self.server.cookie(
            await self.server.person(f"{workspace}-admin", {workspace: Role.ADMIN})
        )

    def ask(self, tenant: str, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask as the administrator of a workspace."""

        async def ask() -> httpx.Response:
            async with self.server.page(self.cookies[tenant]) as page:
                return await page.request(method, path, **more)

        return self.run(ask())

    def make(self, tenant: str, kind: str, path: str, **more: Any) -> None:
        """Make something, and remember its name."""
        answer = self.ask(tenant, "POST", f"/api/v1/{path}", **more)
        assert answer.status_code in (200, 201), answer.text
        self.made[tenant].add((kind, answer.json()["id"]))

    @rule(tenant=st.sampled_from(TENANTS), starts=st.booleans())
    def hand_in(self, tenant: str, starts: bool) -> None:
        self.make(tenant, "run", "runs", json={**TASK, "start": starts})

    @rule(tenant=st.sampled_from(TENANTS), number=st.integers(0, 9))
    def hand_over(self, tenant: str, number: int) -> None:
        self.make(
            tenant, "table", f"tables?name=t{number}.csv", content=b"body\nhi\n",
            headers={"content-type": "application/octet-stream"},
        )  # fmt: skip

    @rule(tenant=st.sampled_from(TENANTS), number=st.integers(0, 9))
    def invite(self, tenant: str, number: int) -> None:
        """The same people may be invited by both; then they are members of both."""
        body = {"email": f"{tenant}{number}@example.com", "roles": ["viewer"]}
        self.make(tenant, "member", "members", json=body)

    @rule(tenant=st.sampled_from(TENANTS))
    def make_token(self, tenant: str) -> None:
        self.make(tenant, "token", "tokens", json={"scopes": ["look"]})

    @rule(tenant=st.sampled_from(TENANTS))
    def choose(self, tenant: str) -> None:
        self.make(tenant, "choice", "variants/choices", json=CHOICE)

    @rule(tenant=st.sampled_from(TENANTS), number=st.integers(0, 9))
    def clone(self, tenant: str, number: int) -> None:
        """A template of one workspace is none of the other's, though both have weft's own."""
        name = f"{tenant}{number}"
        if ("key", name) not in self.made[tenant]:
            answer = self.ask(tenant, "POST", "/api/v1/templates/meeting_recap/clones", json={"key": name})
            assert answer.status_code == 201, answer.text
            self.made[tenant].add(("key", name))

    @rule(tenant=st.sampled_from(TENANTS))
    def try_names_of_others(self, tenant: str) -> None:
        """Every name of the other tenant in every address: there is no such thing."""
        other = next(each for each in TENANTS if each != tenant)
        for kind, name in sorted(self.made[other]):
            for method, path in paths(kind, name):
                answer = self.ask(
                    tenant, method, path, json=body_for(method, path), params=query_for(method, path)
                )
                assert answer.status_code == 404, f"{method} {path} as {tenant}: {answer.text}"
                Workspaces.asked += 1

    @rule(tenant=st.sampled_from(TENANTS))
    def look_at_lists(self, tenant: str) -> None:
        """Lists hold one's own names and none of the other's."""
        other = next(each for each in TENANTS if each != tenant)
        lists = ("runs", "tables", "members", "tokens", "templates?limit=200", "audit", "metrics", "keys")
        told = "".join(self.ask(tenant, "GET", f"/api/v1/{each}").text for each in lists)
        assert not [name for _, name in self.made[other] if f'"{name}"' in told]

    def teardown(self) -> None:
        self.run(self.server.houses.close())
        self.loop.close()
        self.folder.cleanup()


def paths(kind: str, name: str) -> list[tuple[str, str]]:
    """Every address with a thing of this kind in it; templates go by `key` and by `ref`."""
    found = []
    for each in addresses():
        named = set(re.findall(r"\{(\w+)\}", each.path))
        spelled = {"key": {"key", "ref"}}.get(kind, {kind}) & named
        if spelled and each.path not in NOT_ASKED:
            path = each.path
            for part in named:
                path = path.replace(
                    f"{{{part}}}", name if part in spelled else "0" if part == "place" else "production"
                )
            found += [(method, path) for method in methods(each)]
    return found


def body_for(method: str, path: str) -> Any:
    """A body that is good, so that nothing but the name can be refused."""
    bodies = {
        "/rows": {"rows": [{"body": "x"}]},
        "/resume": {},
        "/roles": {"roles": ["viewer"]},
        "/outcome": {"outcome": "kept"},
        "/preview": {},
        "/clones": {"key": "copy"},
        "/commits": {"message": "First."},
        "/deprecation": {"reason": "Old."},
        "/production": {"version": "1.0.0"},
        "/template": {"key": "kept"},
    }
    if method == "PATCH":
        return {"name": "x.csv"}
    if method in ("GET", "DELETE"):
        return None
    if "csv_batches" in path and path.endswith("/rows"):
        return {"rows": [{"system_params": {}, "user_message": "x"}]}
    return next((body for end, body in bodies.items() if path.endswith(end)), None)


def query_for(method: str, path: str) -> dict[str, str]:
    """What an address must be asked with."""
    needed = {"/changes": {"since": "0"}, "/cells": {"at": "0"}}
    return next((query for end, query in needed.items() if method == "GET" and path.endswith(end)), {})


def test_every_named_part_is_known() -> None:
    """A new part of an address is either tried as somebody else's, or here with its reason."""
    named = {part for each in addresses() for part in re.findall(r"\{(\w+)\}", each.path)}

    assert named - KINDS - ANYBODYS == {
        "ref",
        "name",
    }  # templates again; keys, variants and workspaces by name


TestWorkspaces = Workspaces.TestCase
TestWorkspaces.settings = settings(
    max_examples=8, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
)
