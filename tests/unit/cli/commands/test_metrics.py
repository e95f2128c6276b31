"""`weft metrics`: key figures per template and version."""

from __future__ import annotations

import csv
import io

import pytest


@pytest.fixture
def runs(weft, ask) -> None:
    """Two runs of one template; the second is answered from memory."""
    for _ in range(2):
        weft("run", "topic_review", "topics.csv", *ask)


def test_table_shows_success_and_cost(weft, runs) -> None:
    """T21: name, version, runs, rows, success, cost and tokens per row stand in the table."""
    said = weft("metrics")

    head, line = said.out.splitlines()
    assert head.split()[:4] == ["template", "version", "runs", "rows"]
    assert line.split()[:4] == ["topic_review", "1.0.0", "2", "10"]
    assert "100.0%" in line


def test_json_tells_every_figure(weft, runs) -> None:
    """T15, T18: JSON holds sums and rates; half of the rows were recalled."""
    (line,) = weft("metrics", "--json").json["lines"]

    assert (line["runs"], line["rows"], line["answered"], line["recalled"]) == (2, 10, 5, 5)
    assert (line["success_rate"], line["recalled_share"]) == (1.0, 0.5)


def test_csv_goes_to_stdout(weft, runs) -> None:
    """T19: CSV has a line per template and version."""
    (line,) = csv.DictReader(io.StringIO(weft("metrics", "--csv", "--by-model").out))

    assert (line["template"], line["runs"]) == ("topic_review", "2")
    assert line["model"].count("/") == 1


def test_windows_leave_nothing_where_nothing_is(weft, runs) -> None:
    """T14: filters by template, model and time; nothing left is said, and no error."""
    for window in (
        ("--template", "other"),
        ("--model", "other"),
        ("--until", "2020-01-01"),
        ("--since", "2999-01-01T00:00"),
    ):
        assert weft("metrics", *window).out == "No run is in this window.\n"
    assert "topic_review" in weft("metrics", "--days", "1", "--template", "topic_review 1.0.0").out


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--since", "yesterday"), "`--since` is `yesterday`"),
        (("--days", "0"), "`--days` is 0"),
        (("--days", "1", "--since", "2026-01-01"), "leave one of them out"),
        (("--json", "--csv"), "both write to stdout"),
    ],
)
def test_bad_windows_are_refused(weft, flags, says) -> None:
    """A window that makes no sense is refused with a sentence."""
    said = weft("metrics", *flags)

    assert said.code == 2
    assert says in said.err + said.out


def test_no_store_means_no_figures(weft, tmp_path) -> None:
    """Looking at figures makes no store."""
    assert weft("metrics").out == "No run is in this window.\n"
    assert not (tmp_path / ".weft").exists()
