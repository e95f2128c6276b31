"""`weft templates` clone, diff, commit, alias, deprecate, gallery, export, import, trust."""

from __future__ import annotations

import pytest
from tests.unit.cli.lines import check_line, hinted_in

TEXT = """---
name: Review
version: 1.0.0
description: Reviews a topic.
inputs: [category, subcategory, topic, description]
answers: ["tone: enum[calm,angry] = how it sounds"]
system: Review it.
sample: [{category: a, subcategory: b, topic: CI, description: d}]
---
Topic: {{ topic }}
"""


@pytest.fixture
def review(folder, monkeypatch):
    """An own template, and a home folder that is empty."""
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.setenv("USER", "ada")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (folder / "templates").mkdir()
    path = folder / "templates" / "review.md"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_a_template_is_cloned_changed_compared_and_committed(weft, review, folder) -> None:
    """T60, T61, T78: the whole errand of a new version, in the words of the command line."""
    cloned = weft("templates", "clone", "review")
    path = folder / "templates" / "review@1.1.0.md"
    path.write_text(
        path.read_text(encoding="utf-8").replace("[calm,angry]", "[calm,angry,sad]"), encoding="utf-8"
    )
    differs = weft("templates", "diff", "review")
    committed = weft("templates", "commit", "review", "-m", "Sadness too.", "--tag", "mail")
    named = weft("templates", "alias", "review", "production")

    assert "Cloned `review@1.0.0` as `review@1.1.0`" in cloned.out
    assert "answers.tone changed" in differs.out
    assert "+ `tone` (exactly one of `calm`, `angry`, `sad`)" in differs.out
    assert "Committed `review@1.1.0` by ada: Sadness too." in committed.out
    assert named.out == "`review@production` means `review@1.1.0`.\n"
    assert {each.code for each in (cloned, differs, committed, named)} == {0}
    assert weft("templates", "show", "review@production", "--json").json["version"] == "1.1.0"
    for said in (cloned, committed):
        for line in hinted_in(said.out):
            check_line(line)


def test_changed_commit_is_refused_with_the_way_out(weft, review) -> None:
    """T57: exit code 2, one sentence, and a command that helps when it is pasted."""
    weft("templates", "commit", "review", "-m", "First.")
    review.write_text(TEXT + "More.\n", encoding="utf-8")
    said = weft("templates", "show", "review")

    assert said.code == 2
    assert "and its file" in said.err
    assert "its own: `weft templates clone review@1.0.0`." in weft("templates", "lint", "review").out
    listed = {each["key"]: each for each in weft("templates", "list", "--json").json}
    assert (listed["review"]["version"], listed["review"]["origin"]) == ("1.0.0", "project")
    (line,) = hinted_in(said.err)
    assert weft(*line.split()[1:]).code == 0
    assert weft("templates", "show", "review", "--json").json["version"] == "1.1.0"


def test_every_command_speaks_json(weft, review, folder) -> None:
    """With --json each command writes exactly one value and nothing else."""
    said = {
        "clone": weft("templates", "clone", "review", "--json"),
        "diff": weft("templates", "diff", "review", "--json"),
        "commit": weft("templates", "commit", "review@1.0.0", "--message", "m", "--author", "Bo", "--json"),
        "alias": weft("templates", "alias", "review", "live", "1.0.0", "--json"),
        "deprecate": weft("templates", "deprecate", "review@1.0.0", "--reason", "Old.", "--json"),
        "gallery": weft("templates", "gallery", "review@live", "--json"),
        "export": weft("templates", "export", "review@1.0.0", "--out", "b.zip", "--json"),
    }
    (folder / "other").mkdir()
    (folder / "other" / "weft.toml").write_text("", encoding="utf-8")
    found = {name: each.json for name, each in said.items()}

    assert {each.err for each in said.values()} == {""}
    assert found["clone"]["record"]["cloned_from"] == "review@1.0.0"
    assert found["diff"]["is_empty"] is True
    assert (found["commit"]["record"]["author"], len(found["commit"]["record"]["digest"])) == ("Bo", 64)
    assert found["alias"]["aliases"] == ["live"]
    assert found["deprecate"][0]["record"]["reason"] == "Old."
    assert found["gallery"][0]["preview"]["text"] == "Topic: CI"
    assert found["gallery"][0]["record"]["deprecated"]
    assert found["export"]["templates"] == ["review@1.0.0"]


def test_bundle_goes_from_project_to_project(weft, review, folder, monkeypatch) -> None:
    """T74: export here, import there, look, trust; until then the list says so."""
    weft("templates", "export", "review", "-o", str(folder / "b.zip"))
    there = folder / "there"
    there.mkdir()
    monkeypatch.chdir(there)
    tried = weft("templates", "import", "../b.zip", "--dry-run")
    done = weft("templates", "import", "../b.zip")
    listed = {each["key"]: each for each in weft("templates", "list", "--json").json}

    assert "Would import 1 template" in tried.out
    assert "review@1.0.0" in done.out
    assert listed["review"]["origin"] == "imported"
    assert weft("templates", "show", "review").out.splitlines()[2] == "From: imported, not trusted yet"
    assert weft("templates", "trust", "review").out == "`review@1.0.0` is trusted.\n"
    assert weft("templates", "import", "../b.zip", "--json").json["known"] == ["review@1.0.0"]
    assert weft("templates", "trust", "review", "--json").code == 2


def test_trust_tells_what_is_still_foreign(weft, review, folder, monkeypatch) -> None:
    """S1: trusting a template alone does not trust what it includes, and says so."""
    part = "---\nname: P\nversion: 1.0.0\npart: true\n---\nBye\n"
    (folder / "templates" / "part.md").write_text(part, encoding="utf-8")
    review.write_text(f'{TEXT}{{% include "part" %}}\n', encoding="utf-8")
    weft("templates", "export", "review", "-o", str(folder / "b.zip"))
    (folder / "there").mkdir()
    monkeypatch.chdir(folder / "there")
    weft("templates", "import", "../b.zip")
    said = weft("templates", "trust", "review")

    assert "note: `review@1.0.0` is composed of `part@1.0.0`, not trusted yet" in said.err
    assert weft("templates", "trust", "part").err == ""


def test_broken_bundle_is_refused(weft, review, folder) -> None:
    """T74: a bundle that is none ends with exit code 2 and writes nothing."""
    (folder / "b.zip").write_bytes(b"no bundle")
    said = weft("templates", "import", "b.zip")

    assert said.code == 2
    assert "Bundle `b.zip` has 1 problem" in said.err
    assert sorted(path.name for path in (folder / "templates").iterdir()) == ["review.md"]


def test_built_in_templates_are_told_to_be_cloned(weft, review) -> None:
    """T63: what would change weft's own templates is refused and points to the way."""
    for line in (
        ["commit", "topic_review", "-m", "m"],
        ["alias", "topic_review", "live"],
        ["deprecate", "topic_review", "--reason", "r"],
    ):
        said = weft("templates", *line)
        assert said.code == 2
        assert "belongs to weft and is never changed" in said.err
        assert "`weft templates clone`" in said.err


def test_gallery_shows_cards(weft, review) -> None:
    """T59, T62: description, inputs, answers and a rendered row of every template."""
    said = weft("templates", "gallery")

    assert said.code == 0
    assert "review 1.0.0  Review\nReviews a topic.\nyours\nInputs:\n  category (string)" in said.out
    assert said.out.count("A row as a model is given it (from its sample):") == 7
    assert weft("templates", "gallery", "--tag", "none").out == "No template has this tag.\n"


def test_deprecation_is_shown_and_taken_back(weft, review) -> None:
    """A deprecated template says so in list, gallery, lint and run, until it is taken back."""
    weft("templates", "deprecate", "review", "--reason", "Too short", "--replacement", "topic_review")
    ran = weft("run", "review", "topics.csv", "--model", "local", "--out", "o.csv")

    assert "`review` 1.0.0 is deprecated: Too short. Use `topic_review` instead." in ran.err
    assert ran.err.count("is deprecated") == 1
    assert "deprecated: Too short" in weft("templates", "list").out
    assert "Deprecated: Too short. Use `topic_review` instead." in weft("templates", "gallery", "review").out
    assert weft("templates", "lint", "review").code == 0
    assert (
        weft("templates", "deprecate", "review", "--undo").out
        == "`review@1.0.0` is not deprecated any more.\n"
    )


def test_composed_template_runs(weft, review, folder) -> None:
    """T69, T73: a template that extends and includes others runs, and a part by itself does not."""
    (folder / "templates" / "end.md").write_text(
        "---\nname: End\nversion: 1.0\npart: true\n---\nThat is all.\n", encoding="utf-8"
    )
    (folder / "templates" / "child.md").write_text(
        '---\nname: C\nversion: 1.0\nsystem: Judge.\nanswers: ["tone: enum[calm,angry] = how it sounds"]\n---\n'
        '{% extends "review" %}\n',
        encoding="utf-8",
    )
    review.write_text(TEXT + '{% block end %}{% include "end" %}{% endblock %}\n', encoding="utf-8")

    shown = weft("templates", "show", "child")
    assert "Composed of: review@1.0.0, end@1.0" in shown.out
    assert weft("run", "child", "topics.csv", "--model", "local", "--out", "o.csv").code == 0
    alone = weft("run", "end", "topics.csv", "--model", "local")
    assert alone.code == 2
    assert "is a part of other templates and cannot be run by itself" in alone.err


def test_prompt_of_a_run_is_kept(weft, folder, monkeypatch) -> None:
    """W56: a prompt becomes a template only by a command of its own, which overwrites nothing."""
    monkeypatch.setenv("HOME", str(folder / "home"))
    (folder / "mails.csv").write_text("body\nI love it\n", encoding="utf-8")
    asked = ("--prompt", "How? {{ body }}", "--field", "mood: enum[calm,angry] = it", "--model", "local")
    weft("run", "mails.csv", *asked, "--name", "march")
    kept = weft("templates", "keep", "march", "--as", "mood_of")
    again = weft("templates", "keep", "march", "--as", "mood_of")
    used = weft("run", "mood_of", "mails.csv", "--model", "local", "--name", "april")
    refused = weft("templates", "keep", "april", "--as", "other")

    assert [each.code for each in (kept, again, used, refused)] == [0, 2, 0, 2]
    assert "as `mood_of@1.0.0`" in kept.out
    assert "is not overwritten" in again.err
    assert "`mood_of`, which is there already" in refused.err
    assert weft("templates", "show", "mood_of", "--json").json["name"] == "march"
