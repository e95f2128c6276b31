"""`weft init`: a new project that works at once."""

from __future__ import annotations

import csv


def test_new_project_runs_at_once(weft, folder) -> None:
    """What `init` writes is enough for a first run without a key, and its weft.toml is valid."""
    weft("init")

    said = weft("run", "ticket_triage", "tickets.csv", "--out", "tickets.out.csv")

    assert said.code == 0, said.err + said.out
    assert (folder / "weft.toml").is_file()
    assert ".weft/" in (folder / ".gitignore").read_text(encoding="utf-8")
    assert weft("templates", "lint", "ticket_triage").out.count("problem") == 0


def test_answers_of_a_new_project_differ(weft, folder) -> None:
    """The example tells each option apart, so that the built-in model finds all four."""
    weft("init")
    weft("run", "ticket_triage", "tickets.csv", "--out", "tickets.out.csv")

    with (folder / "tickets.out.csv").open(encoding="utf-8", newline="") as file:
        found = [row["category"] for row in csv.DictReader(file)]

    assert found == ["bug", "billing", "praise", "question"]


def test_init_keeps_what_is_there(weft, folder) -> None:
    """Nothing is written over, and a second time changes nothing."""
    (folder / "weft.toml").write_text("rpm = 3\n", encoding="utf-8")
    (folder / ".gitignore").write_text("mine", encoding="utf-8")

    weft("init")
    said = weft("init", "--json")

    assert (folder / "weft.toml").read_text(encoding="utf-8") == "rpm = 3\n"
    assert (folder / ".gitignore").read_text(encoding="utf-8").splitlines()[0] == "mine"
    assert said.json["written"] == []


def test_written_settings_are_the_defaults(weft, folder) -> None:
    """Every commented setting can be switched on as it stands."""
    weft("init", "new")
    path = folder / "new" / "weft.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text(
        "\n".join(
            line.removeprefix("# ") if " = " in line and line[2:3].islower() else line for line in lines
        ),
        encoding="utf-8",
    )

    assert weft("init", "other").code == 0
    assert weft("templates", "list").code == 0
