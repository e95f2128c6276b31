"""The secrets sweep: planted secrets, every fault, DEBUG logging on, then a search through everything.

A server and commands are the real ones, each in a process of its own; the model's server echoes the
key that it is sent in every way in which a reply can go wrong.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from tests.stories.hostile import ACTS, Hostile, hostile
from tests.stories.test_serve import LINES, Serving
from tests.stories.wire import KEY as WIRE_KEY
from tests.stories.wire import rehearsal

from weft.kit.secrecy import LIVE, SHAPES, forms_of, guard_log
from weft.testing.faults import FAULTS

DEBUGGING = """
import logging, sys
logging.basicConfig(level=logging.INFO, handlers=[logging.StreamHandler(), logging.FileHandler("debug.log")])
for name in ("sqlalchemy", "sqlalchemy.engine", "aiohttp", "uvicorn", "asyncio", "weft"):
    logging.getLogger(name).setLevel(logging.DEBUG)
from weft.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
PATIENCE_S = 30.0
WHERE_A_KEY_BELONGS = (".weft/weft.db.key",)


def planted(prefix: str) -> str:
    """A secret that stands nowhere else."""
    return prefix + secrets.token_urlsafe(30)


class Place:
    """A project with planted secrets, and everything that was said in it."""

    def __init__(self, folder: Path, model: Hostile) -> None:
        self.folder = folder
        self.model = model
        self.said: dict[str, bytes] = {}
        self.kept, self.foreign, self.unused = planted("sk-"), planted("sk-"), planted("sk-proj-")
        self.master = b64encode(secrets.token_bytes(32)).decode()
        self.oidc = planted("oidc-")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONASYNCIODEBUG": "1",
            "OPENAI_API_KEY": self.unused,
            "WEFT_API_KEY": self.foreign,
            "WEFT_MASTER_KEY": self.master,
            "WEFT_OIDC_CLIENT_SECRET": self.oidc,
        }
        (folder / "weft.toml").write_text(
            f'model = "openai/m-1"\nbase_url = "{model.url}/v1"\nattempts = 1\nrow_attempts = 1\n'
            "patience_s = 0\nretry_after_cap_s = 0\ntimeout_s = 5\n",
            encoding="utf-8",
        )

    def weft(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[bytes]:
        """Run a command with everything logged that can be."""
        done = subprocess.run(
            [sys.executable, "-c", DEBUGGING, *arguments],
            cwd=self.folder, env=self.environment, input=text.encode(), capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        name = f"weft {' '.join(arguments[:3])} #{len(self.said)}"
        self.said[name] = done.stdout + done.stderr
        return done

    def serve(self, *flags: str, lines: int = LINES) -> tuple[subprocess.Popen[str], dict[str, str]]:
        """Start the server with everything logged that can be; where it is."""
        with (self.folder / "serve.err").open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-c", DEBUGGING, "serve", "--port", "0", "--json", *flags],
                cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        assert process.stdout is not None
        return process, json.loads("".join(process.stdout.readline() for _ in range(lines)))

    def hear(self, answer: httpx.Response) -> httpx.Response:
        """Keep what the server answered, but for the cookie that it hands out."""
        headers = [pair for pair in answer.headers.multi_items() if pair[0] != "set-cookie"]
        name = f"{answer.request.method} {answer.request.url.path} #{len(self.said)}"
        self.said[name] = repr(headers).encode() + answer.content
        return answer

    def everything(self) -> Iterator[tuple[str, bytes]]:
        """All that was said, and every file of the project."""
        yield from self.said.items()
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                yield str(path.relative_to(self.folder)), path.read_bytes()

    def found(self, secret: str, *, allowed: tuple[str, ...] = ()) -> list[str]:
        """Where a secret stands, in whatever form."""
        forms = [form.encode() for form in dict.fromkeys(forms_of(secret))]
        return [
            name
            for name, content in self.everything()
            if name not in allowed and any(form in content for form in forms)
        ]

    def shapes(self) -> set[tuple[str, str]]:
        """Whatever looks like a key of a well-known kind, and where."""
        return {
            (name, match[:12])
            for name, content in self.everything()
            if name not in WHERE_A_KEY_BELONGS
            for match in SHAPES.findall(content.decode("latin-1"))
        }

    def be_a_team(self) -> None:
        """Become the place of a team's server, whose own variables hold no key of a provider."""
        self.folder.chmod(0o700)
        for name in ("OPENAI_API_KEY", "WEFT_API_KEY"):
            del self.environment[name]
        with (self.folder / "weft.toml").open("a", encoding="utf-8") as config:
            config.write(
                f'allowed_base_urls = "{self.model.url}/v1"\npublic_url = "https://weft.example.com"\n'
                "server_rpm = 10000000\n"
            )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A project whose model is hostile."""
    with hostile() as model:
        yield Place(tmp_path, model)


def errand(act: str, **settings: Any) -> dict[str, Any]:
    """A run of one row."""
    return {
        "rows": [{"body": f"row for {act}"}],
        "prompt": "Rate {{ body }}",
        "fields": ["tone: enum[calm,angry]"],
        "name": act,
        "settings": settings,
    }


def rest(program: httpx.Client, run: str) -> dict[str, Any]:
    """Wait until a run rests."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = program.get(f"/api/v1/runs/{run}").json()
        if found["state"] in {"finished", "stopped"} or (
            found["state"] == "paused" and found["reason"] != "queued"
        ):
            return found
        Event().wait(0.02)
    raise AssertionError(found)


def ask_everything(place: Place, program: httpx.Client) -> list[str]:
    """Let every act happen to a run with the kept key, and look at it from all sides."""
    states = []
    for act in ACTS:
        place.model.next = act
        made = place.hear(program.post("/api/v1/runs", json=errand(act, key_name="hostile")))
        assert made.status_code == 201, made.text
        run = made.json()["id"]
        states.append(rest(program, run)["state"])
        for address in (f"runs/{run}", f"runs/{run}/rows", f"runs/{run}/rows/0"):
            assert place.hear(program.get(f"/api/v1/{address}")).status_code == 200
        for form in ("csv", "jsonl"):
            place.hear(
                program.get(
                    f"/api/v1/runs/{run}/export", params={"format": form, "partial": "true", "meta": "true"}
                )
            )
    return states


def ask_wrongly(place: Place, program: httpx.Client) -> None:
    """Send secrets to where they do not belong."""
    for secret in (place.kept, place.unused, place.master):
        place.hear(
            program.put("/api/v1/keys/x", json={"key": secret, "base_url": f"http://10.0.0.1/{secret}"})
        )
        place.hear(program.put("/api/v1/keys/openai", json={"key": secret, secret: secret}))
        place.hear(program.put("/api/v1/keys/openai", json={"key": secret, "provider": secret}))
        place.hear(program.get("/api/v1/prices", params={"token": secret, secret: "1"}))
        place.hear(program.post("/api/v1/runs", json={**errand("wrong"), "name": 7, secret: 1}))
        place.hear(program.post("/api/v1/runs", json={"rows": [], "prompt": f"{{{{ {secret} }}}}"}))
        place.hear(program.post("/api/v1/estimates", content=f'{{"{secret}'.encode()))
        place.hear(program.get("/api/v1/health", headers={"x-api-key": secret, "cookie": f"weft_1={secret}"}))
        place.hear(
            httpx.get(f"{program.base_url}/api/v1/keys", headers={"authorization": f"Bearer {secret}"})
        )


def test_planted_secrets_are_nowhere(place: Place) -> None:
    """S31, S46, S47: whatever goes wrong, no secret is in a log, a file, the store, an export or an answer."""
    assert (
        place.weft(
            "keys", "set", "hostile", "--base-url", f"{place.model.url}/v1", text=place.kept
        ).returncode
        == 0
    )
    process, told = place.serve()
    serving = Serving(process, told["url"], told["entrance"], Path(told["key"]))
    bearer = serving.key.read_text().strip()
    code = serving.entrance.partition("=")[2]
    try:
        with serving.program() as program, httpx.Client(base_url=serving.url, trust_env=False) as browser:
            entered = browser.get(serving.entrance)
            cookie = entered.headers["set-cookie"].partition("=")[2].partition(";")[0]
            place.hear(browser.get("/api/v1/keys"))
            place.hear(browser.get(f"/enter?code={code}"))
            states = ask_everything(place, program)
            ask_wrongly(place, program)
            for address in (
                "keys",
                "settings",
                "runs",
                "cache",
                "health",
                "metrics",
                "openapi.json",
                "prices",
            ):
                place.hear(program.get(f"/api/v1/{address}"))
    finally:
        serving.process.terminate()
        out, _ = serving.process.communicate(timeout=30)
    place.said["serve stdout"] = out.encode()
    for number, act in enumerate(ACTS):
        place.model.next = act
        words = ["run", "--prompt", "Rate {{ body }}", "--field", "tone: enum[calm,angry]", "--debug"]
        if number % 12 == 0:  # a process takes a while to start
            (place.folder / "t.csv").write_text(f"body\nrow {number}\n")
            place.weft(*words, "t.csv", "--json" if number % 24 else "--verbose", "--out", f"out{number}.csv")
    place.weft("export", "--out", "partial.jsonl", "--partial", "--meta")
    place.weft("keys", "list")
    place.weft("keys", "rotate")
    place.weft("db", "backup", "copy.db")
    place.weft("db", "check")
    place.weft("doctor")

    assert set(place.model.keys) == {place.kept, place.foreign}
    assert states.count("stopped") + states.count("paused") + states.count("finished") == len(ACTS)
    assert (place.folder / "debug.log").stat().st_size > 10_000
    assert (place.folder / "copy.db").stat().st_size > 10_000
    for secret in (place.kept, place.foreign, place.unused, place.master, place.oidc, cookie, code):
        assert place.found(secret) == []
    assert place.found(bearer, allowed=WHERE_A_KEY_BELONGS) == []
    assert place.shapes() == set()


def test_planted_secrets_of_a_team_are_nowhere(place: Place) -> None:
    """S43, S46, S47: on a team's server neither keys, tokens nor the client's secret are anywhere, deeds included."""
    place.be_a_team()
    first = json.loads(place.weft("team", "init", "--owner", "anna@example.com", "--json").stdout)
    made = json.loads(
        place.weft("tokens", "create", "--member", "anna@example.com", "--scope", "run", "--json").stdout
    )
    tokens = [found for each in (first, made) for found in SHAPES.findall(json.dumps(each))]
    place.said = {
        name: said for name, said in place.said.items() if "tokens" not in name and "team" not in name
    }
    process, told = place.serve("--team", lines=4)
    headers = {"authorization": f"Bearer {tokens[0]}", "host": "weft.example.com"}
    try:
        with httpx.Client(base_url=told["place"], headers=headers, timeout=30, trust_env=False) as program:
            kept = place.hear(
                program.put(
                    "/api/v1/keys/hostile", json={"key": place.kept, "base_url": f"{place.model.url}/v1"}
                )
            )
            states = ask_everything(place, program)
            ask_wrongly(place, program)
            third = program.post("/api/v1/tokens", json={"name": "third", "scopes": ["run"]})
            place.hear(program.post("/api/v1/keys/rotate"))
            for address in (
                "keys",
                "settings",
                "runs",
                "tokens",
                "members",
                "workspaces",
                "me",
                "deeds",
                "audit",
            ):
                place.hear(program.get(f"/api/v1/{address}"))
    finally:
        process.terminate()
        out, _ = process.communicate(timeout=30)
    tokens += SHAPES.findall(third.text)
    place.said["serve stdout"] = out.encode()
    place.weft("audit", "list", "--json")
    place.weft("audit", "verify")
    place.weft("db", "backup", "copy.db")

    assert kept.status_code == 200, kept.text
    assert len(tokens) == 3
    assert len(states) == len(ACTS)
    assert set(place.model.keys) == {place.kept}
    assert b"keep_key" in place.said[next(name for name in place.said if "audit list" in name)]
    for secret in (place.kept, place.master, place.oidc, *tokens):
        assert place.found(secret) == []
    assert place.shapes() == set()


@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_no_fault_tells_the_key(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    """S47: every fault of the table, with everything logged: the key is in no record, event, row or call."""
    before = logging.getLogRecordFactory()
    LIVE.add(WIRE_KEY)
    guard_log()
    try:
        with caplog.at_level(logging.DEBUG):
            async with rehearsal([fault] * 3, timeout_s=0.3) as it:
                await it.start()
                told = repr([it.run, it.calls, it.outcomes, it.events, it.words()])
    finally:
        logging.setLogRecordFactory(before)

    assert it.server.requests
    logged = caplog.text + repr([vars(each) for each in caplog.records])
    assert not [form for form in forms_of(WIRE_KEY) if form in told + logged]
