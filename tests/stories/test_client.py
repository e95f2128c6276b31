"""One script, on this machine and on a server: the same rows, bytes, figures and errors."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from tests.stories.test_serve import Serving, start
from tests.stories.test_serve_runs import end

import weft
from weft.errors import WeftError
from weft.row import Outcome, RowState
from weft.run import RunState

ROWS = [
    {"id": 1, "body": "The app crashes at start", "note": None},
    {"id": 2, "body": "I was charged twice, =1+1", "note": "ü, “quoted”"},
    {"id": 3, "body": "", "note": "nothing in it"},
    {"id": 4, "body": "The app crashes at start", "note": "like the first"},
]
TASK: dict[str, Any] = {
    "prompt": "What is this ticket about? {{ body }}",
    "fields": ["topic: enum[crash,charge] = what it is about", "body: text = in other words"],
    "model": "local",
    "rows_per_call": 2,
}
TABLE = "id,body,note\n" + "".join(
    f'{n},"Text {n}, it {"crashes" if n % 2 else "charges"}",note {n}\n' for n in range(450)
)
TEMPLATE = {"template": "product_tags", "model": "local", "map": {"name": "note", "description": "body"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server in a project with nothing but a built-in model."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "weft.toml").write_text('model = "local"\n', encoding="utf-8")
    with pytest.MonkeyPatch.context() as around:
        around.setenv("XDG_CONFIG_HOME", str(folder / "config"))  # no templates of whoever runs the tests
        found = start(folder)
    yield found
    end(found)


@pytest.fixture
def client(server: Serving) -> Iterator[weft.Client]:
    """A script that asks it."""
    with weft.Client(server.url, token=server.key.read_text().strip()) as found:
        yield found


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A file of this machine."""
    path = tmp_path / "mails.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def bare(outcome: Outcome) -> dict[str, Any]:
    """A row as both must tell it; only calls have names of their own."""
    facts = {name: getattr(outcome, name) for name in outcome.__slots__}
    return facts | {"call": outcome.call is not None}


def script(run: Callable[..., Any], rows: Any, out: Path, **more: Any) -> dict[str, Any]:
    """What a person writes once, and everything that it gives."""
    result = run(rows, out=out, **(more or TASK)).raise_for_state()
    stream = io.BytesIO()
    result.write(stream, form="jsonl", raw=True)
    summary = result.summary.plain()
    for name in ("run", "table", "elapsed_s", "rows_per_s", "first_start", "last_completion"):
        del summary[name]
    return {
        "outcomes": [bare(each) for each in result],
        "failed": [bare(each) for each in result.failed()],
        "rows": list(result.rows()),
        "frame": result.to_pandas().to_dict("records"),
        "length": len(result),
        "summary": summary,
        "csv": out.read_bytes(),
        "jsonl": stream.getvalue(),
        "state": result.run.state,
    }


@pytest.mark.parametrize("out", ["out.csv", "out.jsonl", "out.tsv"])
def test_rows_in_memory_give_the_same(client: weft.Client, tmp_path: Path, out: str) -> None:
    """Rows that go along with the request: one changed line, and the same rows, bytes and figures."""

    def here(rows: Any, **more: Any) -> Any:
        return weft.run(rows, store="memory://", **more)

    local = script(here, ROWS, tmp_path / out)
    there = script(client.run, ROWS, tmp_path / f"there-{out}", **TASK, fresh=True)

    assert there == local
    assert local["length"] == len(ROWS)


@pytest.mark.parametrize("task", [TASK, TEMPLATE], ids=["prompt", "template"])
def test_file_gives_the_same(client: weft.Client, tmp_path: Path, table: Path, task: dict[str, Any]) -> None:
    """A file is uploaded and read as at home, limits and mappings included."""
    local = script(weft.run, table, tmp_path / "here.csv", **task, limit=410, store=str(tmp_path / "here.db"))
    there = script(client.run, table, tmp_path / "there.csv", **task, limit=410, fresh=True)

    assert there == local
    assert local["length"] == 410


def test_many_rows_go_in_several_requests(client: weft.Client) -> None:
    """More rows than one request may carry arrive in order, each once."""
    rows = [{"body": f"row {n} " + "x" * 700} for n in range(2_300)]
    result = client.run(rows, **TASK, name="many")

    assert [each["body"] for each in client.runs.records(result.run.id)] == [each["body"] for each in rows]
    assert client.runs.get(result.run.id).name == "many"


MISTAKES: list[dict[str, Any]] = [
    {"prompt": "Classify {{ nothing }}", "fields": ["kind: text = it"]},
    {"prompt": "Classify {{ body }}", "fields": ["kind: colour = it"]},
    {"prompt": "Classify {{ body }}"},
    {"template": "no_such_template"},
    {"template": "topic_review", "map": ["topic=Colour"]},
    {**TASK, "rows_per_call": 0},
    {**TASK, "colour": 1},
    {**TASK, "limit": -1},
    {**TASK, "model": "nobody/nothing"},
    {**TASK, "out": "nowhere/at/all.csv"},
    {**TASK, "out": "out.pdf"},
    {},
]


@pytest.mark.parametrize("task", MISTAKES, ids=lambda task: "-".join(sorted(task)) or "nothing")
@pytest.mark.parametrize("kind", ["run", "estimate"])
def test_mistakes_are_the_same(
    client: weft.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, task: dict[str, Any]
) -> None:
    """What is refused at home is refused by the server with the same class, sentence and next step."""
    monkeypatch.chdir(tmp_path)
    if kind == "estimate" and "out" in task:
        task = {name: value for name, value in task.items() if name != "out"}
    here = raised(getattr(weft, kind), ROWS, **task)
    there = raised(getattr(client, kind), ROWS, **task)

    assert there == here


def raised(ask: Callable[..., Any], rows: Any, **task: Any) -> tuple[str, str, str] | None:
    """The error that something ends with; `None` = with none."""
    try:
        ask(rows, **task)
    except WeftError as error:
        return type(error).__name__, error.message, error.hint
    return None


def test_refused_run_leaves_no_table(client: weft.Client, table: Path) -> None:
    """A file that was handed over for a run that is refused is let go again."""
    before = {each.id for each in client.tables.list()}

    with pytest.raises(WeftError, match="no column"):
        client.run(table, prompt="{{ bodi }}", fields=["topic: string = it"], model="local")

    assert {each.id for each in client.tables.list()} == before


def test_projection_is_the_same(client: weft.Client, table: Path, tmp_path: Path) -> None:
    """Rows, calls, tokens and money of a projection, of rows in memory and of a file, row by row."""
    nested = [{"body": {"text": "in it"}, "list": [1, 2]}]
    store = str(tmp_path / "e.db")
    task = {**TASK, "model": "openai/gpt-4o-mini", "budget_usd": "1"}
    for rows, more in ((ROWS, {"per_row": True}), (table, {}), (nested, {}), (table, {"limit": 7})):
        assert client.estimate(rows, **task, **more) == weft.estimate(rows, store=store, **task, **more)

    assert client.tables.list() == []  # what is handed over for a question is removed again


def test_run_can_be_held_looked_into_and_ended(client: weft.Client, tmp_path: Path) -> None:
    """The desk of runs: list, look, pause, resume, cancel, retry, rows by state and text, stories, exports."""
    run = client.run(ROWS, **TASK, name="errand").run
    listed = client.runs.list(limit=3)
    named = list(client.runs.rows(run.id, text="charged"))
    answered = list(client.runs.rows(run.id, states=[RowState.ANSWERED]))
    outcome, calls = client.runs.story(run.id, 0)
    path = client.runs.export(run.id, tmp_path / "export.csv", meta=True)
    for act in (client.runs.pause, client.runs.resume, client.runs.retry):
        with pytest.raises(WeftError):
            act(run.id)
    with pytest.raises(weft.WeftError, match="no run"):
        client.runs.get("r" + "a" * 12)

    assert next(each.id for each in listed) == run.id
    assert [each.cells["id"] for each in named] == [2]
    assert len(answered) == run.tally.answered
    assert calls[0]["id"] == outcome.call
    assert path is not None
    assert path.read_text(encoding="utf-8").startswith("id,body,note,topic,weft.body,state,run")


def test_tables_templates_and_prices_are_told(client: weft.Client, table: Path) -> None:
    """The other desks: tables are kept, renamed and forgotten; templates and prices are listed and shown."""
    kept = client.tables.upload(table, name="renamed.csv", delimiter=",")
    renamed = client.tables.rename(kept.id, "again.csv")
    shown = client.tables.preview(kept.id, rows=2)
    client.tables.forget(kept.id)

    assert (kept.name, kept.columns, renamed.name) == ("renamed.csv", ("id", "body", "note"), "again.csv")
    assert [row["cells"]["id"] for row in shown["rows"]] == ["0", "1"]
    assert client.tables.list() == []
    assert client.templates.get("meeting_recap")["key"] == "meeting_recap"
    assert client.templates.lint("meeting_recap") is not None
    assert "meeting_recap" in {each["key"] for each in client.templates.list()}
    assert client.templates.preview("topic_review", limit=1)["rows"][0]["problem"] == ""
    assert {each["provider"] for each in client.prices.list("gpt-4o-mini")} == {"openai"}


async def test_code_with_a_loop_gives_the_same(server: Serving) -> None:
    """The face for code with a loop: several runs at once, walked over as they come."""
    async with weft.AsyncClient(server.url, token=server.key.read_text().strip()) as client:
        one, two = await asyncio.gather(client.run(ROWS, **TASK), client.run(ROWS[:2], **TASK))
        answers = [each.answer async for each in one]
        rows = [each async for each in two.rows()]

    assert len(answers) == 4
    assert [each["id"] for each in rows] == [1, 2]
    assert one.raise_for_state().summary.total == 4


def test_key_of_a_local_server_is_found(server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the project of the server a script needs the address and nothing else."""
    monkeypatch.chdir(server.key.parent.parent)
    with weft.Client(server.url) as client:
        assert client.run(ROWS[:1], **TASK).run.state is RunState.FINISHED


def test_script_outlives_a_server_that_starts_again(tmp_path: Path) -> None:
    """A server is stopped and started while a script waits for its run: the script gets its rows."""
    (tmp_path / "weft.toml").write_text('model = "local"\n', encoding="utf-8")
    first = start(tmp_path)
    port = first.url.rpartition(":")[2]
    begun, found = Event(), list[Any]()

    def work() -> None:
        with weft.Client(first.url, token=first.key.read_text().strip()) as client:
            client.runs.list()
            begun.set()
            found.append(client.run([{"body": f"row {n}"} for n in range(1_500)], **TASK))
            found.append(list(found[0].rows()))

    script = Thread(target=work)
    script.start()
    begun.wait(30)
    code, _, _ = first.stop()
    again = start(tmp_path, "--port", port)
    try:
        script.join(60)
    finally:
        end(again)

    assert code == 0
    assert found[0].run.state is RunState.FINISHED
    assert len(found[1]) == 1_500
