from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import weft
from weft import errors
from weft.remote import library, plain, runs, tables
from weft.remote.client import AsyncClient, checked_url

PAIRS = [
    (plain.Client, AsyncClient),
    (plain.PlainRuns, runs.Runs),
    (plain.PlainTables, tables.Tables),
    (plain.PlainTemplates, library.Templates),
    (plain.PlainPrices, library.Prices),
]
INSIDE = {"hand_over", "project"}
"""Methods that other parts of the room use."""


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:8753", "http://127.0.0.1:8753"),
        ("http://localhost:1/", "http://localhost:1"),
        ("http://[::1]:8753/api/v1", "http://[::1]:8753"),
        ("https://weft.example/api/v1/", "https://weft.example"),
    ],
)
def test_address_is_taken_with_and_without_its_path(given: str, url: str) -> None:
    """An address may end in the path of the API."""
    assert checked_url(given) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://weft.example",
        "http://10.0.0.1:8753",
        "ftp://127.0.0.1",
        "127.0.0.1:8753",
        "https://",
        "https://weft.example/elsewhere",
        "https://me:secret@weft.example",
    ],
)
def test_token_goes_nowhere_unencrypted(url: str) -> None:
    """S49: what is no address, and plain HTTP to another machine, is refused before anything is sent."""
    with pytest.raises(errors.BadSetting):
        AsyncClient(url, token="t")


def test_token_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token the key of the local server counts, for this machine only."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(errors.MissingCredential, match="local server"):
        AsyncClient()
    with pytest.raises(errors.MissingCredential, match=r"weft\.example"):
        AsyncClient("https://weft.example")


@pytest.mark.parametrize(("plain_one", "async_one"), PAIRS, ids=lambda each: each.__name__)
def test_both_faces_take_the_same_arguments(plain_one: type, async_one: type) -> None:
    """What plain code asks is asked by code with a loop in the same words."""
    for name, there in inspect.getmembers(async_one, inspect.isfunction):
        if name.startswith("_") or name in INSIDE:
            continue
        here = getattr(plain_one, name)
        assert list(inspect.signature(here).parameters.values()) == list(
            inspect.signature(there).parameters.values()
        ), name


async def test_plain_face_refuses_to_block_a_loop() -> None:
    """Inside a running loop the other face is named, as `weft.run` does it."""
    client = weft.Client("http://127.0.0.1:1", token="t")

    with pytest.raises(RuntimeError, match="AsyncClient"):
        client.runs.list()


def test_client_that_nobody_closes_says_nothing() -> None:
    """A script may end without closing its client: no warning, no noise, no waiting."""
    code = (
        "import weft\nclient = weft.Client('http://127.0.0.1:9', token='t')\n"
        "try:\n    client.runs.list()\nexcept weft.WeftError as error:\n    print(type(error).__name__)"
    )
    code += "\ntry:\n    weft.Client('http://127.0.0.1:9', token='t').runs.list()\nexcept weft.WeftError:\n    pass"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.stdout, done.stderr, done.returncode) == ("Unreachable\n", "", 0)
