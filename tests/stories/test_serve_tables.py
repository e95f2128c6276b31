"""Whole errands over HTTP with tables that are odd: nested, with parts of the prompt by row, and huge."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest
from tests.stories.test_serve import Serving, start
from tests.stories.test_serve_runs import end

import weft

ROWS = 100_000
PATIENCE_S = 300.0
LOOK_S = 0.05  # between two looks at a run
QUESTIONS = 1_000  # different ones; the other rows are answered by their likes
GROWN_MB = 100  # the table has 6 MB, and the rows as objects would have some 80
TEMPLATE = """---
name: Reply
version: 1.0.0
inputs:
  text: {type: text}
  tier: {type: string, required: false}
answers:
  tone: {type: "enum[calm,angry]", description: how the writer sounds}
---
{% if tier == 'premium' %}Weigh every word of {{ text }}.{% else %}Skim {{ text }}.{% endif %}
"""


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """A server in a project with one template of its own."""
    (tmp_path / "weft.toml").write_text('model = "local"\n', encoding="utf-8")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "reply.md").write_text(TEMPLATE, encoding="utf-8")
    found = start(tmp_path)
    yield found
    end(found)


def hand_over(program: Any, name: str, content: Any) -> dict[str, Any]:
    """Hand a table over."""
    answer = program.post("/api/v1/tables", params={"name": name}, content=content)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def hand_in(program: Any, **task: Any) -> str:
    """Hand a run in; its id."""
    answer = program.post("/api/v1/runs", json=task)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def finish(program: Any, run: str) -> dict[str, Any]:
    """Wait until a run is finished."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = program.get(f"/api/v1/runs/{run}").json()
        if found["state"] == "finished":
            return dict(found)
        Event().wait(LOOK_S)
    raise AssertionError(found)


def test_nested_objects_come_through(serving: Serving) -> None:
    """W52, W09: JSON Lines with objects and lists: uploaded, asked about by their keys, exported as they came."""
    rows = [
        {
            "id": n,
            "mail": {"from": {"name": f"Ann {n}"}, "body": f"I am calm {n}"},
            "tags": ["a", n],
            "none": None,
        }
        for n in range(30)
    ]
    with serving.program() as program:
        table = hand_over(program, "mails.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
        run = hand_in(
            program,
            table=table["id"],
            prompt="How does {{ mail.from.name }} feel? {{ mail.body }}",
            fields=["tone: enum[calm,angry] = how the writer sounds"],
        )
        done = finish(program, run)
        task = {"rows": rows, "prompt": "{{ mail.body }}", "fields": ["tone: enum[calm,angry]"]}
        estimate = program.post("/api/v1/estimates", json=task).json()
        here = f"/api/v1/runs/{run}"
        lines = program.get(f"{here}/export", params={"format": "jsonl"}).text.splitlines()
        table_rows = list(csv.DictReader(program.get(f"{here}/export").text.splitlines()))
        story = program.get(f"{here}/rows/7").json()

    assert {each["name"]: each["kind"] for each in table["facts"]}["mail"] == "object"
    assert (estimate["rows"], estimate["rejected"]) == (30, 0)
    assert (done["answered"], story["row"]["cells"]) == (30, rows[7])
    assert [json.loads(line) for line in lines] == [{**row, "tone": "calm"} for row in rows]
    assert json.loads(table_rows[3]["mail"]) == rows[3]["mail"]


def test_column_chooses_part_of_the_prompt(serving: Serving) -> None:
    """W54: what a row's own cell says decides which words of the prompt it gets; the other rows get theirs."""
    rows = [{"text": f"text {n}", "tier": "premium" if n == 1 else None} for n in range(3)]
    with serving.program() as program:
        shown = program.post("/api/v1/templates/reply/preview", json={"rows": rows}).json()["rows"]
        run = hand_in(program, rows=rows, template="reply")
        done = finish(program, run)

    assert [each["text"] for each in shown] == ["Skim text 0.", "Weigh every word of text 1.", "Skim text 2."]
    assert done["answered"] == 3


def test_patient_script_lets_others_go_first(serving: Serving) -> None:
    """A script says that its run is patient; the server keeps that with the run, and walks it all the same."""
    with weft.Client(serving.url, token=serving.key.read_text().strip()) as client:
        rows = [{"text": f"text {n}"} for n in range(30)]
        done = client.run(rows, prompt="{{ text }}", fields=["tone: enum[calm,angry]"], lane="patient").run
        with pytest.raises(weft.errors.Mistake, match="lane"):
            client.run(rows, prompt="{{ text }}", fields=["tone: enum[calm,angry]"], lane="express")
    with serving.program() as program:
        told = program.get(f"/api/v1/runs/{done.id}").json()

    assert (told["lane"], told["state"], told["answered"]) == ("patient", "finished", 30)
    assert (told["created_by"], told["created_by_name"]) == ("local", "you")


def test_huge_table_goes_through_in_bounded_memory(serving: Serving) -> None:
    """W55: a hundred thousand rows are uploaded, paged, run, looked at and exported; memory does not follow them."""
    process = psutil.Process(serving.process.pid)

    def rows() -> Iterator[bytes]:
        yield b"id,body\n"
        for n in range(0, ROWS, 1_000):
            yield "".join(
                f"{k},Text {k % QUESTIONS} tells of calm things\n" for k in range(n, n + 1_000)
            ).encode()

    with serving.program() as program:
        before = process.memory_info().rss
        table = hand_over(program, "huge.csv", rows())
        last = program.get(f"/api/v1/tables/{table['id']}/rows", params={"offset": ROWS - 2}).json()
        run = hand_in(
            program, table=table["id"], prompt="{{ body }}", fields=["tone: enum[calm,angry] = how it sounds"]
        )
        done = finish(program, run)
        here = f"/api/v1/runs/{run}"
        grid = program.get(f"{here}/grid").json()["codes"]
        page = program.get(f"{here}/cells", params={"at": f"0,{ROWS - 1}"}).json()["rows"]
        with program.stream("GET", f"{here}/export") as export:
            lines = sum(1 for _ in export.iter_lines())
        grown = process.memory_info().rss - before

    assert (table["rows"], last["total"]) == (ROWS, ROWS)
    assert [row["cells"]["id"] for row in last["rows"]] == [str(ROWS - 2), str(ROWS - 1)]
    assert (done["total"], done["answered"], done["recalled"]) == (ROWS, QUESTIONS, ROWS - QUESTIONS)
    assert grid == "s" * ROWS
    assert [each["place"] for each in page] == [0, ROWS - 1]
    assert lines == ROWS + 1
    assert grown < GROWN_MB << 20
