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
from functools import cache
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
LASTING = {"GET /api/v1/runs/{run}/events"}  # told as long as a run goes on; asked about ended ones only


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


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all names, whose runs wait for a worker; the owner has asked for everything once."""
    folder = tmp_path_factory.mktemp("team")
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
    found = Served(process, told["place"], tokens, known)
    yield found
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")  # also: no request was answered with a bug


@cache
def drawn(mode: GenerationMode) -> dict[str, list[Any]]:
    """Operation → requests, drawn once for all servers and names."""
    most = FITTING if mode is GenerationMode.POSITIVE else UNFIT
    return {each.label: draw(each, mode, count_for(each, most)) for each in _operations}


_operations: list[Any] = []


@pytest.fixture(scope="module")
def operations(served: Served) -> dict[str, Any]:
    """Every operation that the server describes."""
    if not _operations:
        _operations.extend(operations_of(served.url, served.asker(OWNER).headers))
    return {each.label: each for each in _operations}


@pytest.fixture(scope="module")
def reached(
    served: Served, operations: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, set[int]]:
    """Every errand of the owner; operation → statuses."""
    asker, statuses = served.asker(OWNER), {}
    served.known["foreign"] = asyncio.run(foreign_bundle(tmp_path_factory.mktemp("elsewhere")))
    for errand in ERRANDS:
        response = asker.ask(case_of(operations[errand.label], errand, served.known))
        statuses.setdefault(errand.label, set()).add(response.status_code)
        for name, place in errand.keeps.items():
            served.known[name] = response.json()[place]
        if not errand.label.startswith("DELETE"):
            served.paths[errand.label] = errand.filled(served.known)
    asker.close()
    return statuses


async def foreign_bundle(folder: Path) -> bytes:
    """A template as another project hands it out."""
    (folder / "templates").mkdir()
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


def test_owner_reaches_every_operation(operations: dict[str, Any], reached: dict[str, set[int]]) -> None:
    """Everything that is described succeeds for the owner, in its described form; a new operation needs its errand."""
    assert {label: each for label, each in reached.items() if max(each) >= 300} == {}
    assert set(reached) == set(operations)


@pytest.mark.parametrize("who", WHO)
def test_described_requests_are_answered_as_described(
    served: Served, operations: dict[str, Any], reached: dict[str, set[int]], who: str
) -> None:
    """In everybody's name what fits the description is answered as described, and refused to who may not."""
    asker, needs = served.asker(who), needed()
    for label, cases in drawn(GenerationMode.POSITIVE).items():
        is_allowed = needs[label] is None or needs[label] in may(who)
        for number, case in enumerate(cases):
            if label in served.paths and (number % 2 == 0 or label in LASTING):
                case.path_parameters = dict(served.paths[label])
            response = asker.ask(case)
            assert response.status_code < 500, response.text
            if is_allowed:
                check_mistake(response)
            else:
                assert response.status_code in {403, 404, 413, 415, 422}, f"{label} {response.status_code}"
    asker.close()


@pytest.mark.parametrize("who", WHO)
def test_other_requests_are_refused(
    served: Served, operations: dict[str, Any], reached: dict[str, set[int]], who: str
) -> None:
    """In everybody's name what does not fit the description is refused with a problem, and nothing breaks."""
    asker = served.asker(who)
    assert not drawn(GenerationMode.NEGATIVE)["GET /api/v1/health"]
    for cases in drawn(GenerationMode.NEGATIVE).values():
        assert max(asker.ask_all(cases), default=0) < 500
    asker.close()


def test_nobody_is_let_in_without_a_token(served: Served, operations: dict[str, Any]) -> None:
    """Every operation but the one that says that the server is there refuses strangers."""
    stranger = Asker(served.url, {"Host": HOST})
    for label, cases in drawn(GenerationMode.POSITIVE).items():
        if label != "GET /api/v1/health":
            assert stranger.ask(cases[0]).status_code == 401, label
    stranger.close()
