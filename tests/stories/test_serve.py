"""`weft serve` as a person and a program meet it: the real command, a real port, real connections."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from weft.api.bodies import JSON_BYTES
from weft.api.sessions import Session, Sessions
from weft.app.opening import new_secret
from weft.kit.clocks import SystemClock

WEFT = Path(sys.executable).with_name("weft")
LINES = 5  # of the JSON value that tells where the server is


@dataclass
class Serving:
    """A server that was started as a command."""

    process: subprocess.Popen[str]
    url: str
    entrance: str
    key: Path

    def program(self, **headers: str) -> httpx.Client:
        """A program that has the key."""
        told = {"authorization": f"Bearer {self.key.read_text().strip()}", **headers}
        return httpx.Client(base_url=self.url, headers=told, timeout=30, trust_env=False)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Stop it; exit code and everything it has said since it started."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


def start(folder: Path, *flags: str) -> Serving:
    """Start the command and wait until it says where it listens."""
    process = subprocess.Popen(
        [WEFT, "serve", "--port", "0", "--json", *flags],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    assert process.stdout is not None
    told = json.loads("".join(process.stdout.readline() for _ in range(LINES)))
    return Serving(process, told["url"], told["entrance"], Path(told["key"]))


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """A server in an empty project whose model is the built-in one."""
    (tmp_path / "weft.toml").write_text('model = "local"\n', encoding="utf-8")
    found = start(tmp_path)
    yield found
    if found.process.poll() is None:
        found.process.kill()
    found.process.communicate(timeout=30)


def test_person_and_program_are_let_in(serving: Serving) -> None:
    """S29, S31: the printed address lets a browser in once; the key in a 0600 file lets programs in."""
    with httpx.Client(base_url=serving.url, trust_env=False) as browser:
        before = browser.get("/api/v1/templates").status_code
        entered = browser.get(serving.entrance)
        after = browser.get("/api/v1/templates").status_code
        again = browser.get(serving.entrance).status_code
    with serving.program() as program:
        listed = program.get("/api/v1/templates").json()["templates"]

    assert (before, entered.status_code, after, again) == (401, 303, 200, 403)
    assert "code" not in entered.headers["location"]
    assert stat.S_IMODE(serving.key.stat().st_mode) == 0o600
    assert "meeting_recap" in {each["key"] for each in listed}


def test_server_stops_cleanly_and_starts_again(serving: Serving, tmp_path: Path) -> None:
    """SIGTERM ends the server with exit code 0; programs go on with the same key after a new start."""
    key = serving.key.read_text()

    code, _, err = serving.stop()
    again = start(tmp_path)
    with again.program() as program:
        answer = program.get("/api/v1/cache")

    assert (code, err) == (0, "")
    assert answer.json()["entries"] == 0
    assert again.key.read_text() == key
    assert again.stop(signal.SIGINT)[0] == 0


def test_nothing_that_is_said_holds_a_secret(serving: Serving) -> None:
    """S31, S47: after a visit neither key, code nor cookie stands in what the server has written."""
    with httpx.Client(base_url=serving.url, trust_env=False) as browser, serving.program() as program:
        cookie = browser.get(serving.entrance).headers["set-cookie"].partition("=")[2].partition(";")[0]
        browser.get("/api/v1/prices", params={"token": "planted-token", "wrong": "1"})
        program.get("/api/v1/nothing")
        program.post("/api/v1/estimates", content=b"{", headers={"content-type": "application/json"})
    key = serving.key.read_text().strip()
    code = serving.entrance.partition("=")[2]

    _, out, err = serving.stop()

    assert not [each for each in (key, code, cookie, "planted-token") if each in out + err]


def test_estimate_needs_no_store(serving: Serving, tmp_path: Path) -> None:
    """A projection over rows that come with the request asks nobody and makes no store."""
    asked = {
        "rows": [{"body": "The invoice is wrong."}] * 2,
        "prompt": "What is this about? {{ body }}",
        "fields": ["topic: string = one word"],
        "settings": {"budget_usd": "1"},
    }
    with serving.program() as program:
        found = program.post("/api/v1/estimates", json=asked).json()

    assert (found["rows"], found["identical"], found["calls"], found["cost_usd"]) == (2, 1, 1, "0")
    assert not (tmp_path / ".weft/weft.db").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])  # noqa: S104 - they are refused
def test_other_machines_are_refused(tmp_path: Path, host: str) -> None:
    """S29: an address that others could reach is refused with a sentence, before anything is bound."""
    done = subprocess.run(
        [WEFT, "serve", "--host", host], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 2
    assert host in done.stderr
    assert "hint: " in done.stderr
    assert not (tmp_path / ".weft").exists()


def test_taken_port_is_a_sentence(serving: Serving, tmp_path: Path) -> None:
    """A port at which somebody listens is refused with the way out."""
    port = serving.url.rpartition(":")[2]
    done = subprocess.run(
        [WEFT, "serve", "--port", port], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 2
    assert "--port 0" in done.stderr


def test_server_listens_at_loopback_only(serving: Serving) -> None:
    """S29: nobody listens at the other addresses of this machine."""
    port = int(serving.url.rpartition(":")[2])
    own = {each[4][0] for each in socket.getaddrinfo(socket.gethostname(), port, type=socket.SOCK_STREAM)}
    reached = []
    for address in own - {"127.0.0.1", "::1"}:
        if address.startswith("127."):
            continue  # the whole net is loopback
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as probe:
            probe.settimeout(2)
            if probe.connect_ex((address, port)) == 0:
                reached.append(address)

    assert not reached


def test_slow_visitors_keep_nobody_out(serving: Serving) -> None:
    """S36: two hundred connections that send nothing do not hinder others."""
    address = ("127.0.0.1", int(serving.url.rpartition(":")[2]))
    idle = [socket.create_connection(address, timeout=5) for _ in range(200)]
    for each in idle:
        each.sendall(b"POST /api/v1/estimates HTTP/1.1\r\nHost: ")
    try:
        with serving.program() as program:
            answers = [program.get("/api/v1/health").elapsed.total_seconds() for _ in range(20)]
    finally:
        for each in idle:
            each.close()

    assert sorted(answers)[-2] < 0.5  # seconds


def head(serving: Serving, *lines: str) -> bytes:
    """The head of a request that is let in."""
    key = serving.key.read_text().strip()
    host = serving.url.removeprefix("http://")
    return "\r\n".join([
        "POST /api/v1/estimates HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {key}",
        "Content-Type: application/json", *lines, "", "",
    ]).encode()  # fmt: skip


def exchange(serving: Serving, first: bytes, piece: bytes = b"", pieces: int = 0) -> tuple[bytes, int]:
    """Send bytes until the other side has enough; what it answers, and how many were sent."""
    sent = 0
    with socket.create_connection(("127.0.0.1", int(serving.url.rpartition(":")[2])), timeout=20) as line:
        try:
            line.sendall(first)
            for _ in range(pieces):
                line.sendall(piece)
                sent += len(piece)
        except OSError:
            pass  # it has hung up, as it should
        answer = b""
        try:
            while more := line.recv(65_536):
                answer += more
        except OSError:
            pass  # what came before the connection was cut is the answer
    return answer, sent


def test_endless_bodies_are_cut_off(serving: Serving) -> None:
    """S36: of a gigabyte, declared or not, only what fits the limits of buffers is ever taken."""
    piece = b"10000\r\n" + b" " * 65_536 + b"\r\n"

    declared, _ = exchange(serving, head(serving, "Content-Length: 1000000000"))
    chunked, sent = exchange(serving, head(serving, "Transfer-Encoding: chunked"), piece, 16_000)

    assert declared.startswith(b"HTTP/1.1 413")
    assert chunked.startswith(b"HTTP/1.1 413")
    assert sent < 64_000_000  # what the kernel's buffers hold on both sides


def test_body_is_refused_at_its_limit(serving: Serving) -> None:
    """S36: a chunked body without a length gets its 413 with 64 kB more than the limit, and no byte later."""
    piece = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
    pieces = (JSON_BYTES + 65_536) // 0x2000

    answer, sent = exchange(serving, head(serving, "Transfer-Encoding: chunked"), piece, pieces)

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"body_too_large" in answer
    assert sent <= JSON_BYTES + 65_536 + 8 * pieces  # with the frames of the chunks


def test_who_drips_is_given_up(serving: Serving) -> None:
    """S36: one byte a second, in a head, a JSON body or an upload, is given up within twenty seconds."""
    upload = head(serving, "Content-Length: 1000000").replace(b"/estimates ", b"/tables?name=a.csv ")
    firsts = {
        "head": b"GET / HTTP/1.1\r\nX: ",
        "body": head(serving, "Content-Length: 1000000"),
        "chunks": head(serving, "Transfer-Encoding: chunked"),
        "upload": upload,
    }
    address = ("127.0.0.1", int(serving.url.rpartition(":")[2]))
    lines = {name: socket.create_connection(address, timeout=5) for name, first in firsts.items()}
    for name, line in lines.items():
        line.sendall(firsts[name])
    began, ended, answers = time.monotonic(), {}, dict.fromkeys(lines, b"")
    while lines and time.monotonic() < began + 25:
        quick, _, _ = select.select(list(lines.values()), [], [], 1.0)
        for name, line in list(lines.items()):
            try:
                more = line.recv(65_536) if line in quick else b"-"
                if line not in quick:
                    line.sendall(b"1\r\n \r\n" if name == "chunks" else b"x")
            except OSError:
                more = b""
            if line in quick and more:
                answers[name] += more
            elif not more:
                ended[name] = time.monotonic() - began
                lines.pop(name).close()

    assert sorted(ended) == ["body", "chunks", "head", "upload"]
    assert max(ended.values()) < 20
    assert answers["head"] == b""
    assert all(answers[name].startswith(b"HTTP/1.1 408") for name in ("body", "chunks", "upload"))


def test_slow_senders_keep_nobody_out(serving: Serving) -> None:
    """S36: two hundred requests whose bodies stall do not hinder reads."""
    address = ("127.0.0.1", int(serving.url.rpartition(":")[2]))
    idle = [socket.create_connection(address, timeout=5) for _ in range(200)]
    first = head(serving, "Content-Length: 1000") + b"{"
    for each in idle:
        each.sendall(first)
    try:
        with serving.program() as program:
            answers = [program.get("/api/v1/templates?limit=1").elapsed.total_seconds() for _ in range(50)]
    finally:
        for each in idle:
            each.close()

    assert sorted(answers)[-2] < 0.5  # seconds


async def test_a_thousand_listeners(tmp_path: Path) -> None:
    """S37: of a thousand streams two hundred are served and the others refused; nobody else notices."""
    silent = await asyncio.start_server(never_answers, "127.0.0.1", 0)  # so that the run stays at work
    model = silent.sockets[0].getsockname()
    (tmp_path / "weft.toml").write_text(
        f'model = "openai/m"\nbase_url = "http://127.0.0.1:{model[1]}/v1"\ngrace_s = 0\n'
    )
    serving = await asyncio.to_thread(start, tmp_path)
    try:
        found, healths, again = await crowd(serving)
    finally:
        serving.process.kill()
        serving.process.communicate(timeout=30)
        silent.close()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=5)  # the connection of the run that was at work
    refused = [told for told in found if told.startswith("HTTP/1.1 429")]

    assert Counter(told.split(" ", 2)[1] for told in found) == {"200": 200, "429": 800}
    assert all("too_many_streams" in told and "retry-after: 5" in told for told in refused)
    assert sorted(healths)[-2] < 0.5  # seconds
    assert again.startswith("HTTP/1.1 200")  # room is made when they have gone


async def never_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take a request in and say nothing."""
    with suppress(ConnectionError):
        await reader.read()
        writer.close()
        await writer.wait_closed()


async def crowd(serving: Serving) -> tuple[list[str], list[float], str]:
    """A thousand streams of two hundred visits; what each is told, times of health checks, and one stream more."""
    port, now = int(serving.url.rpartition(":")[2]), int(SystemClock().wall())
    sessions = Sessions(serving.key.read_text().strip(), clock=SystemClock(), draw=new_secret)
    errand = {"rows": [{"a": "b"}], "prompt": "{{ a }}", "fields": ["t: string"]}
    headers = {"authorization": f"Bearer {serving.key.read_text().strip()}"}

    async def listen(number: int) -> tuple[str, asyncio.StreamWriter]:
        cookie = sessions.seal(Session(f"visit{number // 5}", now, now))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = [f"GET /api/v1/runs/{run}/events HTTP/1.1", f"Host: 127.0.0.1:{port}"]
        writer.write("\r\n".join([*lines, f"Cookie: weft_{port}={cookie}", "", ""]).encode())
        told = await reader.readuntil(b"\r\n\r\n")
        if told.startswith(b"HTTP/1.1 429"):
            told += await reader.readuntil(b'"problems":')
        return told.decode(), writer

    async with httpx.AsyncClient(base_url=serving.url, headers=headers, trust_env=False) as program:
        run = (await program.post("/api/v1/runs", json=errand)).json()["id"]
        state = ""
        async with asyncio.timeout(20):
            while state != "running":
                state = (await program.get(f"/api/v1/runs/{run}")).json()["state"]
        found: list[tuple[str, asyncio.StreamWriter]] = []
        for first in range(0, 1_000, 50):
            found += await asyncio.gather(*(listen(number) for number in range(first, first + 50)))
        answers = [await program.get("/api/v1/health") for _ in range(20)]
    for _, writer in found:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in found), return_exceptions=True)
    again = ""
    async with asyncio.timeout(10):
        while not again.startswith("HTTP/1.1 200"):
            again, writer = await listen(10_000)
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    return [told for told, _ in found], [each.elapsed.total_seconds() for each in answers], again


@pytest.mark.parametrize(
    "first",
    [b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"\x00\xff\r\n\r\n",
     b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000, b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 20_000],
    ids=["no host", "two hosts", "no HTTP", "long header", "many headers"],
)  # fmt: skip
def test_heads_that_are_no_heads_are_refused(serving: Serving, first: bytes) -> None:
    """S36: a head that is too large, or none, is a 400 at once, and the server says nothing about it."""
    answer, _ = exchange(serving, first)

    assert answer.startswith(b"HTTP/1.1 400")
    assert serving.stop()[2] == ""


def test_websocket_leads_nowhere(serving: Serving) -> None:
    """S29: there is no websocket; a request for one is answered as the plain request that it is."""
    lines = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: YQ==",
    ]

    answer, _ = exchange(serving, head(serving, *lines, "Content-Length: 0").replace(b"Bearer", b"Wrong"))

    assert answer.startswith(b"HTTP/1.1 401")
    assert serving.stop()[2] == ""
