"""The command line as a whole: help, loading, errors."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from weft.cli import commands
from weft.cli.main import BUG, ORDER, main, summaries
from weft.settings import Settings


def test_summaries_are_docstrings() -> None:
    """The help is read from the commands' files; it is what their docstrings say."""
    for name, summary in summaries().items():
        module = importlib.import_module(f"{commands.__name__}.{name.replace('-', '_')}")
        first = (inspect.getdoc(module) or "").partition("\n")[0]

        assert summary == first
        assert len(summary) < 100


def test_all_commands_are_there() -> None:
    """The commands that the documentation names exist, and the help lists them."""
    assert set(summaries()) == {
        "run", "estimate", "status", "resume", "export", "runs", "templates", "prices", "cache", "db", "doctor", "mock-server", "init",
        "generate", "serve", "variants", "keys", "metrics", "mcp", "worker", "audit",
        "members", "workspaces", "tokens", "team",
    }  # fmt: skip


def test_help_loads_no_command(weft) -> None:
    """`weft --help` imports none of the commands."""
    code = "import sys; from weft.cli.main import main; main(['--help']); print([m for m in sys.modules if m.startswith('weft.cli.commands.') or m.startswith('weft.app')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", sorted(summaries()))
def test_every_command_has_help(weft, name) -> None:
    """Every command explains itself and takes `--json`."""
    said = weft(name, "--help")

    assert said.code == 0
    assert "Usage: weft " in said.out
    if name not in {
        "templates",
        "variants",
        "cache",
        "db",
        "keys",
        "audit",
        "members",
        "workspaces",
        "tokens",
        "team",
    }:
        assert "--json" in said.out


def test_brackets_in_help_stay(weft) -> None:
    """What stands in brackets in an explanation is no markup."""
    out = " ".join(weft("run", "--help").out.replace("│", " ").split())

    assert "enum[calm,angry]" in out
    assert "[20]" in out
    assert "[[TEMPLATE]]" not in out


def test_every_setting_is_a_flag(weft) -> None:
    """P18: every setting can be given as a flag to `weft run`; those of a server's tables, to `weft serve`."""
    out = (weft("run", "--help").out + weft("serve", "--help").out).replace("--[no-]", "--")

    assert all(f"--{each.name.replace('_', '-')}" in out for each in fields(Settings))


def test_help_has_a_heading_for_every_command() -> None:
    """No command is left at the end of the help for want of a heading, and no heading names what is not there."""
    assert set(ORDER) == set(summaries())
    assert tuple(summaries()) == ORDER


@pytest.mark.parametrize("arguments", [("serve",), ("team", "check"), ("mcp",), ("members",), ("db",)])
def test_help_fits_a_narrow_terminal(weft, monkeypatch, arguments) -> None:
    """In 80 columns no explanation is cut, and switches show no word for a value."""
    monkeypatch.setenv("COLUMNS", "80")
    out = weft(*arguments, "--help").out

    assert "…" not in out
    assert "<bool>" not in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_nothing_asked_shows_help(weft) -> None:
    """`weft` alone shows the help."""
    said = weft()

    assert said.code == 0
    assert "Usage: weft" in said.out


def test_version_is_told(weft) -> None:
    """`weft --version` tells the version."""
    assert weft("--version").out.startswith("weft ")


@pytest.mark.parametrize(
    "arguments",
    [["rum"], ["runs", "--limits"], ["status", "a", "b"], ["templates", "shw"], ["runs", "--limit", "x"]],
)
def test_wrong_use_points_to_help(weft, arguments) -> None:
    """A command line that cannot be read is one sentence and a hint; exit code 2."""
    said = weft(*arguments)

    assert said.code == 2
    assert said.err.startswith("error: ")
    assert "--help` shows" in said.err


def test_wrong_use_as_json(weft) -> None:
    """Also for programs."""
    assert weft("runs", "--limits", "--json").json["error"]["exit_code"] == 2


def test_bug_shows_no_traceback(weft, folder, capfd, monkeypatch) -> None:
    """An error of our own is a sentence; `--debug` shows where it was."""
    monkeypatch.setattr(sys, "stdin", None)
    (folder / ".weft").write_text("", encoding="utf-8")

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("made for this test")

    monkeypatch.setattr(Path, "cwd", broken)
    code = main(["runs"])
    quiet = capfd.readouterr().err
    main(["runs", "--debug"])
    loud = capfd.readouterr().err

    assert code == BUG
    assert "weft has a bug: ZeroDivisionError: made for this test" in quiet
    assert "Traceback" not in quiet
    assert "Traceback" in loud


def test_only_the_console_prints() -> None:
    """No other file of the command line writes to a stream by itself."""
    folder = Path(commands.__file__).parent.parent
    for path in folder.rglob("*.py"):
        if path.name != "console.py":
            names = {
                ast.unparse(node.func)
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.Call)
            }

            assert names.isdisjoint({"print", "sys.stdout.write", "sys.stderr.write"})


def test_module_runs_like_the_command(folder) -> None:
    """`python -m weft` is the command, exit codes included."""
    done = subprocess.run(
        [sys.executable, "-m", "weft", "status"], cwd=folder, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("words", "at", "wanted"),
    [("weft r", "1", "run"), ("weft run --rows", "2", "--rows-per-call"), ("weft templates s", "2", "show")],
)
def test_shell_completes(folder, words, at, wanted) -> None:
    """Shells complete commands, flags and commands of groups."""
    environment = {
        "COMP_WORDS": words,
        "COMP_CWORD": at,
        "_WEFT_COMPLETE": "complete_bash",
        "PATH": "/usr/bin",
    }
    script = Path(sys.executable).parent / "weft"

    done = subprocess.run(
        [str(script)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )

    assert wanted in done.stdout.split()


@pytest.mark.parametrize("command", ["", "run", "prices", "templates list"])
def test_help_names_values_of_flags_only(weft, command) -> None:
    """A switch takes no value, so the help shows no word for one; no unknown host is named."""
    said = weft(*command.split(), "--help")

    assert said.code == 0
    assert "<bool>" not in said.out
    assert "https://weft" not in said.out


def test_help_breaks_paragraphs_at_the_edge_only(weft, monkeypatch) -> None:
    """A paragraph of the help is broken by the terminal's width, not where the source breaks."""
    monkeypatch.setenv("COLUMNS", "400")

    lines = weft("run", "--help").out.splitlines()

    assert any("needs none. The same command" in line and "that did." in line for line in lines)
