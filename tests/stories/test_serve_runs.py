"""Runs over HTTP as a program meets them: the real command, a model with a bill, kills in the middle."""

from __future__ import annotations

import csv
import io
import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from tests.stories.kills import PRICES, Server, cost_of, nanos
from tests.stories.kills import serving as model_with_bill
from tests.stories.test_serve import Serving, start

ROWS = 400
ROWS_PER_CALL, CONCURRENCY = 4, 4
PATIENCE_S = 60.0
LOOK_S = 0.01  # between two looks at a run
LATENCY_MS = 40
TABLE = "id,body\n" + "".join(f"{n},Text number {n} tells of something.\n" for n in range(ROWS))


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Server]:
    """A model that charges, in a process of its own."""
    with model_with_bill(tmp_path / "model", latency_ms=LATENCY_MS) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path, model: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that asks the model."""
    found = tmp_path / "project"
    found.mkdir()
    (found / "prices.toml").write_text(PRICES, encoding="utf-8")
    (found / "weft.toml").write_text(
        f'model = "openai/gpt-4o-mini"\nbase_url = "{model.url}/v1"\nprices = "prices.toml"\n'
        f"rows_per_call = {ROWS_PER_CALL}\nconcurrency = {CONCURRENCY}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    return found


@pytest.fixture
def server(folder: Path) -> Iterator[Serving]:
    """A server in the project."""
    found = start(folder)
    yield found
    end(found)


def end(server: Serving) -> None:
    """Leave no process behind."""
    if server.process.poll() is None:
        server.process.kill()
    server.process.communicate(timeout=30)


def ask_for(program: httpx.Client, key: str = "", **more: Any) -> dict[str, Any]:
    """Hand a run in."""
    body = {"prompt": "Classify {{ body }}", "fields": ["kind: enum[a,b,c] = what it is"], **more}
    answer = program.post("/api/v1/runs", json=body, headers={"idempotency-key": key} if key else {})
    assert answer.status_code == 201, answer.text
    return answer.json()


def upload(program: httpx.Client) -> str:
    """Hand the table over; its id."""
    answer = program.post("/api/v1/tables", params={"name": "mails.csv"}, content=TABLE.encode())
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def wait(program: httpx.Client, run: str, *states: str, answered: int = 0) -> dict[str, Any]:
    """Wait until a run stands so."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = program.get(f"/api/v1/runs/{run}").json()
        if found["state"] in states and found["answered"] >= answered:
            return found
        Event().wait(LOOK_S)
    raise AssertionError(found)


def exported(program: httpx.Client, run: str, **more: str) -> list[dict[str, str]]:
    """The export as records."""
    answer = program.get(f"/api/v1/runs/{run}/export", params=more)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_run_over_a_table_is_walked_and_exported(server: Serving, model: Server) -> None:
    """W33-W38, W49: a table is handed over, walked, paged, filtered, told row by row and exported."""
    with server.program() as program:
        run = ask_for(program, table=upload(program))["id"]
        done = wait(program, run, "finished")
        page = program.get(f"/api/v1/runs/{run}/rows", params={"state": "answered", "limit": 200}).json()
        rest = program.get(
            f"/api/v1/runs/{run}/rows", params={"state": "answered", "limit": 200, "cursor": page["next"]}
        ).json()
        named = program.get(f"/api/v1/runs/{run}/rows", params={"text": "NUMBER 123 "}).json()
        story = program.get(f"/api/v1/runs/{run}/rows/123").json()
        records = exported(program, run, meta="true")
        lines = program.get(f"/api/v1/runs/{run}/export", params={"format": "jsonl"})
        listed = program.get("/api/v1/runs").json()["runs"]

    assert (done["answered"], done["total"], done["table"]) == (ROWS, ROWS, "mails.csv")
    assert nanos(done["spent_usd"]) == cost_of(model.bill())
    assert [each["place"] for each in page["rows"] + rest["rows"]] == list(range(ROWS))
    assert rest["next"] is None
    assert [each["place"] for each in named["rows"]] == [123]
    assert [call["id"] for call in story["calls"]] == [story["row"]["call"]]
    assert [each["id"] for each in records] == [str(n) for n in range(ROWS)]
    assert {each["state"] for each in records} == {"answered"}
    assert f'filename="{run}.jsonl"' in lines.headers["content-disposition"]
    assert [json.loads(each)["id"] for each in lines.text.splitlines()] == [str(n) for n in range(ROWS)]
    assert [each["id"] for each in listed] == [run]


def test_killed_server_loses_nothing_and_pays_once(server: Serving, folder: Path, model: Server) -> None:
    """W39: after SIGKILL in the middle a new server ends the run; only rows in flight are paid twice."""
    with server.program() as program:
        table = upload(program)
        run = ask_for(program, "errand", table=table)["id"]
        wait(program, run, "running", answered=ROWS // 5)
    server.process.kill()
    server.process.communicate(timeout=30)
    paid = len(model.bill())

    again = start(folder)
    try:
        with again.program() as program:
            same = ask_for(program, "errand", table=table)
            done = wait(program, run, "finished")
            records = exported(program, run)
            listed = program.get("/api/v1/runs").json()["runs"]
    finally:
        end(again)

    assert paid < ROWS // ROWS_PER_CALL  # it was in the middle
    assert same["id"] == run
    assert len(listed) == 1
    assert (done["answered"], len(records)) == (ROWS, ROWS)
    assert all(each["kind"] for each in records)
    assert len(model.bill()) <= ROWS // ROWS_PER_CALL + CONCURRENCY
    assert nanos(done["spent_usd"]) >= cost_of(model.bill())


def test_stopped_server_pauses_cleanly_and_goes_on(server: Serving, folder: Path, model: Server) -> None:
    """SIGTERM awaits answers in flight, pays nothing twice, and the next server ends the run."""
    with server.program() as program:
        run = ask_for(program, table=upload(program))["id"]
        wait(program, run, "running", answered=ROWS // 5)

    code, _, err = server.stop(signal.SIGTERM)
    again = start(folder)
    try:
        with again.program() as program:
            done = wait(program, run, "finished")
    finally:
        end(again)

    assert (code, err) == (0, "")
    assert (done["answered"], done["unknown_calls"]) == (ROWS, 0)
    assert len(model.bill()) == ROWS // ROWS_PER_CALL
    assert nanos(done["spent_usd"]) == cost_of(model.bill())


def test_many_runs_are_walked_at_once(server: Serving, model: Server) -> None:
    """A small run that comes behind large ones does not wait for them; each row is paid once."""
    with server.program() as program:
        large = [
            ask_for(program, table=upload(program), fresh=True, name=f"large {n}")["id"] for n in range(6)
        ]
        wait(program, large[-1], "running", "queued")
        small = ask_for(program, rows=[{"body": "one row"}])["id"]
        wait(program, small, "finished")
        standing = [program.get(f"/api/v1/runs/{each}").json()["state"] for each in large]
        done = [wait(program, each, "finished") for each in large]

    assert "finished" not in standing
    assert [each["answered"] for each in done] == [ROWS] * len(large)
    assert len(model.bill()) == len(large) * ROWS // ROWS_PER_CALL + 1


def test_run_is_paused_resumed_and_cancelled(server: Serving, model: Server) -> None:
    """A paused run asks nothing more until it is resumed; a cancelled one skips the rest and keeps answers."""
    with server.program() as program:
        run = ask_for(program, table=upload(program))["id"]
        wait(program, run, "running", answered=40)
        paused = program.post(f"/api/v1/runs/{run}/pause").json()
        early = program.get(f"/api/v1/runs/{run}/export")
        billed = len(model.bill())
        Event().wait(5 * LATENCY_MS / 1000)  # it must not ask in this time
        still = len(model.bill())
        some = exported(program, run, partial="true")
        program.post(f"/api/v1/runs/{run}/resume", json={})
        wait(program, run, "running", answered=paused["answered"] + 20)
        cancelled = program.post(f"/api/v1/runs/{run}/cancel").json()
        kept = exported(program, run)
        program.post(f"/api/v1/runs/{run}/resume", json={})
        done = wait(program, run, "finished")

    assert (paused["state"], paused["reason"], early.status_code) == ("paused", "paused", 409)
    assert billed == still
    assert len(some) == len(kept) == ROWS
    assert cancelled["state"] == "cancelled"
    assert cancelled["answered"] + cancelled["skipped"] == ROWS
    assert done["answered"] == ROWS
    assert len(model.bill()) <= ROWS // ROWS_PER_CALL + 3  # a pause may leave a call that is not full


def test_rows_are_added_and_started(server: Serving, model: Server) -> None:
    """W20, W34, W35: rows come in several requests, again and again, and are asked about once."""
    prompt = "Answer {{ user_message }} for {{ system_params.customer_email.body }}"
    rows = [
        {"user_message": f"question {n}", "system_params": {"customer_email": {"body": f"mail {n}"}}}
        for n in range(6)
    ]
    with server.program() as program:
        drafted = ask_for(
            program, "draft", prompt=prompt, columns=["system_params", "user_message"], start=False
        )
        run = drafted["id"]
        for at in (0, 3, 0, 3):
            added = program.post(f"/api/v1/runs/{run}/rows", json={"rows": rows[at : at + 3], "at": at})
        other = program.post(f"/api/v1/runs/{run}/rows", json={"rows": rows[:1], "at": 1})
        gap = program.post(f"/api/v1/runs/{run}/rows", json={"rows": rows[:1], "at": 9})
        foreign = program.post(f"/api/v1/runs/{run}/rows", json={"rows": [{"colour": "red"}]})
        before = len(model.bill())
        for _ in range(3):
            program.post(f"/api/v1/runs/{run}/start")
        done = wait(program, run, "finished")
        late = program.post(f"/api/v1/runs/{run}/rows", json={"rows": rows[:1]})
        story = program.get(f"/api/v1/runs/{run}/rows/0").json()

    assert (drafted["state"], added.json()["total"], before) == ("drafted", 6, 0)
    assert (other.status_code, gap.status_code, foreign.status_code, late.status_code) == (409, 422, 422, 409)
    assert foreign.json()["problems"][0]["path"] == "body.rows.0.colour"
    assert (done["answered"], len(model.bill())) == (6, 2)
    assert story["row"]["cells"] == rows[0]


def test_events_are_told_and_go_on(server: Serving) -> None:
    """Events of a run come as they happen; who comes back with an id misses nothing and hears nothing twice."""
    with server.program() as program:
        run = ask_for(program, table=upload(program), start=False)["id"]
        program.post(f"/api/v1/runs/{run}/start")
        heard: list[tuple[int, str]] = []
        for most in (5, 10**6):
            last = {"last-event-id": str(heard[-1][0])} if heard else {"last-event-id": "0"}
            with program.stream("GET", f"/api/v1/runs/{run}/events", headers=last) as stream:
                number = 0
                for line in stream.iter_lines():
                    name, _, text = line.partition(": ")
                    number = int(text) if name == "id" else number
                    if name == "event":
                        heard.append((number, text))
                    if len(heard) >= most:
                        break
        done = program.get(f"/api/v1/runs/{run}").json()
        over = program.get(f"/api/v1/runs/{run}/events")

    assert [number for number, _ in heard] == list(range(1, len(heard) + 1))
    assert heard[-1][1] == "run_ended"
    assert Counter(kind for _, kind in heard)["pack_settled"] == ROWS // ROWS_PER_CALL
    assert (done["state"], over.status_code) == ("finished", 204)


def test_mistakes_write_nothing_and_name_their_place(server: Serving, folder: Path) -> None:
    """W33: a wrong prompt, field, table or mapping is refused before anything is written or paid."""
    wrong: list[dict[str, Any]] = [
        {"rows": [{"body": "x"}], "prompt": "Classify {{ nothing }}", "fields": ["kind: string = it"]},
        {"rows": [{"body": "x"}], "prompt": "Classify {{ body }}", "fields": ["kind: colour = it"]},
        {"rows": [{"body": "x"}], "prompt": "Classify {{ body }}"},
        {"table": "t" + "a" * 12, "prompt": "Classify {{ body }}", "fields": ["kind: string = it"]},
        {"prompt": "Classify {{ body }}", "fields": ["kind: string = it"]},
        {"rows": [{"body": "x"}], "template": "no_such_template"},
        {"rows": [{"body": "x"}], "prompt": "{{ body }}", "fields": ["k: string = it"], "colour": 1},
        {
            "rows": [{"body": "x"}],
            "prompt": "{{ body }}",
            "fields": ["k: string = it"],
            "settings": {"rpm": 0},
        },
    ]
    with server.program() as program:
        answers = [program.post("/api/v1/runs", json=each) for each in wrong]
        listed = program.get("/api/v1/runs").json()["runs"]

    assert [each.status_code for each in answers] == [422, 422, 422, 404, 422, 404, 422, 422]
    assert all(each.json()["detail"] for each in answers)
    assert listed == []


def test_same_key_gives_one_run(server: Serving, folder: Path) -> None:
    """S38: the same key with the same body gives one run, and with another body a refusal."""
    with server.program() as program:
        first = ask_for(program, "key-1", rows=[{"body": "x"}])
        again = ask_for(program, "key-1", rows=[{"body": "x"}])
        other = program.post(
            "/api/v1/runs", json={"rows": [{"body": "y"}]}, headers={"idempotency-key": "key-1"}
        )
        listed = program.get("/api/v1/runs").json()["runs"]

    assert first["id"] == again["id"]
    assert other.status_code in {409, 422}
    assert len(listed) == 1


def test_older_addresses_do_the_same(server: Serving, model: Server) -> None:
    """W09, W20, W33-W38: `csv_batches` are runs by another name, with parameters and a message in each row."""
    rows = [
        {"user_message": f"question {n}", "system_params": {"customer_email": {"body": f"mail {n}"}}}
        for n in range(9)
    ]
    task = {
        "name": "mails",
        "prompt": "Answer {{ user_message }} for {{ system_params.customer_email.body }}",
        "fields": ["kind: enum[a,b,c] = what it is"],
    }
    with server.program() as program:
        made = program.post("/api/v1/csv_batches", json=task)
        here = f"/api/v1/csv_batches/{made.json()['id']}"
        added = [program.post(f"{here}/rows", json={"rows": rows, "at": 0}).json()["total"] for _ in range(2)]
        wrong = program.post("/api/v1/csv_batches", json={**task, "prompt": "{{ nothing }}"})
        started = [program.post(f"{here}/run").status_code for _ in range(2)]
        wait(program, made.json()["id"], "finished")
        progress = program.get(here).json()
        page = program.get(f"{here}/rows", params={"state": "answered", "limit": 5}).json()
        export = program.get(f"{here}/export")

    assert (made.status_code, wrong.status_code, added, started) == (201, 422, [9, 9], [200, 200])
    assert (progress["answered"], progress["name"], len(page["rows"])) == (9, "mails", 5)
    assert len(model.bill()) == 3
    assert [each["user_message"] for each in csv.DictReader(io.StringIO(export.text))] == [
        each["user_message"] for each in rows
    ]
    assert "attachment" in export.headers["content-disposition"]
