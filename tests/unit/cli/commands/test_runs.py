"""`weft runs`: the list of runs."""

from __future__ import annotations


def test_newest_run_stands_first(weft, ask) -> None:
    """The newest runs stand first, with state, rows and cost; `--limit` shortens the list."""
    weft("run", "topic_review", "topics.csv", *ask, "--name", "first")
    weft("run", "topic_review", "topics.csv", *ask, "--limit", "2", "--name", "second")

    found = weft("runs", "--json").json
    lines = weft("runs", "--limit", "1").out.splitlines()

    assert [each["name"] for each in found] == ["second", "first"]
    assert len(lines) == 2
    assert lines[0].split()[:3] == ["run", "name", "begun"]
    assert "second" in lines[1]
