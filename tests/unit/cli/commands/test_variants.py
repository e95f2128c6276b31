"""`weft variants`: list, show, select, explain, usage."""

from __future__ import annotations

from pathlib import Path

import pytest

SPEC = """name: order_store
kind: effect
description: Keeps orders and their lines.
operations:
  - {name: add_order, does: db.write, takes: {order_id: integer}}
  - {name: find_order, does: db.read}
  - {name: cancel_order, does: db.write}
features: [connection_pool]
needs: [audit]
"""


@pytest.fixture
def project(folder: Path) -> Path:
    """A project, so that choices are noted, with a spec."""
    (folder / "weft.toml").write_text("", encoding="utf-8")
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    return folder


def test_list_counts_variants_of_each_kind(weft) -> None:
    """V25: every pack with its variants, and how many make each kind."""
    packs = {each["pack"]: each for each in weft("variants", "list", "--json").json}

    assert packs["codegen"]["kinds"] == {"effect": 7, "compute": 5, "reducer": 6, "orchestrator": 6}
    assert len(packs["codegen"]["variants"]) == 9
    assert packs["summary"]["output"] == "prompt"
    assert "effect 7, compute 5, reducer 6, orchestrator 6" in weft("variants", "list").out


def test_list_by_kind_and_pack(weft) -> None:
    """Only variants that make a kind, only one pack."""
    said = weft("variants", "list", "--pack", "codegen", "--kind", "compute", "--json").json

    assert {each["name"] for each in said[0]["variants"]} == {
        "minimal", "standard", "production", "analytics", "ml_inference",
    }  # fmt: skip


def test_show_tells_targets_and_settings(weft) -> None:
    """V27: everything that is known about a variant, its targets too."""
    said = weft("variants", "show", "database_heavy")

    assert "latency_p95_ms 50" in said.out
    assert "Requires: asyncpg" in said.out
    assert "`pool_min` (whole number from 0 to 1000, 10 if not said): connections kept open" in said.out
    assert "`dsn` (text, may be left out)" in said.out
    assert "`sql` (text): one statement" in said.out
    assert (
        weft("variants", "show", "database_heavy", "--json").json["performance"]["throughput_per_s"] == 1000
    )


def test_unknown_variant_is_told_with_the_nearest(weft) -> None:
    """V35: an unknown name ends with exit code 2 and the nearest known one."""
    said = weft("variants", "show", "databse_heavy")

    assert said.code == 2
    assert "did you mean `database_heavy`" in said.err


def test_select_reads_what_matters_of_a_spec(weft, project) -> None:
    """V13, V22, V26: a spec gives a variant, with reasons, mixins and patterns."""
    said = weft("variants", "select", "spec.yaml", "--json")

    assert said.code == 0
    assert said.json["variant"] == "database_heavy"
    assert said.json["template"].endswith("database_heavy/template.py.j2")
    assert "connection_pool" in said.json["candidates"][0]["matched"]
    assert said.json["mixins"]
    assert said.json["patterns"]
    assert "`database_heavy` makes `effect` modules" in said.json["rationale"]


def test_select_takes_flags(weft) -> None:
    """Flags say the same as a spec; a project is not needed, and nothing is noted then."""
    said = weft(
        "variants", "select", "--kind", "effect", "--operation", "http.call:ask", "--operation", "http.call:answer",
        "--feature", "rate_limit", "--text", "Asks a carrier.", "--need", "slo", "--name", "carrier", "--json",
    )  # fmt: skip

    assert said.json["variant"] == "api_heavy"
    assert said.json["id"] == ""


def test_undecided_is_an_exit_code(weft) -> None:
    """Where two are about equal both are shown and the exit code is 1."""
    text = "Reads stock from the supplier's web service and writes it into our Postgres tables."
    said = weft("variants", "select", "--kind", "effect", "--text", text)

    if said.code:
        assert said.code == 1
        assert "Undecided between" in said.out
        assert "--override" in said.err


def test_spec_and_flags_together_are_refused(weft, project) -> None:
    """What is asked for is said once."""
    assert "give either" in weft("variants", "select", "spec.yaml", "--kind", "effect").err
    assert "it is not said" in weft("variants", "select").err.lower()


def test_faults_of_a_spec_are_told_together(weft, project) -> None:
    """Wrong kinds of operations and needs are told at once, with the nearest."""
    (project / "bad.yaml").write_text(
        "kind: effect\noperations: [{does: db.raed}]\nneeds: [slow]\n", encoding="utf-8"
    )
    said = weft("variants", "select", "bad.yaml")

    assert said.code == 2
    assert "Did you mean `db.read`?" in said.err
    assert "'slow'" in said.err
    assert "cannot be read" in weft("variants", "select", "gone.yaml").err
    (project / "no.yaml").write_text("a: [\n", encoding="utf-8")
    assert "line" in weft("variants", "select", "no.yaml").err


def test_explain_tells_points_and_changes(weft, project) -> None:
    """Points by criterion, what was heard, what would change it, and the other weights' choice."""
    said = weft("variants", "explain", "spec.yaml", "--json").json

    assert sum(each["points"] for each in said["reasons"]) > 0
    assert said["changes"]
    assert said["other_weights"] == {"v1": "database_heavy"}
    assert any(each["said"] == "db.read:find_order" for each in said["evidence"])
    assert "What would change it:" in weft("variants", "explain", "spec.yaml").out
    assert not (project / ".weft" / "variants").exists()


def test_usage_shows_choices_overrides_and_outcomes(weft, project) -> None:
    """V23, V38, V44: the log's tables, with what became of a choice."""
    assert "No choice is noted yet" in weft("variants", "usage").out
    first = weft("variants", "select", "spec.yaml", "--json").json["id"]
    weft("variants", "select", "spec.yaml", "--override", "standard")

    said = weft("variants", "usage", "--settle", f"{first}=passed", "--json").json

    assert said["counters"]["by_variant"] == {"database_heavy": 1, "standard": 1}
    assert said["weeks"][0]["override_rate"] == 0.5
    assert {each["variant"]: each["good"] for each in said["variants"]}["database_heavy"] == 1
    assert said["labels"] == 2
    assert "database_heavy" in weft("variants", "usage").out
    assert "no choice `nothing`" in weft("variants", "usage", "--settle", "nothing=kept").err


def test_learning_needs_more_than_a_few_choices(weft, project) -> None:
    """V46: weights from a handful of labels are not used, and that is said."""
    weft("variants", "select", "spec.yaml", "--override", "standard")
    said = weft("variants", "usage", "--learn")

    assert "Learnt weights are not used" in said.out
    assert not (project / ".weft" / "variants" / "learnt.toml").exists()
    assert "has learnt no weights" in weft("variants", "select", "spec.yaml", "--weights", "learnt").err


def test_trial_assigns_one_of_its_variants(weft, project) -> None:
    """V45: the same spec always gets the same variant of a trial; a trial needs a name."""
    trial = (
        "variants",
        "select",
        "spec.yaml",
        "--between",
        "standard,database_heavy",
        "--experiment",
        "pool",
        "--json",
    )
    first, second = weft(*trial).json, weft(*trial).json

    assert first["variant"] == second["variant"]
    assert first["is_override"] is True
    assert weft("variants", "usage", "--json").json["recent"][0]["experiment"] == "pool"
    assert "needs a name" in weft("variants", "select", "spec.yaml", "--between", "standard,minimal").err
    assert (
        weft("variants", "select", "spec.yaml", "--between", "standard,nope", "--experiment", "x").code == 2
    )


def test_run_gives_each_row_its_prompt(weft, folder) -> None:
    """A run by a pack of prompts answers every row, again from memory, and can be resumed by its texts alone."""
    rows = ["id,text", "1,Short note.", f"2,{'The crane stood still. ' * 20}", '3,"a;b\n1;2\n3;4"']
    (folder / "t.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    said = weft("run", "--variants", "summary", "t.csv", "--model", "local", "--out", "o.csv")

    assert said.code == 0, said.err
    assert "Calls: 3" in said.out
    again = weft("run", "--variants", "summary", "t.csv", "--model", "local", "--out", "p.csv")
    assert "Calls: 0" in again.out
    assert (folder / "o.csv").read_bytes() == (folder / "p.csv").read_bytes()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("run", "--variants", "codegen", "topics.csv"), "makes python, not prompts"),
        (("run", "--variants", "sumary", "topics.csv"), "did you mean `summary`?"),
        (("run", "--variants", "summary", "topics.csv"), "No variant of `summary`"),
        (("run", "--variants", "summary"), "No table was named"),
        (("run", "topic_review", "topics.csv", "--variants", "summary"), "leave one of them out"),
        (("run", "topics.csv", "--variants", "summary", "--prompt", "{{ topic }}", "--field", "a: string"), "leave one of them out"),
    ],
)  # fmt: skip
def test_packs_that_do_not_fit_are_refused(weft, line: tuple[str, ...], said: str) -> None:
    """Packs of code, unknown packs, tables without the columns and contradictions are told."""
    found = weft(*line, "--model", "local")

    assert found.code == 2
    assert said in found.err
