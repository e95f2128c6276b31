"""`weft templates`: list, show, render, lint."""

from __future__ import annotations

from weft.templates.library import builtin_folder


def test_list_shows_own_and_bundled(weft, folder) -> None:
    """Every bundled template is listed, and an own one that is wrong says how to find out why."""
    (folder / "templates").mkdir()
    (folder / "templates" / "broken.md").write_text("---\nname: x\n---\n", encoding="utf-8")

    found = {each["key"]: each for each in weft("templates", "list", "--json").json}

    assert {path.stem for path in builtin_folder().glob("*.md")} <= set(found)
    assert found["topic_review"]["is_builtin"] is True
    assert found["broken"]["error"]
    assert "weft templates lint broken" in weft("templates", "list").out


def test_show_tells_inputs_and_answers(weft) -> None:
    """One template is shown with what it takes, what it gives, and its text."""
    said = weft("templates", "show", "topic_review")

    assert "topic_review 1.0.0" in said.out
    assert "`challenge` (exactly one of `practice`, `expert`)" in said.out
    assert weft("templates", "show", "topic_review", "--json").json["answers"][0]["name"] == "tldr"


def test_render_asks_nobody(weft) -> None:
    """T58: rows of a table are rendered without any model."""
    said = weft("templates", "render", "topic_review", "topics.csv", "--limit", "2", "--json")

    assert said.code == 0
    assert said == weft("templates", "render", "topic_review", "topics.csv", "--rows", "2", "--json")
    assert [row["line"] for row in said.json["rows"]] == [2, 3]
    assert "Topic 1" in said.json["rows"][1]["data"]
    assert "practice" in said.json["system"]


def test_render_tells_rejected_rows(weft, folder) -> None:
    """T54: a row that does not fit is not rendered; exit code 1."""
    (folder / "t.csv").write_text("category,subcategory,topic,description\na,b,,d\n", encoding="utf-8")

    said = weft("templates", "render", "topic_review", "t.csv")

    assert said.code == 1
    assert "would be rejected: Row 1 (line 2)" in said.out


def test_lint_lists_every_problem(weft, folder) -> None:
    """T29: all problems of a wrong file at once, each with path and line; exit code 2."""
    (folder / "own.md").write_text(
        "---\nname: x\nversion: one\nanswers: {a: string}\n---\n{{ body }}\n", encoding="utf-8"
    )

    said = weft("templates", "lint", "own.md", "--json")

    assert said.code == 2
    assert {each["path"] for each in said.json} == {"version", "body"}
    assert all(each["severity"] == "problem" for each in said.json)


def test_bundled_templates_are_sound(weft) -> None:
    """Every bundled template renders its own samples and has no problem."""
    for path in builtin_folder().glob("*.md"):
        assert weft("templates", "render", path.stem).code == 0
        assert weft("templates", "lint", path.stem).code == 0


def test_group_alone_points_to_its_help(weft) -> None:
    """`weft templates` alone says what is missing."""
    said = weft("templates")

    assert said.code == 2
    assert "weft templates --help" in said.err


def test_unknown_templates_are_told_with_all_others(weft) -> None:
    """T47: a near key is offered, and all keys are named; a key that cannot be one stands in backticks."""
    near, far = weft("templates", "show", "topic_revew"), weft("templates", "show", "topic*")

    assert "did you mean `topic_review`? Known: class_brief," in near.err
    assert "`topic*` is not the key of a template." in far.err
