"""`weft export`: files from the store."""

from __future__ import annotations

import csv
import json


def test_export_writes_what_the_run_wrote(weft, ask, folder) -> None:
    """A later export gives the same bytes as the run's own output; repeating changes nothing (I19)."""
    weft("run", "topic_review", "topics.csv", *ask, "--out", "one.csv")

    for _ in range(2):
        said = weft("export", "--out", "two.csv")

        assert said.code == 0
        assert "Output: two.csv (5 rows)" in said.out
        assert (folder / "one.csv").read_bytes() == (folder / "two.csv").read_bytes()


def test_meta_columns_tell_about_rows(weft, ask, folder) -> None:
    """W28: `--meta` appends state, cost, tokens, call and the like."""
    run = weft("run", "topic_review", "topics.csv", *ask, "--json").json["run"]["run"]

    weft("export", run, "--out", "m.csv", "--meta")

    with (folder / "m.csv").open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert (row["state"], row["run"], row["attempts"]) == ("answered", run, "1")


def test_ending_chooses_the_format(weft, ask, folder) -> None:
    """W29: the same content as one JSON object per line; `--format` serves where no ending tells."""
    weft("run", "topic_review", "topics.csv", *ask)

    weft("export", "--out", "o.jsonl")
    said = weft("export", "--out", "-", "--format", "jsonl")

    first = json.loads((folder / "o.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert list(first) == ["category", "subcategory", "topic", "description", "tldr", "challenge"]
    assert said.out == (folder / "o.jsonl").read_text(encoding="utf-8")


def test_formulas_are_guarded_unless_raw(weft, ask, folder) -> None:
    """P36: a cell that a spreadsheet would run is guarded; `--raw` leaves it alone."""
    (folder / "t.csv").write_text("category,subcategory,topic,description\na,b,=1+2,d\n", encoding="utf-8")
    said = weft("run", "topic_review", "t.csv", *ask, "--out", "g.csv")

    weft("export", "--out", "r.csv", "--raw")

    assert "altered so that no spreadsheet runs them" in said.out
    assert "'=1+2" in (folder / "g.csv").read_text(encoding="utf-8")
    assert ",=1+2," in (folder / "r.csv").read_text(encoding="utf-8")


def test_run_at_work_needs_partial(weft, folder) -> None:
    """W26: a run with waiting rows is exported only with `--partial`; the rest is blank."""
    weft(
        "run",
        "topic_review",
        "topics.csv",
        "--model",
        "openai/m",
        "--base-url",
        "http://127.0.0.1:9/v1",
        "--attempts",
        "1",
    )

    refused = weft("export", "--out", "o.csv")
    said = weft("export", "--out", "o.csv", "--partial")

    assert refused.code == 2
    assert "5 rows wait" in refused.err
    assert said.code == 0
    assert len((folder / "o.csv").read_text(encoding="utf-8").splitlines()) == 6


def test_export_needs_a_target(weft, ask) -> None:
    """Without a target there is nothing to do, and that is said."""
    weft("run", "topic_review", "topics.csv", *ask)

    said = weft("export")

    assert said.code == 2
    assert "--out" in said.err


def test_records_can_be_written_later(weft, ask, folder) -> None:
    """T50: records can be written from the store at any time, also without a key."""
    run = weft("run", "topic_review", "topics.csv", *ask, "--json").json["run"]["run"]

    said = weft("export", "--output-dir", "records", "--json")

    assert said.json["records"] == 5
    assert len(list((folder / "records" / run).iterdir())) == 5
