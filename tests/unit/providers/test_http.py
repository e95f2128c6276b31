from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import subprocess
import sys
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.house.source import ROOT
from tests.unit.providers.loopback import KEY, Act, Loopback, drips, hangs, resets, says

from weft.errors import Billing, Disconnected, NotTheApi, TimedOut, Unreachable, WeftError
from weft.kit.clocks import SystemClock
from weft.providers._http import MAX_BODY, AiohttpTransport


@pytest.fixture
async def transport():
    wire = AiohttpTransport(4)
    yield wire
    await wire.close()


def nonsense() -> Act:
    """Reply with something that is no HTTP."""

    async def act(writer: asyncio.StreamWriter, _: asyncio.Event) -> None:
        writer.write(b"HELLO THERE\r\n\r\n")
        await writer.drain()
        writer.close()

    return act


async def post(wire: AiohttpTransport, url: str, *, timeout_s: float = 5.0):
    return await wire.post(f"{url}/v1/chat", headers={"x-probe": "1"}, body=b'{"a":1}', timeout_s=timeout_s)


async def test_reply_comes_back_whole(transport: AiohttpTransport) -> None:
    """Status, body and the headers that matter come back; the others do not."""
    headers = {
        "X-Request-Id": "r1",
        "Retry-After": "7",
        "x-ratelimit-remaining-requests": "3",
        "set-cookie": "a=b",
    }
    async with Loopback([says(429, b'{"no":1}', headers)]).running() as server:
        raw = await post(transport, server.url)

    assert (raw.status, raw.body) == (429, b'{"no":1}')
    assert raw.headers == {
        "content-type": "application/json",
        "x-request-id": "r1",
        "retry-after": "7",
        "x-ratelimit-remaining-requests": "3",
    }
    assert raw.elapsed_s > 0
    assert server.requests[0].body == b'{"a":1}'
    assert server.requests[0].headers["x-probe"] == "1"


async def test_connection_is_used_again(transport: AiohttpTransport) -> None:
    """Calls one after the other share one connection."""
    async with Loopback([says(body=b'{"n":1}')]).running() as server:
        for _ in range(5):
            await post(transport, server.url)

        assert (server.connections, len(server.requests)) == (1, 5)


FAULTS: dict[str, tuple[Act, type[WeftError] | int, Billing | None]] = {
    "F5 server error": (says(500, b"oops"), 500, None),
    "F1 too many requests": (says(429, b"{}", {"retry-after": "0"}), 429, None),
    "F7 request time-out": (says(408), 408, None),
    "F17 login page": (says(200, b"<html>", {"content-type": "text/html"}), 200, None),
    "F13 no reply": (hangs(), TimedOut, Billing.UNKNOWN),
    "F15 slow drip": (drips(), TimedOut, Billing.UNKNOWN),
    "F14 reset at once": (resets(), Disconnected, Billing.UNKNOWN),
    "F14 end after the head": (
        resets(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"),
        Disconnected,
        Billing.UNKNOWN,
    ),
    "F16 short body": (says(200, b'{"rows":[', length=500), Disconnected, Billing.UNKNOWN),
    "no HTTP at all": (resets(b"SSH-2.0-OpenSSH\r\n"), NotTheApi, Billing.UNKNOWN),
    "S48 header flood": (says(headers={f"x-{n}": "y" for n in range(1000)}), NotTheApi, Billing.UNKNOWN),
    "S48 endless header": (says(headers={"x-long": "y" * 100_000}), NotTheApi, Billing.UNKNOWN),
}


@pytest.mark.parametrize(("act", "expected", "billing"), FAULTS.values(), ids=FAULTS.keys())
async def test_fault_costs_one_request(
    transport: AiohttpTransport, act: Act, expected: type[WeftError] | int, billing: Billing | None
) -> None:
    """Security finding 1: whatever goes wrong, exactly one request leaves per call."""
    async with Loopback([act]).running() as server:
        if isinstance(expected, int):
            raw = await post(transport, server.url)
            assert raw.status == expected
        else:
            with pytest.raises(expected) as caught:
                await post(transport, server.url, timeout_s=0.2)
            assert caught.value.billing is billing

        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_not_followed(transport: AiohttpTransport, status: int) -> None:
    """Security finding 3: a redirect is a reply like any other, and the other host sees nothing."""
    async with Loopback([says()]).running() as other:
        async with Loopback([says(status, headers={"location": f"{other.url}/x"})]).running() as server:
            raw = await post(transport, server.url)

        assert raw.status == status
        assert (len(server.requests), len(other.requests)) == (1, 0)


async def test_proxy_variables_are_ignored(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Security finding 3: a proxy in the environment sees nothing."""
    async with Loopback([says()]).running() as proxy, Loopback([says()]).running() as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        await post(transport, server.url)

        assert (len(server.requests), len(proxy.requests)) == (1, 0)


async def test_cookies_are_not_kept(transport: AiohttpTransport) -> None:
    """What a server wants remembered is forgotten."""
    async with Loopback([says(headers={"set-cookie": "a=b; Path=/"})]).running() as server:
        await post(transport, server.url)
        await post(transport, server.url)

        assert "cookie" not in server.requests[1].headers


async def test_drip_ends_at_deadline(transport: AiohttpTransport) -> None:
    """F15, S48: a reply that never pauses for long still ends at the deadline."""
    clock = SystemClock()
    async with Loopback([drips()]).running() as server:
        started = clock.monotonic()
        with pytest.raises(TimedOut) as caught:
            await post(transport, server.url, timeout_s=0.3)

        assert clock.monotonic() - started < 1.3
        assert caught.value.facts["timeout_s"] == 0.3


async def test_refused_connection_is_not_billed(transport: AiohttpTransport) -> None:
    """F12: where no connection is made, nothing was sent."""
    with socket.socket() as taken:  # bound, not listening
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable) as caught:
            await post(transport, f"http://127.0.0.1:{taken.getsockname()[1]}")

    assert caught.value.billing is Billing.VOID
    assert "127.0.0.1" in caught.value.message


async def test_broken_handshake_is_not_billed(transport: AiohttpTransport) -> None:
    """F12: TLS that cannot be agreed on sends nothing."""
    async with Loopback([says()]).running() as server:
        with pytest.raises(Unreachable) as caught:
            await post(transport, server.url.replace("http://", "https://"), timeout_s=0.4)

        assert caught.value.billing is Billing.VOID
        assert not server.requests


async def test_partial_body_is_kept_for_later(transport: AiohttpTransport) -> None:
    """F14: what came before the break can be looked at."""
    async with Loopback([says(200, b'{"rows":[{"id":"a\x1b[2J', length=500)]).running() as server:
        with pytest.raises(Disconnected) as caught:
            await post(transport, server.url)

    assert str(caught.value.facts["excerpt"]).startswith('{"rows":[{"id":"a')
    assert "\x1b" not in str(caught.value.facts["excerpt"])


async def test_body_is_decompressed(transport: AiohttpTransport) -> None:
    """A compressed reply is read as it was meant."""
    act = says(body=gzip.compress(b'{"rows":[]}'), headers={"content-encoding": "gzip"})
    async with Loopback([act]).running() as server:
        raw = await post(transport, server.url)

    assert raw.body == b'{"rows":[]}'


async def test_decompression_bomb_is_stopped(transport: AiohttpTransport) -> None:
    """S48: a small body that unpacks to more than any answer is given up, perhaps billed."""
    bomb = gzip.compress(b" " * (MAX_BODY + 2**20), compresslevel=1)
    async with Loopback([says(body=bomb, headers={"content-encoding": "gzip"})]).running() as server:
        with pytest.raises(NotTheApi) as caught:
            await post(transport, server.url, timeout_s=20)

    assert caught.value.billing is Billing.UNKNOWN
    assert int(str(caught.value.facts["size"])) < MAX_BODY + 2**20


def test_hostile_replies_cost_little_memory() -> None:
    """S48: a process that is sent a bomb, an endless body and floods of headers grows by less than 64 MB."""
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )

    assert done.stdout.split()[:-1] == ["not_the_api"] * 4
    assert int(done.stdout.split()[-1]) < 64 * 1024  # kilobytes


HOSTILE = """
import asyncio, gzip, resource
from tests.unit.providers.loopback import Loopback, says
from weft.errors import WeftError
from weft.providers._http import AiohttpTransport

BOMB = gzip.compress(bytes(2**20)) * 1_024  # a gigabyte in many parts

def sends(*pieces):
    async def act(writer, stopped):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
    return act

HEAD = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\n"
ACTS = [
    says(200, BOMB, {"content-encoding": "gzip"}),
    sends(HEAD, b"\\r\\n", *[b" " * 2**20] * 256),
    sends(HEAD, *[b"x-a: " + b"a" * 8_000 + b"\\r\\n"] * 2_000),
    sends(HEAD, b"x-a: ", *[b"a" * 2**16] * 256),
]

async def main():
    wire = AiohttpTransport(1)
    async with Loopback([says()]).running() as server:
        await wire.post(server.url, headers={}, body=b"", timeout_s=5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for act in ACTS:
        async with Loopback([act]).running() as server:
            try:
                await wire.post(server.url, headers={}, body=b"", timeout_s=20)
            except WeftError as error:
                print(error.code)
    await wire.close()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main())
"""


async def test_broken_compression_is_a_broken_reply(transport: AiohttpTransport) -> None:
    """A body that is not what its header says was sent by somebody, and perhaps billed."""
    async with Loopback([says(body=b"no gzip", headers={"content-encoding": "gzip"})]).running() as server:
        with pytest.raises(Disconnected) as caught:
            await post(transport, server.url)

    assert caught.value.billing is Billing.UNKNOWN


async def test_cancelled_call_leaves_wire_usable(transport: AiohttpTransport) -> None:
    """A call that is given up from outside does not spoil the next one."""
    async with Loopback([hangs(), says(body=b'{"n":2}')]).running() as server:
        task = asyncio.create_task(post(transport, server.url))
        await server.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert (await post(transport, server.url)).body == b'{"n":2}'


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254",
        "https://169.254.169.254",
        "http://8.8.8.8",
        "https://[fe80::1]",
        "http://0.0.0.0",
    ],
)
async def test_forbidden_address_is_not_connected(transport: AiohttpTransport, url: str) -> None:
    """S44, S49: metadata, link-local and unencrypted public addresses get no connection."""
    with pytest.raises(Unreachable) as caught:
        await post(transport, url, timeout_s=0.5)

    assert caught.value.billing is Billing.VOID
    assert "not sent to" in caught.value.message


LITERAL = "127.0.0.1"
PUBLIC = "93.184.216.34"


def dns(*answers: str):
    """A resolver of our own: one answer per question, the last one again and again; and who asked."""
    asked: list[str] = []

    async def look_up(host: str, port: int, family: object) -> list[tuple[object, ...]]:
        asked.append(host)
        address = answers[min(len(asked), len(answers)) - 1]
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(kind, socket.SOCK_STREAM, 6, "", (address, port))]

    return look_up, asked


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "127.0.0.1", "::1", "::ffff:127.0.0.1",
     "10.0.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "0.0.0.0", "::", "224.0.0.1", "64:ff9b::7f00:1"],  # noqa: S104 - they are refused
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_name_may_not_point_inwards(scheme: str, address: str) -> None:
    """S44: a name that resolves to this machine, a private network or metadata gets no connection."""
    look_up, asked = dns(address)
    wire = AiohttpTransport(1, look_up=look_up)

    with pytest.raises(Unreachable) as caught:
        await post(wire, f"{scheme}://models.example", timeout_s=0.5)
    await wire.close()

    assert asked == ["models.example"]
    assert "not sent to" in caught.value.message
    assert "private_networks" in caught.value.hint
    assert caught.value.billing is Billing.VOID


async def test_rebound_name_is_looked_at_again() -> None:
    """S44: a name that is public first and this machine next is refused when it is asked again."""
    async with Loopback([says()]).running() as sink:
        port = sink.url.rpartition(":")[2]
        look_up, asked = dns(PUBLIC, LITERAL)
        wire = AiohttpTransport(1, look_up=look_up)
        for _ in range(3):
            with pytest.raises(Unreachable):
                await wire.post(f"https://rebind.example:{port}", headers={}, body=b"", timeout_s=0.3)
            await wire.close()  # forgets what was resolved, as time does

    assert asked == ["rebind.example"] * 3
    assert sink.connections == 0


async def test_connection_goes_to_the_address_that_was_judged() -> None:
    """S44: what was resolved and judged is what is connected to; nobody resolves the name again."""
    async with Loopback([says()]).running() as server:
        port = server.url.rpartition(":")[2]
        look_up, asked = dns(LITERAL, "169.254.169.254")
        wire = AiohttpTransport(1, private=True, look_up=look_up)
        for _ in range(3):
            assert (await post(wire, f"http://gpu-box:{port}")).status == 200
        await wire.close()

    assert asked == ["gpu-box"]
    assert server.requests[0].headers["host"] == f"gpu-box:{port}"


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
async def test_this_machine_is_reached_by_any_of_its_names(transport: AiohttpTransport, host: str) -> None:
    """S44: who writes this machine's address in another form means this machine, unencrypted as usual."""
    async with Loopback([says()]).running() as server:
        port = server.url.rpartition(":")[2]

        assert (await post(transport, f"http://{host}:{port}")).status == 200


async def test_plain_name_must_be_private() -> None:
    """S49: an unencrypted name that resolves to a public address gets no connection, setting or not."""
    for private in (False, True):
        look_up, _ = dns(PUBLIC)
        wire = AiohttpTransport(1, private=private, look_up=look_up)
        with pytest.raises(Unreachable) as caught:
            await post(wire, "http://models.example", timeout_s=0.5)
        await wire.close()

        assert caught.value.billing is Billing.VOID


async def test_redirect_to_metadata_makes_no_connection(transport: AiohttpTransport) -> None:
    """S44: a 307 to a metadata service, or back to this machine, is a reply and nothing more."""
    async with Loopback([says()]).running() as sink:
        places = ["http://169.254.169.254/latest/meta-data/", f"{sink.url}/x", "//metadata.google.internal/"]
        acts = [says(307, b"", {"location": place}) for place in places]
        async with Loopback(acts).running() as server:
            statuses = [(await post(transport, server.url)).status for _ in places]

    assert statuses == [307] * 3
    assert sink.connections == 0


async def test_self_signed_certificate_is_refused(tmp_path: Path) -> None:
    """S49: who is not who the name says gets no byte of a request."""
    context = self_signed(tmp_path)
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    wire = AiohttpTransport(1)
    with pytest.raises(Unreachable, match="certificate") as caught:
        await post(wire, f"https://localhost:{port}")
    await wire.close()
    server.close()

    assert heard == []
    assert caught.value.billing is Billing.VOID


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS with a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.mark.parametrize(
    "act", [resets(), resets(b"HTTP/1.1 200 OK\r\n"), says(200, b"{", length=9), nonsense()],
    ids=["reset", "cut", "short", "no HTTP"],
)  # fmt: skip
async def test_error_holds_no_request(transport: AiohttpTransport, act: Act) -> None:
    """S47: whatever breaks, neither our error nor the one behind it holds the headers with the key."""
    async with Loopback([act]).running() as server:
        with pytest.raises(WeftError) as caught:
            await transport.post(
                f"{server.url}/v1", headers={"authorization": f"Bearer {KEY}"}, body=b"{}", timeout_s=5
            )

    error: BaseException | None = caught.value
    while error is not None:
        held = [error.args, vars(error), repr(error), str(error)]
        assert KEY not in repr(held)
        error = error.__cause__ or error.__context__
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\n" + b"x-a: " + b"a" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 5_000 + b"\r\n",
        b"HTTP/1.1 200 " + b"a" * 100_000 + b"\r\n\r\n",
    ],
    ids=["long", "many", "status"],
)
async def test_flood_of_headers_is_stopped(transport: AiohttpTransport, reply: bytes) -> None:
    """S48: headers that are too long or too many end the call, and do not fill the memory."""

    async def flood(writer: asyncio.StreamWriter, _: asyncio.Event) -> None:
        writer.write(reply)
        await writer.drain()

    async with Loopback([flood]).running() as server:
        with pytest.raises(NotTheApi):
            await post(transport, server.url)


async def test_endless_body_is_stopped(transport: AiohttpTransport) -> None:
    """S48: of ten gigabytes no more is taken in than the largest answer and what buffers hold."""
    sent = 0

    async def endless(writer: asyncio.StreamWriter, stopped: asyncio.Event) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
        piece = b" " * 2**20
        while sent < 10 * 2**30 and not stopped.is_set():
            writer.write(piece)
            await writer.drain()
            sent += len(piece)

    async with Loopback([endless]).running() as server:
        with pytest.raises(NotTheApi) as caught:
            await post(transport, server.url, timeout_s=20)

    assert sent < MAX_BODY + 16 * 2**20
    assert caught.value.billing is Billing.UNKNOWN


async def test_closing_twice_is_harmless() -> None:
    """A wire that was never opened, and one that is closed already, can be closed."""
    wire = AiohttpTransport(1)
    await wire.close()
    async with Loopback([says()]).running() as server:
        await post(wire, server.url)
        await wire.close()
        await wire.close()

        assert (await post(wire, server.url)).status == 200  # opens again
    await wire.close()
