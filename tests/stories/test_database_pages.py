"""The pages about databases are followed word for word, and the container files keep their promises."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.contracts.servers import the_server
from tests.generated.postgres import programs
from tests.stories.test_documents import CONSOLE, ROOT

from weft.cli.main import main


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody who may make databases on a server of this machine, in a folder with the example table."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(programs()), os.environ["PATH"]]))
    monkeypatch.setenv("PGHOST", str(the_server().folder))
    monkeypatch.setenv("PGUSER", "weft")
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "examples" / "topics.csv", tmp_path)


@pytest.mark.parametrize("name", ["postgresql.md", "backup.md", "audit.md"])
@pytest.mark.usefixtures("person")
def test_commands_about_databases_run(name: str) -> None:
    """Every `$ …` line of the page runs, one after the other, without an error."""
    text = (ROOT / "docs" / "how-to" / name).read_text(encoding="utf-8")
    commands = [
        line[2:] for block in CONSOLE.findall(text) for line in block.splitlines() if line.startswith("$ ")
    ]

    assert len(commands) >= 5
    for command in commands:
        if command.startswith("weft "):  # in this process: it starts in no time
            assert main(shlex.split(command)[1:]) == 0, command
        else:
            subprocess.run(shlex.split(command), check=True, timeout=120)


def test_compose_file_holds_no_secret_and_no_root() -> None:
    """S47: the password comes from outside, weft runs without rights, and the data outlives the container."""
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    database, ours = (
        compose["services"]["database"],
        [compose["services"][each] for each in ("weft", "server")],
    )
    secrets = {
        (name, value)
        for each in (database, *ours)
        for name, value in each["environment"].items()
        if name.endswith(("PASSWORD", "KEY", "SECRET"))
    }

    assert {name for name, _ in secrets} >= {"PGPASSWORD", "POSTGRES_PASSWORD", "WEFT_MASTER_KEY"}
    assert all(value is None or re.fullmatch(r"\$\{WEFT_[A-Z_]+:[?-][^}]*\}", value) for _, value in secrets)
    for weft in ours:
        assert weft["cap_drop"] == ["ALL"]
        assert weft["user"] not in ("0", "root")
        assert weft["environment"]["WEFT_STORE"] == "postgresql://weft@database/weft"
    assert database["volumes"] == ["database:/var/lib/postgresql/data"]
    assert set(compose["volumes"]) == {"database", "workspaces"}


def test_server_in_a_container_is_for_a_team() -> None:
    """What the container starts is `weft serve --team`, reached from this machine alone, with no key of a provider."""
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    server = compose["services"]["server"]

    assert server["command"][:2] == ["serve", "--team"]
    assert server["ports"] == ["127.0.0.1:8753:8753"]
    assert not {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "WEFT_API_KEY"} & set(
        server["environment"]
    )


def test_image_is_not_run_by_root() -> None:
    """The image ends as a user without rights, and copies only what it installs."""
    lines = (ROOT / "Containerfile").read_text(encoding="utf-8").splitlines()
    user = next(line for line in reversed(lines) if line.startswith("USER "))

    assert user == "USER 10001"
    assert lines.index(user) < next(at for at, line in enumerate(lines) if line.startswith("ENTRYPOINT"))
    for line in lines:
        if line.startswith("COPY "):
            assert all((ROOT / each).exists() for each in line.split()[1:-1])
