"""`weft resume`: what goes on, what is refused."""

from __future__ import annotations

import shutil

import pytest

BODY = """---
name: Own
version: 1.0.0
inputs: {topic: {}}
answers: {tldr: {type: string, max_words: 12}}
system: Sum the topic up.
---
{{ topic }}
"""


@pytest.fixture
def stopped(weft, ask, folder) -> str:
    """A run over an own template that its budget stopped before the first call; its id."""
    (folder / "templates").mkdir()
    (folder / "templates" / "own.md").write_text(BODY, encoding="utf-8")
    return weft("run", "own", "topics.csv", *ask, "--budget-tokens", "1", "--json").json["run"]["run"]


def test_newest_unfinished_run_goes_on(weft, server, stopped, folder) -> None:
    """Without an id the newest unfinished run is taken up, from the store alone."""
    (folder / "topics.csv").unlink()
    (folder / "templates" / "own.md").unlink()

    said = weft("resume", "--budget-tokens", "none", "--out", "o.csv", "--json")

    assert said.code == 0, said.out
    assert said.json["run"]["run"] == stopped
    assert said.json["run"]["answered"] == 5
    assert said.json["resumed"] is True
    assert server.requests == 1


@pytest.mark.parametrize("length", [6, 13])
def test_beginning_of_an_id_is_enough(weft, stopped, length) -> None:
    """A run can be named by the beginning of its id."""
    said = weft("resume", stopped[:length], "--budget-tokens", "100000")

    assert said.code == 0
    assert f"Resuming run {stopped}" in said.err


def test_changed_template_is_refused(weft, server, stopped, folder) -> None:
    """L14: a template that changed since is refused, and the lines that differ are shown."""
    (folder / "templates" / "own.md").write_text(
        BODY.replace("Sum the topic up", "Mock the topic"), encoding="utf-8"
    )

    said = weft("resume", stopped, "--budget-tokens", "none")

    assert said.code == 2
    assert "-system: Sum the topic up." in said.err
    assert "+system: Mock the topic." in said.err
    assert server.requests == 0


def test_run_goes_on_as_begun(weft, server, stopped, folder) -> None:
    """With `--as-begun` the template that the run keeps is used, whatever its file says now."""
    (folder / "templates" / "own.md").write_text(
        BODY.replace("Sum the topic up", "Mock the topic"), encoding="utf-8"
    )

    said = weft("resume", stopped, "--budget-tokens", "none", "--as-begun")

    assert said.code == 0
    assert server.requests == 1


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--model", "openai/gpt-4o"], "model: `gpt-4o-mini` → `gpt-4o`"),
        (["--temperature", "0.7"], "options"),
        (["--base-url", "http://127.0.0.1:9/v1"], "base url"),
    ],
)
def test_changed_option_is_refused(weft, server, stopped, flags, words) -> None:
    """L14: another model, option or server is another errand; both values are shown."""
    said = weft("resume", stopped, "--budget-tokens", "none", *flags)

    assert said.code == 2
    assert words in said.err
    assert server.requests == 0


def test_changed_table_starts_a_new_run(weft, server, ask, folder) -> None:
    """L11: the same command on a changed table starts a new run, which recalls what it can."""
    first = weft("run", "topic_review", "topics.csv", *ask, "--json").json["run"]["run"]
    table = folder / "topics.csv"
    table.write_text(
        table.read_text(encoding="utf-8") + "Delivery,Flow,New,Something new.\n", encoding="utf-8"
    )

    said = weft("run", "topic_review", "topics.csv", *ask, "--json")

    assert said.json["run"]["run"] != first
    assert (said.json["run"]["recalled"], said.json["run"]["answered"]) == (5, 1)
    assert server.requests == CALLS


def test_same_command_takes_up_the_run(weft, stopped, ask) -> None:
    """The same `weft run` on an unfinished run goes on with it; no budget now means none."""
    said = weft("run", "own", "topics.csv", *ask, "--json")

    assert said.json["run"]["run"] == stopped
    assert said.json["resumed"] is True
    assert said.code == 0


def test_other_mapping_is_another_run(weft, stopped, ask) -> None:
    """A run fed from another column is another errand, though template and table are the same."""
    said = weft("run", "own", "topics.csv", *ask, "--map", "topic=description", "--json")

    assert said.json["run"]["run"] != stopped


def test_finished_run_is_not_resumed(weft, ask) -> None:
    """A finished run says so, and which command writes it."""
    run = weft("run", "topic_review", "topics.csv", *ask, "--json").json["run"]["run"]

    said = weft("resume", run)

    assert said.code == 2
    assert "is finished" in said.err
    assert f"weft export {run}" in said.err


def test_nothing_to_resume_is_said(weft) -> None:
    """Where there is no store, nothing can be resumed, and none is made."""
    said = weft("resume")

    assert said.code == 2
    assert "There is no" in said.err


@pytest.mark.parametrize(("more", "told"), [("", False), ("a,b,c,d\n", True)])
def test_changed_table_is_told(weft, stopped, folder, more: str, told: bool) -> None:
    """A table whose file has changed since is told; the rows as they were read are used."""
    with (folder / "topics.csv").open("a", encoding="utf-8") as file:
        file.write(more)

    said = weft("resume", stopped, "--budget-tokens", "none")

    note = "Note: `topics.csv` has changed since; the rows as they were read are used."
    assert said.code == 0
    assert (note in said.err.splitlines()) is told
    assert "Total rows: 5" in said.out


CALLS = 2  # one for each prompt
PACK = """name = "notes"
description = "Says what notes are about, by their length."
output = "prompt"
kinds = ["prompt"]
"""
VARIANT = """name = "{name}"
version = "1.0.0"
description = "Notes of this length, put plainly."
kinds = ["prompt"]
complexity = 1
[when]
{when}
"""


@pytest.fixture
def notes(weft, ask, folder) -> str:
    """A run by an own pack of two prompts that its budget stopped before the first call; its id."""
    (folder / "weft.toml").touch()
    topics = ["topic", "Ice", "How ice becomes water", "Tea", "How leaves become tea", "Rain"]
    (folder / "topics.csv").write_text("\n".join(topics) + "\n", encoding="utf-8")
    pack = folder / "variants" / "notes"
    pack.mkdir(parents=True)
    (pack / "pack.toml").write_text(PACK, encoding="utf-8")
    for name, when in (("short", "shorter_than = 12"), ("plain", "")):
        add_variant(pack, name, when)
    return weft("run", "--variants", "notes", "topics.csv", *ask, "--budget-tokens", "1", "--json").json[
        "run"
    ]["run"]


def add_variant(pack, name: str, when: str) -> None:
    """Drop a variant into a pack."""
    (pack / name).mkdir()
    (pack / name / "variant.toml").write_text(VARIANT.format(name=name, when=when), encoding="utf-8")
    (pack / name / "template.md").write_text(BODY, encoding="utf-8")


def test_run_by_variants_goes_on_from_the_store_alone(weft, server, notes, folder) -> None:
    """V43: without the files of its pack a run goes on with the texts that it keeps, one call for each prompt."""
    shutil.rmtree(folder / "variants")

    said = weft("resume", "--budget-tokens", "none", "--json")

    assert said.code == 0, said.err
    assert said.json["run"]["run"] == notes
    assert said.json["run"]["answered"] == 5
    assert server.requests == CALLS


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("short/template.md", ("system: Sum the topic up", "system: Mock the topic")),
        ("short/variant.toml", ("shorter_than = 12", "shorter_than = 13")),
    ],
)
def test_changed_variant_is_refused(weft, server, notes, folder, file: str, change: tuple[str, str]) -> None:
    """L14: a template or a condition that changed since is refused with its lines, and used as begun on demand."""
    path = folder / "variants" / "notes" / file
    path.write_text(path.read_text(encoding="utf-8").replace(*change), encoding="utf-8")

    refused = weft("resume", notes, "--budget-tokens", "none")

    assert refused.code == 2
    assert f"+{change[1]}" in refused.err
    assert server.requests == 0
    assert weft("resume", notes, "--budget-tokens", "none", "--as-begun").code == 0
    assert server.requests == CALLS


def test_variant_that_came_since_is_refused(weft, server, notes, folder) -> None:
    """L14: a variant that was dropped into the pack since might be chosen, so the run does not just go on."""
    add_variant(folder / "variants" / "notes", "long", "longer_than = 500")

    said = weft("resume", notes, "--budget-tokens", "none")

    assert said.code == 2
    assert "its pack has new variants: `long`" in said.err
    assert server.requests == 0
