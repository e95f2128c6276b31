"""`weft team`, `members`, `workspaces` and `tokens`: a server for a team, governed from its machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.cli.commands.test_serve import run_without


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No keys and settings of anybody."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in (
        "XDG_CONFIG_HOME",
        "OPENAI_API_KEY",
        "WEFT_API_KEY",
        "WEFT_MASTER_KEY",
        "WEFT_MASTER_KEY_FILE",
        "WEFT_DEBUG",
    ):
        monkeypatch.delenv(name, raising=False)  # fmt: skip


def test_server_is_founded_once(weft) -> None:
    """The first owner gets a token, which is shown once; founding again makes nothing."""
    first, again = (
        weft("team", "init", "--owner", "anna@example.com"),
        weft("team", "init", "--owner", "anna@example.com"),
    )
    told = weft("team", "init", "--owner", "olga@example.com", "--json").json

    assert (first.code, again.code) == (0, 0)
    assert first.out.startswith("weft_")
    assert len(first.out.splitlines()) == 1
    assert "is an owner already" in again.out
    assert "weft_" not in again.out
    assert told["token"].startswith("weft_")
    assert told["token"] not in weft("tokens", "list", "--json").out


def test_check_tells_everything_at_once(weft, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in the way of a server for a team is told together, each with the next step; exit code 2."""
    bare = weft("team", "check")
    weft("team", "init", "--owner", "anna@example.com")
    monkeypatch.setenv("WEFT_MASTER_KEY", weft("keys", "new-master", "--show").out.strip())
    safe = weft("team", "check", "--public-url", "https://weft.example.com")
    as_json = weft("team", "check", "--json").json

    assert (bare.code, safe.code) == (2, 0)
    assert bare.out.count("✗") == 4
    assert "4 things to mend; nothing was changed." in bare.out
    assert safe.out == "Nothing is in the way: `weft serve --team` would start.\n"
    assert (as_json["safe"], len(as_json["problems"])) == (False, 1)


def test_unsafe_server_does_not_start(weft) -> None:
    """`weft serve --team` refuses everything that is safe for one person only, in one list."""
    said = weft("serve", "--team", "--open", "--port", "0")

    assert said.code == 2
    assert "5 things are safe for one person only" in said.err
    assert "`--open` opens a browser" in said.err
    assert "`weft team check` looks again" in said.err


def test_members_are_added_changed_and_removed(weft) -> None:
    """Members have roles for each workspace; each change leaves a deed."""
    weft("team", "init", "--owner", "anna@example.com")
    weft("workspaces", "add", "support", "--title", "Support", "--monthly-budget", "50")
    added = weft(
        "members", "add", "bob@example.com", "--role", "viewer", "--role", "author", "--workspace", "support"
    )
    more = weft("members", "change", "bob@example.com", "--role", "operator")
    owner = weft("members", "change", "bob@example.com", "--owner", "--json").json
    listed = weft("members", "list", "--json").json
    table = weft("members", "list", "--workspace", "support")
    gone = weft("members", "remove", "bob@example.com", "--everywhere")
    deeds = [(each["act"], each["outcome"]) for each in weft("audit", "list", "--json").json["deeds"]]

    assert [each.code for each in (added, more, gone)] == [0, 0, 0]
    assert owner["is_owner"]
    assert owner["roles"] == {"home": ["operator"], "support": ["author", "viewer"]}
    assert [each["email"] for each in listed] == ["anna@example.com", "bob@example.com"]
    assert "bob@example.com" in table.out
    assert "anna@example.com" not in table.out
    assert ("remove_member", "done") in deeds
    assert weft("members", "list", "--workspace", "support").out == "Nobody is a member yet.\n"


def test_refusals_are_written_down_too(weft) -> None:
    """The last owner stays, which a second deed tells."""
    weft("team", "init", "--owner", "anna@example.com")
    said = weft("members", "remove", "anna@example.com", "--everywhere")
    deeds = weft("audit", "list", "--json").json["deeds"]

    assert (said.code, "last owner" in said.err) == (2, True)
    assert [each["outcome"] for each in deeds[:2]] == ["impossible_move", "done"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["members", "add", "bob@example.com"], "No role was given"),
        (["members", "add", "bob", "--role", "viewer"], "no e-mail address"),
        (["members", "add", "bob@example.com", "--role", "vewer"], "did you mean `viewer`"),
        (["members", "add", "bob@example.com", "--role", "viewer", "--workspace", "x"], "no workspace `x`"),
        (["members", "change", "bob@example.com", "--role", "viewer"], "no member `bob@example.com`"),
        (["members", "change", "anna@example.com"], "Nothing was to be changed"),
        (["workspaces", "add", "Bad_Name"], "no name for a workspace"),
        (["workspaces", "add", "x", "--monthly-budget", "lots"], "expected an amount of dollars"),
        (["workspaces", "change", "home"], "Nothing was to be changed"),
        (["workspaces", "archive", "home"], "cannot be archived"),
        (["tokens", "create", "--member", "anna@example.com"], "could do nothing"),
        (["tokens", "create", "--member", "anna@example.com", "--scope", "run", "--days", "500"], "cannot be good"),
        (["tokens", "create", "--member", "bob@example.com", "--scope", "run"], "no member"),
        (["tokens", "revoke", "kx"], "no token"),
    ],
)  # fmt: skip
def test_mistakes_are_sentences(weft, line: list[str], told: str) -> None:
    """What cannot be done as asked is told with the next step, exit code 2."""
    weft("team", "init", "--owner", "anna@example.com")
    said = weft(*line)

    assert said.code == 2
    assert told in said.err


def test_tokens_are_made_and_revoked(weft) -> None:
    """A token is shown once, allows what its member may do, and is listed until it is revoked and after."""
    weft("team", "init", "--owner", "anna@example.com")
    weft("members", "add", "bob@example.com", "--role", "operator")
    made = weft(
        "tokens",
        "create",
        "--member",
        "bob@example.com",
        "--scope",
        "run",
        "--name",
        "ci",
        "--days",
        "7",
        "--json",
    ).json
    too_much = weft("tokens", "create", "--member", "bob@example.com", "--scope", "govern")
    plain = weft("tokens", "create", "--member", "bob@example.com", "--scope", "look")
    listed = weft("tokens", "list", "--member", "bob@example.com")
    ended = weft("tokens", "revoke", made["id"], "--json").json

    assert (made["scopes"], made["name"]) == (["look", "run"], "ci")
    assert made["expires_at"] - made["made_at"] == 7 * 86_400
    assert plain.out.startswith("weft_")
    assert (too_much.code, "may not do `govern`" in too_much.err) == (2, True)
    assert made["id"] in listed.out
    assert "bob@example.com" in listed.out
    assert made["text"] not in listed.out
    assert ended["revoked_at"] is not None
    assert "revoked" in weft("tokens", "list").out


def test_workspaces_are_listed_and_put_away(weft) -> None:
    """A workspace has a budget that may be taken away, and comes back after it was archived."""
    weft("workspaces", "add", "support", "--monthly-budget", "$1_000.50")
    before = weft("workspaces", "list", "--json").json
    free = weft("workspaces", "change", "support", "--monthly-budget", "none", "--title", "S")
    away = weft("workspaces", "archive", "support")
    lists = [weft("workspaces", "list", *more).out for more in ([], ["--archived"])]
    back = weft("workspaces", "archive", "support", "--undo")

    assert [(each["name"], each["monthly_budget_usd"]) for each in before] == [
        ("home", None),
        ("support", "1000.5"),
    ]
    assert free.out == "support “S”: monthly budget none.\n"
    assert away.out.endswith("archived.\n")
    assert ["support" in each for each in lists] == [False, True]
    assert "archived" not in back.out


def test_governing_needs_no_libraries_of_the_server(tmp_path: Path) -> None:
    """Members are kept without the extra; what checks a server says how to install it."""
    missing = ["fastapi", "uvicorn", "authlib", "joserfc", "cryptography"]
    done = run_without(missing, ["team", "init", "--owner", "anna@example.com"], tmp_path)
    check = run_without(missing, ["team", "check"], tmp_path)

    assert (done.returncode, check.returncode) == (0, 2), done.stderr
    assert "pip install 'weft[team]'" in check.stderr
