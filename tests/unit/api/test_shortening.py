from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp
from tests.unit.api.team import TeamServer, open_team

import weft
from weft.api.shortening import Shortened
from weft.rights import HOME, Role

FOLDER = Path("/srv/wéft/team.db.workspaces")


async def told(answer: Response, *folders: Path) -> httpx.Response:
    """What is left of an answer."""
    application: ASGIApp = Shortened(answer, folders or (FOLDER, FOLDER / "home"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://x") as ask:
        return await ask.get("/")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"{FOLDER}/home/templates/a.md", "templates/a.md"),
        (f"There is a file `{FOLDER}/other/a.md` already.", "There is a file `other/a.md` already."),
        (f"https://example.com{FOLDER}/a", f"https://example.com{FOLDER}/a"),
        (f"{FOLDER}x/a", f"{FOLDER}x/a"),
    ],
)
async def test_only_beginnings_of_paths_are_left_out(text: str, left: str) -> None:
    """S6: a path is told from the server's folder on; what only looks like one stays."""
    answer = await told(JSONResponse({"path": text}))

    assert answer.json() == {"path": left}
    assert answer.headers["content-length"] == str(len(answer.content))


async def test_what_is_no_json_stays() -> None:
    """Exports are told letter for letter."""
    assert (await told(PlainTextResponse(f"{FOLDER}/home/a"))).text == f"{FOLDER}/home/a"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TeamServer]:
    """A server over a file, with an author of `home`."""
    found = await open_team(tmp_path, store=str(tmp_path / "team.db"))
    await found.person("anna", {HOME: Role.AUTHOR})
    yield found
    await found.houses.close()


async def test_nobody_is_told_where_files_are_kept(server: TeamServer, tmp_path: Path) -> None:
    """S6, S42: neither answers nor problems say where the server keeps its files, or its code."""
    async with server.program(await server.token(server.people["anna"])) as anna:
        made = await anna.post("/api/v1/templates/meeting_recap/clones", json={"key": "recap"})
        again = await anna.post(
            "/api/v1/templates/meeting_recap/clones", json={"key": "recap", "version": made.json()["version"]}
        )
        answers = [made, again] + [
            await anna.get(f"/api/v1/{path}")
            for path in ("templates/recap", "templates/meeting_recap", "variants", "variants/codegen/minimal")
        ]
        bad = await anna.post("/api/v1/templates/meeting_recap/commits", json={"message": "x"})

    told = "\n".join(each.text for each in (*answers, bad))
    assert [each.status_code for each in (*answers, bad)] == [201, 409, 200, 200, 200, 200, 409]
    assert made.json()["path"].startswith("home/templates/recap@")
    assert str(tmp_path) not in told
    assert str(Path(weft.__file__).parent) not in told
