"""`weft status` and `weft runs`: looking at runs."""

from __future__ import annotations


def test_status_tells_the_newest_run(weft, ask) -> None:
    """Without a name the newest run is told: what, where, how it stands, what to do next."""
    run = weft("run", "topic_review", "topics.csv", *ask, "--json").json["run"]["run"]

    said = weft("status")

    assert said.code == 0
    for words in (
        f"Run {run}: finished",
        "Template: topic_review 1.0.0",
        "Total rows: 5",
        f"Next: weft export {run}",
    ):
        assert words in said.out


def test_status_finds_a_run_by_name(weft, ask) -> None:
    """A run can be named when it starts, and asked for by that name."""
    run = weft("run", "topic_review", "topics.csv", *ask, "--name", "october", "--json").json["run"]["run"]
    weft("run", "topic_review", "topics.csv", *ask, "--limit", "1")

    assert weft("status", "october", "--json").json["run"]["run"] == run


def test_unknown_run_names_the_nearest(weft, ask) -> None:
    """A name that is nearly right is told with the right one."""
    run = weft("run", "topic_review", "topics.csv", *ask, "--json").json["run"]["run"]

    said = weft("status", run[:-1] + "x" + run[-1])

    assert said.code == 2
    assert run in said.err


def test_looking_makes_no_store(weft, folder) -> None:
    """Looking at runs where there are none says so and writes nothing."""
    assert weft("status").code == 2
    assert weft("runs").code == 0
    assert weft("runs", "--json").json == []
    assert weft("cache", "stats").out.startswith("Cache: 0 entries")
    assert [each.name for each in folder.iterdir()] == ["topics.csv"]


def test_unfinished_run_shows_how_to_resume(weft, ask) -> None:
    """A stopped run tells why, and the command that goes on."""
    weft("run", "topic_review", "topics.csv", *ask, "--budget-tokens", "1")

    said = weft("status")

    assert "stopped" in said.out
    assert "Why: " in said.out
    assert "Next: weft resume r" in said.out
