"""`weft keys`: keeping keys of providers sealed, and never seeing one again."""

from __future__ import annotations

import io
import stat
from base64 import b64encode
from pathlib import Path

import pytest

KEY = "sk-planted-0123456789abcdef"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own, without keys of anybody."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in (
        "XDG_CONFIG_HOME",
        "OPENAI_API_KEY",
        "WEFT_API_KEY",
        "WEFT_MASTER_KEY",
        "WEFT_MASTER_KEY_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch):
    """Let a text come from a pipe."""

    def put(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return put


def test_key_is_kept_listed_and_removed(weft, pipe) -> None:
    """S46: a key comes from a pipe, is listed by its end, and can be forgotten; no output repeats it."""
    weft("keys", "new-master")
    pipe(f"{KEY}\n")

    kept = weft("keys", "set", "openai")
    listed = weft("keys", "list", "--json")
    table = weft("keys", "list")
    gone = weft("keys", "remove", "openai")

    assert (kept.code, gone.code) == (0, 0)
    assert "ending in cdef" in kept.out
    assert (listed.json[0]["place"], listed.json[0]["last_four"]) == ("api.openai.com:443", "cdef")
    assert "never" in table.out
    assert weft("keys", "list").out == "No key is kept.\n"
    assert KEY not in kept.out + kept.err + listed.out + table.out


def test_key_is_not_taken_from_the_command_line(weft, pipe) -> None:
    """S46: there is no argument for a key, which others would see; nothing in a pipe is a mistake."""
    weft("keys", "new-master")
    pipe("")

    extra, empty = weft("keys", "set", "openai", KEY), weft("keys", "set", "openai")

    assert (extra.code, empty.code) == (2, 2)
    assert "pipe it" in empty.err
    assert weft("keys", "list", "--json").json == []


def test_master_key_is_made_for_its_owner(weft, home) -> None:
    """S46: the master key lies in the user's own folder, where only they may read it; others stay behind it."""
    first = weft("keys", "new-master", "--json").json
    second = weft("keys", "new-master")
    path = home / ".config/weft/master.key"

    assert first["path"] == str(path)
    assert first["key"] is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().split()) == 2
    assert not [each for each in path.read_text().split() if each in second.out + second.err]


def test_master_key_may_be_shown_for_others_to_keep(weft, home) -> None:
    """With `--show` it goes to stdout alone, for a variable or somebody's vault, and into no file."""
    shown = weft("keys", "new-master", "--show")

    assert len(shown.out.strip()) == 44
    assert not (home / ".config").exists()


def test_variable_is_not_shadowed_by_a_file(weft, monkeypatch) -> None:
    """Where the master key comes from a variable, a file would not be read; that is said."""
    monkeypatch.setenv("WEFT_MASTER_KEY", b64encode(b"\1" * 32).decode())

    said = weft("keys", "new-master")

    assert said.code == 2
    assert "--show" in said.err


def test_rotation_tells_what_is_needless(weft, pipe) -> None:
    """S46: after `rotate` the older master key can go; a key that does not open is named and exits with 2."""
    weft("keys", "new-master")
    pipe(KEY)
    weft("keys", "set", "openai")
    old = weft("keys", "rotate", "--json").json[0]["master"]
    weft("keys", "new-master")

    done = weft("keys", "rotate")

    assert done.code == 0
    assert f"Needed no more by this store: {old}." in done.out


def test_lost_master_key_is_told(weft, pipe, home) -> None:
    """A key whose master key is gone is named, and the command says that not all is well."""
    weft("keys", "new-master")
    pipe(KEY)
    weft("keys", "set", "openai")
    (home / ".config/weft/master.key").unlink()
    weft("keys", "new-master")

    done = weft("keys", "rotate")

    assert done.code == 2
    assert "`openai` does not open" in done.out


def test_kept_key_serves_a_run(weft, pipe, server) -> None:
    """What is kept for a server is sent there by `weft run`, and the run says nothing of it."""
    weft("keys", "new-master")
    pipe(KEY)
    kept = weft("keys", "set", "mock", "--base-url", f"{server.url}/v1")
    rows = ["run", "topics.csv", "--prompt", "Rate {{ topic }}", "--field", "tone: enum[calm,angry]"]
    url = ["--model", "openai/mock-1", "--base-url", f"{server.url}/v1"]

    done = weft(*rows, *url, "--key-name", "mock")
    wrong = weft(*rows, "--model", "openai/mock-1", "--key-name", "mock")

    assert kept.code == 0
    assert done.code == 0
    assert "never" not in weft("keys", "list").out
    assert wrong.code == 2
    assert "bound to" in wrong.err
    assert KEY not in done.out + done.err + wrong.out + wrong.err


def test_changes_of_a_team_are_written_down(weft, pipe) -> None:
    """S43: at a team's server keeping, removing and rotating leave deeds without the key; a refusal leaves two."""
    weft("keys", "new-master")
    pipe(f"{KEY}\n")
    weft("keys", "set", "openai")
    alone = weft("audit", "list", "--json").json
    weft("team", "init", "--owner", "anna@example.com")
    weft("workspaces", "add", "emea")
    for name in ("openai", "mine"):
        pipe(f"{KEY}\n")
        weft("keys", "set", name, "--workspace", "emea")
    weft("keys", "list", "--workspace", "emea")
    weft("keys", "rotate")
    weft("keys", "remove", "openai", "--workspace", "emea")
    said = weft("audit", "list", "--json")

    deeds = [(each["act"], each["thing"], each["workspace"], each["outcome"]) for each in plain(said.json)]

    assert plain(alone) == []
    assert [each for each in deeds if "key" in each[0]] == [
        ("keep_key", "keys/openai", "emea", "done"),
        ("keep_key", "keys/mine", "emea", "done"),
        ("keep_key", "keys/mine", "emea", "mistake"),
        ("rotate_keys", "keys", "home", "done"),
        ("remove_key", "keys/openai", "emea", "done"),
    ]
    assert KEY not in said.out
    assert weft("keys", "list", "--json").json[0]["name"] == "openai"
    assert weft("keys", "list", "--workspace", "emea", "--json").json == []


def plain(told):
    """The deeds in what `weft audit list` tells."""
    found = told["deeds"] if isinstance(told, dict) else told
    return sorted(found, key=lambda each: each["number"])


def test_check_up_tells_whether_keys_open(weft, pipe, home) -> None:
    """`weft doctor` says that kept keys open, or which do not and why; without any it says nothing."""
    nothing = weft("doctor").out
    weft("keys", "new-master")
    pipe(f"{KEY}\n")
    weft("keys", "set", "openai")
    fine = weft("doctor").out
    (home / ".config/weft/master.key").unlink()
    lost = weft("doctor").out

    assert "kept keys" not in nothing
    assert "1, and all open" in fine
    assert "`openai`" in lost
    assert "no master key" in lost


def test_unknown_workspace_is_refused(weft) -> None:
    """A workspace that does not exist has no keys."""
    said = weft("keys", "list", "--workspace", "nowhere")

    assert said.code == 2
    assert "nowhere" in said.err
