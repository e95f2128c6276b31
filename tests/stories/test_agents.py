"""An agent as it comes: `weft mcp` in a process of its own, the protocol's client, a model with a bill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from threading import Event

import psutil
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from tests.stories.kills import PRICES, WEFT, cost_of, nanos
from tests.stories.kills import serving as model_with_bill
from tests.stories.test_serve import start

ROWS, ROWS_PER_CALL, CONCURRENCY = 240, 4, 4
LATENCY_MS = 40
PATIENCE_S = 60.0
SECRET = "sk-test-0123456789abcdef"
TABLE = "id,body\n" + "".join(f"{n},Text number {n} tells of something.\n" for n in range(ROWS))
ERRAND = {"prompt": "Classify {{ body }}", "fields": ["kind: enum[a,b,c] = what it is"], "table": "mails.csv"}
SMALL = {
    "prompt": "Say {{ x }}",
    "fields": ["y: text"],
    "rows": [{"x": "a"}, {"x": "b"}],
    "budget_usd": "0.01",
}
FREE = {**ERRAND, "model": "local", "limit": 5}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model that charges, in a process of its own."""
    with model_with_bill(tmp_path_factory.mktemp("model"), latency_ms=LATENCY_MS) as found:
        yield found


@pytest.fixture
def folder(tmp_path, model):
    """A project that asks the model, with a table."""
    found = tmp_path / "project"
    found.mkdir()
    (found / "mails.csv").write_text(TABLE, encoding="utf-8")
    (found / "prices.toml").write_text(PRICES, encoding="utf-8")
    (found / "weft.toml").write_text(
        f'model = "openai/gpt-4o-mini"\nbase_url = "{model.url}/v1"\nprices = "prices.toml"\n'
        f"rows_per_call = {ROWS_PER_CALL}\nconcurrency = {CONCURRENCY}\n",
        encoding="utf-8",
    )
    return found


@pytest.fixture
def billed(model):
    """What was charged since the test began, in nano-dollars."""
    before = cost_of(model.bill())
    return lambda: cost_of(model.bill()) - before


def parameters(folder, *flags):
    """How an agent starts weft."""
    environment = {"OPENAI_API_KEY": SECRET, "HOME": str(folder)}
    command, *arguments = WEFT
    return StdioServerParameters(
        command=command, args=[*arguments, "mcp", *flags], cwd=folder, env=environment
    )


@asynccontextmanager
async def agent(folder, *flags):
    """A session of an agent; what weft logs goes to a file."""
    with (folder / "agent.log").open("a", encoding="utf-8") as log:
        async with Client(stdio_client(parameters(folder, *flags), errlog=log)) as client:
            yield client


def words(result):
    """What a tool says."""
    return "\n".join(each.text for each in result.content)


async def call(client, tool, **arguments):
    """What a tool tells; it must not fail."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, words(result)
    return result.structured_content


async def rest(client, run):
    """How a run stands when it rests."""
    found = await call(client, "watch_run", run=run, wait_s=PATIENCE_S)
    assert found["is_at_rest"]
    return found


async def rows_of(client, run, **arguments):
    """Every row of a run, page by page."""
    rows, after = [], -1
    while after is not None:
        page = await call(client, "fetch_results", run=run, after=after, limit=100, **arguments)
        rows += page["rows"]
        after = page["next"]
    return rows


def weft(folder, *arguments):
    """What a command says as JSON."""
    environment = {**os.environ, "OPENAI_API_KEY": SECRET}
    done = subprocess.run(
        [*WEFT, *arguments, "--json"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(done.stdout)


async def test_whole_way(folder, billed):
    """Look, estimate, start, watch, fetch: every row comes once, and the ledger is the bill."""
    async with agent(folder) as client:
        found = await call(client, "list_templates", containing="topic_review")
        assert [each["key"] for each in found["templates"]] == ["topic_review"]
        expected = await call(client, "estimate_run", **ERRAND)
        assert (expected["rows"], expected["calls"]) == (ROWS, ROWS // ROWS_PER_CALL)
        run = (await call(client, "start_run", **ERRAND, budget_usd=expected["cost_limit_usd"]))["run"]
        steps = []

        async def told(done, total, message):
            steps.append(done)

        watched = await client.call_tool(
            "watch_run", {"run": run, "wait_s": PATIENCE_S}, progress_callback=told
        )
        rows = await rows_of(client, run, columns=["id"])
        listed = await call(client, "list_runs")

    end = watched.structured_content
    assert (end["state"], end["answered"]) == ("finished", ROWS)
    assert steps == sorted(steps)
    assert steps[-1] == ROWS
    assert [each["cells"]["id"] for each in rows] == [str(n) for n in range(ROWS)]
    assert all(each["answer"]["kind"] in {"a", "b", "c"} for each in rows)
    assert listed["runs"][0]["run"] == run
    assert nanos(end["spent_usd"]) == billed() > 0


async def test_nothing_starts_without_a_budget(folder, billed):
    """A paid run without a budget, or beyond the session's, is refused; nothing is asked or written."""
    async with agent(folder, "--most-usd", "0.01") as client:
        bare = await client.call_tool("start_run", ERRAND)
        dear = await client.call_tool("start_run", {**ERRAND, "budget_usd": "0.02"})
        unknown = await client.call_tool("start_run", {**ERRAND, "model": "openai/new", "budget_tokens": 100})
        assert (await call(client, "list_runs"))["runs"] == []

    assert "`budget_usd`" in words(bare)
    assert "at most $0.01" in words(dear)
    assert "known price" in words(unknown)
    assert bare.is_error and dear.is_error and unknown.is_error  # noqa: PT018 - one thing
    assert billed() == 0
    assert not (folder / ".weft" / "weft.db").exists()


async def test_session_spends_within_its_limit(folder, billed):
    """Runs are started while the session can bear them, whatever they ask for, and the bill stays below the limit."""
    most = "0.01"
    with (folder / "weft.toml").open("a") as config:
        config.write("until_budget = true\n")  # a run may begin whose projection is over its budget
    async with agent(folder, "--most-usd", most) as client:
        run = (await call(client, "start_run", **ERRAND, budget_usd="0.009"))["run"]
        refused = await client.call_tool("start_run", {**ERRAND, "fresh": True, "budget_usd": "0.009"})
        first = await rest(client, run)
        small = (await call(client, "start_run", **ERRAND, fresh=True, budget_usd="0.001"))["run"]
        stopped = await rest(client, small)
        beyond = await client.call_tool("resume_run", {"run": small, "budget_usd": most})

    assert refused.is_error
    assert "set aside" in words(refused)
    assert beyond.is_error
    assert first["state"] == "finished"
    assert (stopped["state"], stopped["reason"]) == ("stopped", "budget_exceeded")
    assert 0 < stopped["answered"] < ROWS
    assert nanos(first["spent_usd"]) + nanos(stopped["spent_usd"]) == billed() <= nanos(most)


async def test_run_is_paused_resumed_and_cancelled(folder, billed):
    """A run rests when it is told to, goes on where it was, and ends when it is told to."""
    async with agent(folder) as client:
        run = (await call(client, "start_run", **ERRAND, budget_usd="1"))["run"]
        paused = await call(client, "pause_run", run=run)
        again = await call(client, "resume_run", run=run)
        cancelled = await call(client, "cancel_run", run=run)
        resumed = await call(client, "resume_run", run=run)
        end = await rest(client, run)

    assert (paused["state"], paused["is_at_rest"]) == ("paused", True)
    assert not again["is_at_rest"]
    assert cancelled["state"] == "cancelled"
    assert resumed["skipped"] == 0
    assert (end["state"], end["answered"]) == ("finished", ROWS)
    assert nanos(end["spent_usd"]) == billed()


async def test_call_that_is_given_up_harms_no_run(folder):
    """An agent that stops waiting in the middle of a call loses nothing: the run goes on."""
    async with agent(folder) as client:
        run = (await call(client, "start_run", **ERRAND, budget_usd="1"))["run"]
        with pytest.raises(MCPError):
            await client.call_tool("watch_run", {"run": run, "wait_s": PATIENCE_S}, read_timeout_seconds=0.2)
        end = await rest(client, run)

    assert (end["state"], end["answered"]) == ("finished", ROWS)


async def test_same_key_starts_one_run(folder, billed):
    """An errand that is sent again with its key is the same run, also in a later session."""
    async with agent(folder) as client:
        first = await call(client, "start_run", **ERRAND, budget_usd="1", key="mine")
        again = await call(client, "start_run", **ERRAND, budget_usd="1", key="mine")
        other = await client.call_tool("start_run", {**ERRAND, "limit": 3, "budget_usd": "1", "key": "mine"})
        await rest(client, first["run"])
    async with agent(folder) as client:
        later = await call(client, "start_run", **ERRAND, budget_usd="1", key="mine")
        runs = (await call(client, "list_runs"))["runs"]

    assert first["run"] == again["run"] == later["run"]
    assert other.is_error
    assert len(runs) == 1
    assert nanos(runs[0]["spent_usd"]) == billed()


BAD = [
    ("start_run", {**FREE, "table": "../secret.csv"}, "folders that may be read"),
    ("start_run", {**FREE, "table": "/etc/passwd"}, "folders that may be read"),
    ("start_run", {**FREE, "table": "link.csv"}, "folders that may be read"),
    ("start_run", {**FREE, "prompt": "Classify {{ nothing }}"}, "nothing"),
    ("start_run", {**FREE, "prompt": "{% for %}"}, "prompt"),
    ("start_run", {**FREE, "fields": ["kind: enum["]}, "kind"),
    ("start_run", {**FREE, "fields": []}, "field"),
    ("start_run", {**FREE, "mapping": ["body=Nothing"]}, "Nothing"),
    ("start_run", {**FREE, "model": "nobody/none"}, "nobody"),
    ("start_run", {**FREE, "prompt": None, "fields": [], "template": "topic_revie"}, "topic_review"),
    ("estimate_run", {**FREE, "table": "broken.xlsx"}, "broken.xlsx"),
    ("fetch_results", {"run": "r000000000000"}, "no run"),
    ("pause_run", {"run": "r000000000000"}, "no run"),
]


async def test_bad_input_is_told_and_stores_nothing(folder):
    """Whatever is wrong is a tool's error with a sentence; nothing is stored, and the session goes on."""
    (folder.parent / "secret.csv").write_text("a\n1\n")
    (folder / "link.csv").symlink_to(folder.parent / "secret.csv")
    (folder / "broken.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    async with agent(folder) as client:
        for tool, arguments, says in BAD:
            result = await client.call_tool(tool, arguments)
            assert result.is_error, (tool, arguments)
            assert says in words(result), (says, words(result))
            assert "Traceback" not in words(result)
            assert "weft has a bug" not in words(result)
        assert (await call(client, "list_runs"))["runs"] == []
        run = (await call(client, "start_run", **FREE))["run"]
        assert (await rest(client, run))["answered"] == 5

    assert "Traceback" not in (folder / "agent.log").read_text()


async def test_key_is_shown_nowhere(folder):
    """The provider's key is in no answer, resource or log."""
    heard = []
    async with agent(folder, "-v") as client:
        run = (await call(client, "start_run", **{**ERRAND, "limit": 4}, budget_usd="1"))["run"]
        heard += [await rest(client, run), await call(client, "list_runs"), await rows_of(client, run)]
        heard += [await call(client, "list_templates")]
        for each in (await client.list_resources()).resources:
            heard.append((await client.read_resource(each.uri)).contents[0].text)
        wrong = await client.call_tool("start_run", {**ERRAND, "model": "openai/none", "budget_usd": "1"})
        heard.append(words(wrong))

    assert SECRET not in str(heard) + (folder / "agent.log").read_text()


# ── ends in the middle ───────────────────────────────────────────────────────────────────────────

AGENT = """
import asyncio, json, sys
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

async def main():
    given = StdioServerParameters(**json.loads(sys.argv[1]))
    async with Client(stdio_client(given)) as client:
        found = await client.call_tool("start_run", json.loads(sys.argv[2]))
        print(found.structured_content["run"], flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def start_agent(folder):
    """An agent in a process of its own that has started a run, with the process of its weft."""
    errand = json.dumps({**ERRAND, "budget_usd": "1"})
    told = parameters(folder).model_dump_json()
    process = subprocess.Popen(
        [sys.executable, "-c", AGENT, told, errand],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    run = process.stdout.readline().strip()
    (served,) = [
        each for each in psutil.Process(process.pid).children(recursive=True) if "mcp" in each.cmdline()
    ]
    return process, served, run


def wait_until(what):
    """Wait until something is so."""
    until = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < until
        Event().wait(0.02)


@pytest.mark.parametrize("victim", ["agent", "weft", "weft, asked to stop"])
def test_run_outlives_whoever_ends(folder, model, billed, victim):
    """Whoever is killed in the middle, the run is resumed, every row is answered once, and the ledger holds the bill."""
    process, served, run = start_agent(folder)
    try:
        before = len(model.bill())
        wait_until(lambda: len(model.bill()) - before > 3 * CONCURRENCY)
        if victim == "agent":
            process.kill()
        else:
            served.send_signal(signal.SIGTERM if "asked" in victim else signal.SIGKILL)
        psutil.wait_procs([served], timeout=PATIENCE_S)
        assert not served.is_running()
    finally:
        process.kill()
        process.communicate()
    standing = weft(folder, "status", run)["run"]
    assert standing["state"] in ({"running"} if victim == "weft" else {"paused"})
    assert 0 < standing["waiting"] < ROWS

    weft(folder, "resume", run)

    end = weft(folder, "status", run)["run"]
    assert (end["state"], end["answered"] + end["recalled"]) == ("finished", ROWS)
    assert nanos(end["spent_usd"]) >= billed() > 0
    if victim != "weft":  # answers in flight were awaited, so nothing was asked twice
        assert nanos(end["spent_usd"]) == billed()
        assert end["unknown_calls"] == 0
    asked = Counter(each for call in model.bill() for each in getattr(call, "rows", ()))
    assert all(count >= 1 for count in asked.values())


async def test_later_session_lets_a_run_go_on_only_when_asked(folder, billed):
    """What an earlier session has left is not walked, and not paid for, until somebody lets it go on."""
    async with agent(folder) as client:
        run = (await call(client, "start_run", **ERRAND, budget_usd="1"))["run"]
        while not (await call(client, "watch_run", run=run, wait_s=0.05))["answered"]:
            pass
    before = billed()
    async with agent(folder) as client:
        waiting = await call(client, "watch_run", run=run, wait_s=1.5)
        idle = billed()
        await call(client, "resume_run", run=run)
        end = await rest(client, run)

    assert waiting["waiting"] > 0
    assert idle == before
    assert (end["state"], end["answered"]) == ("finished", ROWS)
    assert nanos(end["spent_usd"]) == billed()


# ── over a server ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def server(folder, monkeypatch):
    """A server of the project."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    found = start(folder)
    yield found
    if found.process.poll() is None:
        found.process.kill()
    found.process.communicate(timeout=PATIENCE_S)


async def test_server_does_what_is_asked(folder, server, billed):
    """With `--url` runs belong to the server: they go on when the agent leaves, and the next one finds them."""
    async with agent(folder, "--url", server.url, "--most-usd", "0.02") as client:
        expected = await call(client, "estimate_run", **ERRAND)
        bare = await client.call_tool("start_run", ERRAND)
        dear = await client.call_tool("start_run", {**ERRAND, "budget_usd": "0.03"})
        outside = await client.call_tool("start_run", {**ERRAND, "table": "../x.csv", "budget_usd": "0.01"})
        run = (await call(client, "start_run", **ERRAND, budget_usd="0.01", key="mine"))["run"]
        again = (await call(client, "start_run", **ERRAND, budget_usd="0.01", key="mine"))["run"]
    async with agent(folder, "--url", server.url) as client:
        end = await rest(client, run)
        rows = await rows_of(client, run)
        listed = await call(client, "list_runs")
        small = await rest(client, (await call(client, "start_run", **SMALL))["run"])
        read = (await client.read_resource("weft://templates/topic_review")).contents[0].text

    assert expected["rows"] == ROWS
    assert [each.is_error for each in (bare, dear, outside)] == [True] * 3
    assert again == run
    assert (end["state"], end["answered"]) == ("finished", ROWS)
    assert [each["place"] for each in rows] == list(range(ROWS))
    assert [each["run"] for each in listed["runs"]] == [run]
    assert small["answered"] == 2
    assert nanos(end["spent_usd"]) + nanos(small["spent_usd"]) == billed() > 0
    assert "{{" in read


async def test_server_refuses_a_wrong_token(folder, server):
    """A token that is none is told by every tool, and shown by none."""
    with (folder / "agent.log").open("a", encoding="utf-8") as log:
        given = parameters(folder, "--url", server.url)
        given.env["WEFT_TOKEN"] = "weft_wrong-token"
        async with Client(stdio_client(given, errlog=log)) as client:
            result = await client.call_tool("list_runs", {})

    assert result.is_error
    assert "key" in words(result)
    assert "wrong-token" not in words(result) + (folder / "agent.log").read_text()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--url", "http://weft.example"), "not encrypted"),
        (("--url", "https://weft.example"), "token"),
        (("--url", "https://weft.example", "--model", "local"), "the server's own"),
    ],
)
def test_odd_servers_are_refused(folder, flags, says):
    """A server that a token must not be sent to, or without one, is refused before anything is spoken."""
    assert says in weft(folder, "mcp", *flags)["error"]["message"]


def test_missing_folder_is_told_to_the_person(folder):
    """A folder that is not there is a mistake of who configured the agent, told before anything is spoken."""
    said = weft(folder, "mcp", "--folder", "none")

    assert "no folder" in said["error"]["message"]


@pytest.mark.parametrize("amount", ["lots", "-1", "NaN", "1e999"])
def test_odd_limits_are_refused(folder, amount):
    """A limit of a session that is no amount is refused."""
    said = weft(folder, "mcp", "--most-usd", amount)

    assert "--most-usd" in said["error"]["message"]
