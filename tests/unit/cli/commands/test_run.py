"""`weft run` in front of a counting server: what it says, what it writes, how it ends."""

from __future__ import annotations

import csv
import json
import sqlite3

import pytest
from tests.unit.cli.conftest import Serving

from weft.store.tables import APPLICATION_ID
from weft.testing.mock_options import MockOptions

OWN_PRICES = '[openai.models]\n"gpt-4o-mini" = { input = 0.15, output = 0.60 }\n'


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_run_answers_every_row(weft, server, ask, folder) -> None:
    """B01, B24: the rows are asked, written in order beside their columns, and counted."""
    said = weft("run", "topic_review", "topics.csv", *ask, "--out", "out.csv", "--rows-per-call", "2")

    rows = read(folder / "out.csv")
    assert said.code == 0
    assert server.requests == 3
    assert [row["topic"] for row in rows] == [f"Topic {n}" for n in range(5)]
    assert all(row["tldr"] and row["challenge"] in {"practice", "expert"} for row in rows)
    for line in (
        "Total rows: 5",
        "Cache hits: 0",
        "Newly enriched: 5",
        "Failed: 0",
        "Calls: 3",
        "Success rate: 100.0%",
    ):
        assert line in said.out


def test_progress_is_told_in_plain_lines(weft, ask) -> None:
    """B22, B23: without a terminal the way is told line by line on stderr, in the known words."""
    said = weft("run", "topic_review", "topics.csv", *ask, "--rows-per-call", "2", "--rpm", "600")

    told = said.err.splitlines()
    assert told[:5] == [
        "Cache: 0 entries",
        "Checking cache for all rows...",
        "Cache hits: 0/5",
        "Rows to enrich: 5",
        "Processing 3 batches (batch size: 2)",
    ]
    assert "Estimated time: 0.2 s at 600 requests a minute" in told
    assert {"Batch 1/3 (2 rows)", "Batch 3/3 (1 row)", "✓ Batch 1 enriched successfully"} <= set(told)


def test_same_command_again_asks_nobody(weft, server, ask, folder) -> None:
    """B13: the second run makes no call and writes the same bytes."""
    weft("run", "topic_review", "topics.csv", *ask, "--out", "one.csv")
    before = server.requests

    said = weft("run", "topic_review", "topics.csv", *ask, "--out", "two.csv")

    assert said.code == 0
    assert server.requests == before
    assert (folder / "one.csv").read_bytes() == (folder / "two.csv").read_bytes()
    assert "Cache hits: 5" in said.out
    assert "Cache: 5 entries (latest: 20" in said.err


def test_fresh_run_asks_again(weft, server, ask) -> None:
    """`--no-cache` asks although answers are remembered."""
    weft("run", "topic_review", "topics.csv", *ask)

    weft("run", "topic_review", "topics.csv", *ask, "--no-cache")

    assert server.requests == 2


def test_json_is_one_value(weft, ask) -> None:
    """`--json` writes one JSON value to stdout and says nothing on stderr."""
    said = weft("run", "topic_review", "topics.csv", *ask, "--out", "out.csv", "--json")

    assert said.err == ""
    assert said.json["run"]["answered"] == 5
    assert said.json["run"]["state"] == "finished"
    assert said.json["output"] == "out.csv"
    assert said.json["exit_code"] == said.code == 0


def test_rows_go_to_stdout_alone(weft, ask) -> None:
    """`--out -` leaves stdout to the rows; the summary goes to stderr."""
    said = weft("run", "topic_review", "topics.csv", *ask, "--out", "-")

    lines = said.out.splitlines()
    assert lines[0] == "category,subcategory,topic,description,tldr,challenge"
    assert len(lines) == 6
    assert "Total rows: 5" in said.err


def test_problems_are_told_when_quiet(weft, ask, folder) -> None:
    """With `-q --out -` the rows go to stdout alone, and problems are a warning on stderr."""
    with (folder / "topics.csv").open("a", encoding="utf-8") as file:
        file.write("Delivery,Flow,One too many,Text,more\n")

    said = weft("run", "topic_review", "topics.csv", *ask, "--out", "-", "-q")

    assert said.code == 1
    assert len(said.out.splitlines()) == 7
    first, second = said.err.splitlines()
    assert first == "warning: Problems:"
    assert second.startswith("  - Row 6 (line 7): The record has 5 cells")


def test_cells_beyond_the_last_column_are_exported(weft, ask, folder) -> None:
    """With `--meta` the column `problem` holds what fits into no column."""
    with (folder / "topics.csv").open("a", encoding="utf-8") as file:
        file.write("Delivery,Flow,One too many,Text,more,and more\n")

    weft("run", "topic_review", "topics.csv", *ask, "--out", "o.csv", "--meta")

    assert "Beyond the last column: `more,and more`." in read(folder / "o.csv")[-1]["problem"]


def test_quick_prompt_needs_no_template(weft, server, ask, folder) -> None:
    """A prompt and fields on the command line are enough, and the table comes first."""
    said = weft(
        "run",
        "topics.csv",
        "--prompt",
        "Rate {{ topic }}",
        "--field",
        "level: enum[low,high] = how hard",
        *ask,
        "--out",
        "o.csv",
    )

    assert said.code == 0
    assert {row["level"] for row in read(folder / "o.csv")} <= {"low", "high"}


def test_limit_takes_the_first_rows(weft, ask, folder) -> None:
    """`--limit` asks about the first rows only."""
    weft("run", "topic_review", "topics.csv", *ask, "--limit", "2", "--out", "o.csv")

    assert [row["topic"] for row in read(folder / "o.csv")] == ["Topic 0", "Topic 1"]


def test_records_are_written_per_row(weft, ask, folder) -> None:
    """T44, T45, T50, T51: a record per row, named and numbered, with where it comes from."""
    said = weft("run", "topic_review", "topics.csv", *ask, "--output-dir", "records", "--json")

    run = said.json["run"]["run"]
    files = sorted((folder / "records" / run).iterdir())
    record = json.loads(files[3].read_text(encoding="utf-8"))
    assert [each.name for each in files] == [f"{run}-topic_review-row00{n}.json" for n in range(5)]
    assert said.json["records"] == 5
    assert (record["run"], record["index"], record["state"]) == (run, 3, "answered")
    assert record["template"]["key"] == "topic_review"
    assert record["template"]["version"] == "1.0.0"
    assert record["inputs"]["topic"] == "Topic 3"
    assert "Topic 3" in record["rendered"]
    assert set(record["answer"]) == {"tldr", "challenge"}
    assert record["cost_usd"] is not None or record["usage"]["input_tokens"] > 0


def test_each_record_is_told(weft, ask) -> None:
    """T51: with records, a line per row says how it ended and names its file."""
    said = weft("run", "topic_review", "topics.csv", *ask, "--output-dir", "records")

    assert "✓ Row 5: answered → r" in said.err
    assert "-topic_review-row004.json" in said.err


def test_rejected_rows_are_told_with_their_lines(weft, ask, folder) -> None:
    """T25, T26, T46: unfit rows are listed with row and line, the others are answered, exit code 1."""
    (folder / "t.csv").write_text(
        "category,subcategory,topic,description\na,b,c,d\na,b,,d\n", encoding="utf-8"
    )

    said = weft("run", "topic_review", "t.csv", *ask)

    assert said.code == 1
    assert "Rejected: 1" in said.out
    assert "  - Row 2 (line 3): " in said.out


def test_control_characters_are_shown_as_escapes(weft, ask, folder) -> None:
    """S27: a cell cannot move the cursor or change the title of the terminal."""
    (folder / "t.csv").write_text(
        'category,subcategory,topic,"desc\x1b]0;gotcha\x07"\na,b,c,d\n', encoding="utf-8"
    )

    said = weft("run", "topic_review", "t.csv", *ask)

    assert said.code == 2
    assert "\x1b" not in said.out + said.err
    assert "\\x1b]0;gotcha" in said.err


def test_dry_run_writes_nothing(weft, server, ask, folder) -> None:
    """T32, T48: a dry run projects and exits 0; no call is made and no file appears."""
    said = weft(
        "run", "topic_review", "topics.csv", *ask, "--out", "out.csv", "--dry-run", "--rows-per-call", "2"
    )

    assert said.code == 0
    assert "Calls: 3 (2,2,1 rows)" in said.out
    assert server.requests == 0
    assert [each.name for each in folder.iterdir()] == ["topics.csv"]


def test_dry_run_counts_remembered_rows(weft, server, ask) -> None:
    """A projection knows what is remembered, without asking."""
    weft("run", "topic_review", "topics.csv", *ask, "--limit", "3")

    said = weft("run", "topic_review", "topics.csv", *ask, "--dry-run", "--json")

    assert said.json["recalled"] == 3
    assert said.json["calls"] == 1
    assert server.requests == 1


# ── mistakes: nothing is asked, nothing is written ───────────────────────────────────────────────


MISTAKES = {
    "missing file": (["topic_review", "nowhere.csv"], ["nowhere.csv"]),
    "empty file": (["topic_review", "empty.csv"], ["empty.csv"]),
    "missing columns": (["topic_review", "two.csv"], ["`subcategory`", "`description`"]),
    "unknown template": (["topic_reviw", "topics.csv"], ["topic_reviw", "did you mean `topic_review`?"]),
    "wildcard for a template": (["topic_*", "topics.csv"], ["topic_*"]),
    "wrong template": (["./wrong.md", "topics.csv"], ["`version`, line 3", "`body`, line 6"]),
    "unknown format": (["topic_review", "topics.doc"], ["topics.doc"]),
    "unknown mapping": (["topic_review", "topics.csv", "--map", "topic=Title"], ["`Title`"]),
    "one argument": (["topics.csv"], ["needs a template and a table"]),
    "no argument": ([], ["Neither a template nor a table"]),
    "prompt without fields": (["topics.csv", "--prompt", "Rate {{ topic }}"], ["no answer fields"]),
    "prompt and template": (["topic_review", "topics.csv", "--prompt", "x", "--field", "a: string"], ["Both the template"]),
    "field without prompt": (["topic_review", "topics.csv", "--field", "a: string"], ["without a prompt"]),
    "unknown column in a prompt": (["topics.csv", "--prompt", "{{ titel }}", "--field", "a: string"], ["`titel`"]),
    "output folder missing": (["topic_review", "topics.csv", "--out", "no/where.csv"], ["no/where.csv"]),
    "output is a folder": (["topic_review", "topics.csv", "--out", "."], ["."]),
    "output is the table": (["topic_review", "topics.csv", "--out", "topics.csv"], ["is the table itself"]),
    "unknown output format": (["topic_review", "topics.csv", "--out", "out.doc"], ["out.doc"]),
    "stdout twice": (["topic_review", "topics.csv", "--out", "-", "--json"], ["both write to stdout"]),
    "negative limit": (["topic_review", "topics.csv", "--limit", "-1"], ["-1 rows"]),
    "bad setting": (["topic_review", "topics.csv", "--rpm", "fast"], ["`--rpm` is 'fast'"]),
    "unknown flag": (["topic_review", "topics.csv", "--rpn", "3"], ["--rpn"]),
    "store without an ending": (["topic_review", "topics.csv", "--store", "foo"], ["`--store` is `foo`", "sqlite:///foo"]),
    "sheet of a text": (["topic_review", "topics.csv", "--sheet", "foo"], ["`sheet` means nothing for `topics.csv`"]),
    "unknown store": (["topic_review", "topics.csv", "--store", "mysql://x"], ["mysql://x"]),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_is_told_before_any_call(weft, server, ask, folder, arguments, words) -> None:
    """T24, T27, T29, T47, T53: each mistake is one clear error, exit code 2; no call, no store, no file."""
    (folder / "empty.csv").write_text("", encoding="utf-8")
    (folder / "two.csv").write_text("category,topic\na,b\n", encoding="utf-8")
    (folder / "topics.doc").write_text("x", encoding="utf-8")
    (folder / "wrong.md").write_text(
        "---\nname: x\nversion: one\nanswers: []\n---\n{{ body }}\n", encoding="utf-8"
    )
    before = {each.name: each.read_bytes() for each in folder.iterdir()}

    said = weft("run", *arguments, *ask)

    shown = said.err + said.out
    assert said.code == 2, shown
    assert all(word in shown for word in words), shown
    assert "error" in shown
    assert "Traceback" not in shown
    assert server.requests == 0
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], ["No model was named", "--model local"]),
        (["--model", "gpt-4o-mini"], ["names no provider", "openai/gpt-4o-mini"]),
        (["--model", "opnai/gpt-4o-mini"], ["`opnai`", "`openai`"]),
        (["--model", "openai/gpt-4o-mini"], ["`OPENAI_API_KEY` is not set"]),
        (["--model", "local", "--base-url", "http://localhost:1"], ["a base URL means nothing"]),
        (["--model", "openai/x", "--base-url", "http://169.254.169.254/v1"], ["metadata"]),
        (["--model", "local", "--prices", "none.toml"], ["none.toml"]),
    ],
)
def test_model_mistake_is_told(weft, folder, flags, words) -> None:
    """B29: a model, key or address that cannot be used is told with the way out; nothing is written."""
    said = weft("run", "topic_review", "topics.csv", *flags)

    assert said.code == 2, said.err
    assert all(word in said.err for word in words), said.err
    assert [each.name for each in folder.iterdir()] == ["topics.csv"]


def test_error_as_json_is_one_value(weft) -> None:
    """With `--json` an error is the one JSON value on stdout, with code, message and hint."""
    said = weft("run", "topic_reviw", "topics.csv", "--model", "local", "--json")

    assert said.code == 2
    assert said.err == ""
    assert said.json["error"]["code"] == "unknown_name"
    assert said.json["error"]["exit_code"] == 2
    assert said.json["error"]["facts"]["nearest"] == ["topic_review"]


def test_header_only_is_a_clean_run(weft, server, ask, folder) -> None:
    """P44: a table without rows gives a clean empty result, exit code 0."""
    (folder / "none.csv").write_text("category,subcategory,topic,description\n", encoding="utf-8")

    said = weft("run", "topic_review", "none.csv", *ask, "--out", "out.csv")

    assert said.code == 0
    assert "Total rows: 0" in said.out
    assert "Success rate: n/a" in said.out
    assert (folder / "out.csv").read_text(
        encoding="utf-8"
    ).strip() == "category,subcategory,topic,description,tldr,challenge"
    assert server.requests == 0


# ── money ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def priced(ask, folder) -> list[str]:
    (folder / "prices.toml").write_text(OWN_PRICES, encoding="utf-8")
    return [*ask, "--prices", "prices.toml"]


def test_unknown_price_refuses_a_budget(weft, server, ask, folder) -> None:
    """P07: without a price a budget in USD cannot be kept, so the run does not start."""
    said = weft("run", "topic_review", "topics.csv", *ask, "--budget-usd", "1")

    assert said.code == 2
    assert "price of `openai/gpt-4o-mini` is unknown at `127.0.0.1`" in said.err
    assert server.requests == 0
    assert [each.name for each in folder.iterdir()] == ["topics.csv"]


def test_hint_for_an_unknown_price_can_be_pasted(weft, ask, folder) -> None:
    """The line of TOML in the hint, put into a file as it is, makes the budget hold."""
    said = weft("run", "topic_review", "topics.csv", *ask, "--budget-usd", "1")
    line = said.err.partition("hint: write `")[2].partition("` with")[0]
    (folder / "own.toml").write_text(line + "\n", encoding="utf-8")

    priced = weft("run", "topic_review", "topics.csv", *ask, "--budget-usd", "1", "--prices", "own.toml")

    assert priced.code == 0, priced.err
    assert "Cost: $0.00" in priced.out


def test_budget_below_the_projection_asks_nobody(weft, server, priced, folder) -> None:
    """T33, T36: a run over its budget is refused with both amounts, before the first call."""
    said = weft("run", "topic_review", "topics.csv", *priced, "--budget-usd", "0.00001", "--out", "o.csv")

    assert said.code == 3
    assert "more than its budget of $0.00001" in said.err
    assert server.requests == 0
    assert not (folder / "o.csv").exists()


def test_token_budget_is_its_own(weft, server, priced) -> None:
    """T34, T49: a budget in tokens refuses too, also where the one in USD is ample."""
    said = weft("run", "topic_review", "topics.csv", *priced, "--budget-usd", "10", "--budget-tokens", "5")

    assert said.code == 3
    assert "budget of 5 tokens" in said.err
    assert server.requests == 0


def test_zero_budget_serves_remembered_rows(weft, server, priced, folder) -> None:
    """P09: zero means zero: no paid call, but remembered rows are served and written."""
    weft("run", "topic_review", "topics.csv", *priced, "--limit", "2")
    before = server.requests

    said = weft("run", "topic_review", "topics.csv", *priced, "--budget-usd", "0", "--out", "o.csv")

    assert said.code == 3
    assert server.requests == before
    assert [bool(row["tldr"]) for row in read(folder / "o.csv")] == [True, True, False, False, False]
    assert "Skipped: 3" in said.out


def test_larger_budget_resumes_the_run(weft, server, priced, folder) -> None:
    """A run that its budget stopped goes on with a larger one, under the same id."""
    stopped = weft("run", "topic_review", "topics.csv", *priced, "--budget-usd", "0.00001", "--json")

    said = weft(
        "resume",
        "--budget-usd",
        "1",
        *[f for f in priced if f not in {"--model", "openai/gpt-4o-mini"}],
        "--out",
        "o.csv",
        "--json",
    )

    assert said.json["run"]["run"] == stopped.json["run"]["run"]
    assert said.code == 0
    assert all(row["tldr"] for row in read(folder / "o.csv"))


# ── the other side ───────────────────────────────────────────────────────────────────────────────


def test_refused_key_exits_five(weft, folder, monkeypatch) -> None:
    """F9: a key that is refused pauses the run at once; exit code 5, the key is shown nowhere."""
    monkeypatch.setenv("WEFT_API_KEY", "sk-wrong-key-1234567890")
    with Serving(MockOptions(api_key="sk-right")) as server:
        said = weft(
            "run", "topic_review", "topics.csv", "--model", "openai/m", "--base-url", f"{server.url}/v1"
        )
        requests = server.requests

    assert said.code == 5
    assert requests == 1
    assert "sk-wrong" not in said.out + said.err
    assert "weft resume r" in said.err


def test_key_that_was_not_sent_is_told(weft, folder, monkeypatch) -> None:
    """A server that wants a key and got none: the hint names the host and the variable to set."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-own-key-1234567890")
    monkeypatch.delenv("WEFT_API_KEY", raising=False)
    with Serving(MockOptions(api_key="sk-right")) as server:
        said = weft(
            "run", "topic_review", "topics.csv", "--model", "openai/m", "--base-url", f"{server.url}/v1"
        )

    assert said.code == 5
    assert "hint: no key was sent to `127.0.0.1`; set `WEFT_API_KEY`." in said.err
    assert "refused the key" not in said.err


def test_unreachable_server_exits_four(weft, folder) -> None:
    """F12: nobody listens: the run pauses, exit code 4, and the command that resumes is shown."""
    with Serving(MockOptions()) as server:
        url = server.url

    said = weft(
        "run",
        "topic_review",
        "topics.csv",
        "--model",
        "openai/m",
        "--base-url",
        f"{url}/v1",
        "--attempts",
        "1",
        "--out",
        "o.csv",
    )

    assert said.code == 4
    assert "weft resume r" in said.err
    assert "--partial" in said.err
    assert not (folder / "o.csv").exists()


def test_newer_store_is_left_alone(weft, server, ask, folder) -> None:
    """A store made by a newer weft is refused and not changed."""
    store = folder / "newer.db"
    connection = sqlite3.connect(store)
    connection.executescript(
        f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 999; CREATE TABLE t (x);"
    )
    connection.close()
    before = store.read_bytes()

    said = weft("run", "topic_review", "topics.csv", *ask, "--store", "newer.db")

    assert said.code == 2
    assert "made by a newer weft" in said.err
    assert server.requests == 0
    assert store.read_bytes() == before


def test_file_that_is_no_store_is_left_alone(weft, server, ask, folder) -> None:
    """A file that is no store is refused and not changed."""
    said = weft("run", "topic_review", "topics.csv", *ask, "--store", "sqlite:///topics.csv")

    assert said.code == 2
    assert "topics.csv" in said.err
    assert server.requests == 0


def test_a_table_from_stdin_is_refused_plainly(weft) -> None:
    """A table cannot come from standard input, and the message says what to do."""
    said = weft("run", "topic_review", "-", "--model", "local")

    assert said.code == 2
    assert "cannot come from standard input" in said.err


def test_a_fresh_run_does_not_speak_of_the_cache(weft) -> None:
    """With `--no-cache` it is said once that the cache is not used, and no hits are counted."""
    said = weft("run", "topic_review", "topics.csv", "--model", "local", "--no-cache")

    assert "Cache: not used (--no-cache)" in said.err
    assert "Checking cache" not in said.err
    assert "Cache hits: 0/5" not in said.err
