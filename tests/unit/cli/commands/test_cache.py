"""`weft cache`: looking at remembered answers, and forgetting them."""

from __future__ import annotations


def test_stats_count_answers(weft, ask) -> None:
    """B23: entries, the latest time, and how often they served."""
    weft("run", "topic_review", "topics.csv", *ask)
    weft("run", "topic_review", "topics.csv", *ask)

    found = weft("cache", "stats", "--json").json

    assert found["entries"] == 5
    assert found["hits"] == 5
    assert found["latest"] is not None


def test_clearing_is_asked_about(weft, ask) -> None:
    """Nothing that was paid for is forgotten without a yes."""
    weft("run", "topic_review", "topics.csv", *ask)

    said = weft("cache", "clear")

    assert said.code == 2
    assert "--yes" in said.err
    assert weft("cache", "stats", "--json").json["entries"] == 5


def test_cleared_answers_are_asked_again(weft, server, ask) -> None:
    """P29: after clearing, the next run misses; finished runs keep their answers."""
    run = weft("run", "topic_review", "topics.csv", *ask, "--json").json["run"]["run"]

    said = weft("cache", "clear", "--yes", "--json")
    weft("run", "topic_review", "topics.csv", *ask)

    assert said.json == {"forgotten": 5}
    assert server.requests == 2
    assert weft("status", run, "--json").json["run"]["answered"] == 5


def test_young_answers_stay(weft, ask) -> None:
    """Only answers older than the given age are forgotten."""
    weft("run", "topic_review", "topics.csv", *ask)

    assert weft("cache", "clear", "--older-than-days", "1", "--yes", "--json").json == {"forgotten": 0}
