"""The server of a team keeps to its description, whoever asks: each role, and the owner, on both stores.

The real command serves, over a store of its own; what ends TLS is left out. Requests are drawn once
from the description and sent in everybody's name.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from schemathesis import GenerationMode
from tests.contracts.servers import fresh_database
from tests.stories.describing import Asker, check_mistake, count_for, draw, operations_of
from tests.stories.team_errands import ERRANDS, TEMPLATE, Errand, Known
from tests.unit.api.team import MASTER

from weft.api.application import PREFIX, ROUTES
from weft.api.permitting import addresses_of
from weft.app.opening import look_around
from weft.app.requesting import RunRequest
from weft.app.submitting import Submission
from weft.app.team import TeamHouses
from weft.app.weft import Weft
from weft.app.working import Lanes
from weft.rights import GRANTS, HOME, Permission, Role
from weft.run import RunState
from weft.testing.scripted import ScriptedProvider

WEFT = Path(sys.executable).with_name("weft")
HOST = "weft.example.com"
OWNER = "owner"
WHO = (OWNER, *(each.value for each in Role))
FITTING, UNFIT = 3, 2  # requests of each operation in each name, at most
REFUSED = {403, 404, 413, 415, 422}  # what somebody hears who may not; some things are found out before that
LASTING = {"GET /api/v1/runs/{run}/events"}  # told as long as a run goes on; asked about ended ones only
Operations = dict[str, Any]
Drawn = dict[str, list[Any]]


@dataclass
class Served:
    """A server that was started as a command, and a token for everybody.

    Attributes:
        known: what the errands have made. paths: operation → parameters in the path that mean something.
    """

    process: subprocess.Popen[str]
    url: str
    tokens: dict[str, str]
    known: Known = field(default_factory=dict)
    paths: dict[str, dict[str, Any]] = field(default_factory=dict)

    def asker(self, who: str) -> Asker:
        """Ask in somebody's name."""
        return Asker(self.url, {"Host": HOST, "Authorization": f"Bearer {self.tokens[who]}"})


def settings(folder: Path, store: str) -> str:
    """The `weft.toml` of a server over a store."""
    return "\n".join(
        (
            f'store = "{store or folder / "team.db"}"',
            f'public_url = "https://{HOST}"',
            'model = "local"',
            'oidc_issuer = "https://id.example.com"',
            'oidc_client_id = "weft"',
            "server_rpm = 10000000",
        )
    )


async def make_people(folder: Path, environment: dict[str, str]) -> tuple[dict[str, str], Known]:
    """Somebody in each role and an owner, a token for each that is held to nothing; and runs that failed."""
    around = look_around(start=folder, environment=environment)
    houses = TeamHouses(around, provider=ScriptedProvider(lambda found: {"tone": "none of the words"}))
    try:
        tokens = {}
        for who in WHO:
            roles = {} if who == OWNER else {HOME: {Role(who)}}
            member = await houses.members.invite(f"{who}@example.com", roles, is_owner=who == OWNER)
            made = await houses.tokens.create(member.id, workspace=HOME, scopes=frozenset(Permission))
            tokens[who] = made.text
        return tokens, {"failed": await fail(houses), "failed_row": await fail(houses)}
    finally:
        await houses.close()


async def fail(houses: TeamHouses) -> str:
    """Walk a run whose rows all fail; its id."""
    house = await houses.open(HOME)
    desk = house.queue_with({})
    request = RunRequest(table=[{"body": "Hello"}], prompt="{{ body }}", fields=("tone: enum[calm,angry]",))
    run = await desk.submit(request, Submission(sender=OWNER, starts=True))
    lanes = Lanes(houses, clock=houses.clock)
    working = asyncio.ensure_future(lanes.work())
    while (await desk.get(run.id)).state is not RunState.FINISHED:
        await houses.clock.sleep(0.02)
    lanes.stop()
    await working
    return run.id


@pytest.fixture
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """A server over an empty store, whose runs wait for a worker."""
    folder = tmp_path / "team"
    folder.mkdir()
    folder.chmod(0o700)
    config = folder / "weft.toml"
    store = fresh_database() if request.param == "postgresql" else ""
    config.write_text(settings(folder, store), encoding="utf-8")
    config.chmod(0o600)
    secret = {"WEFT_MASTER_KEY": MASTER}
    tokens, known = asyncio.run(make_people(folder, secret))
    process = subprocess.Popen(
        [WEFT, "serve", "--team", "--port", "0", "--workers", "0", "--json"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ) | secret,
    )  # fmt: skip
    assert process.stdout is not None
    told = json.loads("".join(process.stdout.readline() for _ in range(4)))
    known["foreign"] = asyncio.run(foreign_bundle(tmp_path / "elsewhere"))
    yield Served(process, told["place"], tokens, known)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")  # also: no request was answered with a bug


async def foreign_bundle(folder: Path) -> bytes:
    """A template as another project hands it out."""
    (folder / "templates").mkdir(parents=True)
    (folder / "templates/foreign@1.0.0.md").write_text(TEMPLATE, encoding="utf-8")
    packed = io.BytesIO()
    async with Weft(look_around(start=folder, environment={})) as house:
        house.templates.export_bundle(["foreign"], path=packed)
    return packed.getvalue()


def case_of(operation: Any, errand: Errand, known: Known) -> Any:
    """The request of an errand."""
    body = errand.build(known) if errand.build else errand.body
    told: dict[str, Any] = {"path_parameters": errand.filled(known), "query": dict(errand.query)}
    if body is not None:
        told |= {"body": body, "media_type": errand.media_type}
    return operation.Case(**told)


def may(who: str) -> frozenset[Permission]:
    """What somebody may do at home."""
    return frozenset(Permission) if who == OWNER else GRANTS[Role(who)]


def needed() -> dict[str, Permission | None]:
    """Operation → the permission that it needs."""
    subjects = [(PREFIX, ROUTES.get(name)) for name in ROUTES.names()]
    return {
        f"{method} {each.path}": each.needs
        for each in addresses_of(subjects)
        for method in each.route.methods or ()
    }


def drawn(operations: Operations, mode: GenerationMode, most: int) -> Drawn:
    """Operation → requests, the same ones for every name."""
    return {label: draw(each, mode, count_for(each, most)) for label, each in operations.items()}


def run_errands(served: Served, operations: Operations) -> dict[str, set[int]]:
    """Every errand of the owner; operation → statuses."""
    statuses: dict[str, set[int]] = {}
    with served.asker(OWNER) as asker:
        for errand in ERRANDS:
            response = asker.ask(case_of(operations[errand.label], errand, served.known))
            statuses.setdefault(errand.label, set()).add(response.status_code)
            for name, place in errand.keeps.items():
                served.known[name] = response.json()[place]
            if not errand.label.startswith("DELETE"):
                served.paths[errand.label] = errand.filled(served.known)
    return statuses


def ask_what_fits(served: Served, who: str, fitting: Drawn) -> None:
    """In somebody's name: what fits is answered as described, and refused to who may not."""
    needs = needed()
    with served.asker(who) as asker:
        for label, cases in fitting.items():
            is_allowed = needs[label] is None or needs[label] in may(who)
            for number, case in enumerate(cases):
                if label in served.paths and (number % 2 == 0 or label in LASTING):
                    case.path_parameters = dict(served.paths[label])
                response = asker.ask(case)
                if is_allowed:
                    check_mistake(response)
                else:
                    assert response.status_code in REFUSED, f"{who}: {label}: {response.status_code}"


@pytest.mark.parametrize("served", ["sqlite", "postgresql"], indirect=True)
def test_team_is_answered_as_described(served: Served) -> None:
    """The owner reaches everything with a 2xx; nobody in any role finds an answer that is not described.

    What fits the description is never refused for its shape, what does not fit always is; who may not
    do something is told so, and a stranger is let in nowhere. A new operation needs an errand.
    """
    with served.asker(OWNER) as asker:
        operations = {each.label: each for each in operations_of(asker.url, asker.headers)}
    fitting = drawn(operations, GenerationMode.POSITIVE, FITTING)
    unfit = drawn(operations, GenerationMode.NEGATIVE, UNFIT)

    reached = run_errands(served, operations)
    for who in WHO:
        ask_what_fits(served, who, fitting)
        with served.asker(who) as asker:
            for cases in unfit.values():
                asker.ask_all(cases)  # each answer is looked at: a refusal with a problem
    with Asker(served.url, {"Host": HOST}) as stranger:
        strange = {label: stranger.ask(cases[0]).status_code for label, cases in fitting.items()}

    assert {label: each for label, each in reached.items() if max(each) >= 300} == {}
    assert set(reached) == set(operations)
    assert strange.pop("GET /api/v1/health") == 200
    assert set(strange.values()) == {401}
