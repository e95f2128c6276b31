from __future__ import annotations

import asyncio
import gzip
import socket

import pytest
from tests.unit.providers.loopback import Act, Loopback, drips, hangs, resets, says

from weft.errors import Billing, Disconnected, NotTheApi, TimedOut, Unreachable, WeftError
from weft.kit.clocks import SystemClock
from weft.providers._http import MAX_BODY, AiohttpTransport


@pytest.fixture
async def transport():
    wire = AiohttpTransport(4)
    yield wire
    await wire.close()


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


async def test_name_may_not_point_to_metadata(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S44: what a name resolves to is looked at for every connection, so it cannot change its mind."""
    loop = asyncio.get_running_loop()
    asked: list[str] = []

    async def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", port))]

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    with pytest.raises(Unreachable) as caught:
        await post(transport, "https://models.example")

    assert asked == ["models.example"]
    assert "not sent to" in caught.value.message


async def test_plain_name_must_be_private(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S49: an unencrypted name that resolves to a public address gets no connection."""
    loop = asyncio.get_running_loop()

    async def resolve(_: str, port: int, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    with pytest.raises(Unreachable) as caught:
        await post(transport, "http://models.example")

    assert caught.value.billing is Billing.VOID


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
