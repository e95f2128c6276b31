"""A provider as weft asks it: seldom, over a narrow wire, and believing little."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.unit.app.signing import CALLBACK, go, provider_of

from weft.errors import BadSetting, NotAuthorised, NotProven, NotTheApi, TimedOut, Unreachable
from weft.identity._wire import Wire
from weft.identity.openid import AGAIN_S, KEPT_S, OpenIdProvider, person_in
from weft.identity.registration import Proven, Registration
from weft.kit.clocks import VirtualClock
from weft.testing.identity_server import IdentityServer, Misdeed
from weft.testing.mock_wire import Asked, write_reply

SIGN_IN = {"state": "s", "nonce": "n", "verifier": "v" * 43}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def server(clock: VirtualClock) -> AsyncIterator[IdentityServer]:
    """An honest provider at which weft is registered."""
    async with IdentityServer(redirect_uri=CALLBACK, clock=clock, algorithm="ES256") as found:
        yield found


async def prove(provider: OpenIdProvider) -> Proven:
    """The whole way of one sign-in."""
    returned = await go(await provider.address(**SIGN_IN))
    return await provider.prove(returned.code, nonce=SIGN_IN["nonce"], verifier=SIGN_IN["verifier"])


async def test_browser_is_sent_with_all_that_is_needed(server: IdentityServer, clock: VirtualClock) -> None:
    """A code is asked for, with PKCE's S256, a state, a nonce and the one address to come back to."""
    address = await provider_of(server, clock).address(**SIGN_IN)
    told = dict(parse_qsl(urlsplit(address).query))

    assert address.startswith(f"{server.issuer}/authorize?")
    assert told["redirect_uri"] == CALLBACK
    assert (told["response_type"], told["code_challenge_method"]) == ("code", "S256")
    assert SIGN_IN["verifier"] not in address
    assert "planted-client-secret" not in address


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "Ed25519"])
async def test_signatures_of_each_kind_are_believed(clock: VirtualClock, algorithm: str) -> None:
    """RSA, elliptic curves and Edwards curves, as the provider says that it signs."""
    async with IdentityServer(clock=clock, algorithm=algorithm) as server:
        proven = await prove(provider_of(server, clock))

    assert proven == Proven(issuer=server.issuer, subject="subject-1", email="anna@example.com", name="Anna")


async def test_edwards_signatures_bind_the_access_token(clock: VirtualClock) -> None:
    """Also where the library does not know which hash goes with the algorithm, a wrong one is noticed."""
    async with IdentityServer(clock=clock, algorithm="Ed25519") as server:
        server.misdeed = Misdeed.WRONG_HASH
        with pytest.raises(NotProven) as refusal:
            await prove(provider_of(server, clock))

    assert refusal.value.facts["claim"] == "at_hash"


@pytest.mark.parametrize("secret", ["planted secret: with + and / and ü", None])
async def test_secret_is_told_as_the_standard_says(clock: VirtualClock, secret: str | None) -> None:
    """Odd characters in a secret arrive; a registration without one needs none."""
    async with IdentityServer(clock=clock, algorithm="ES256", secret=secret) as server:
        assert (await prove(provider_of(server, clock))).subject == "subject-1"


async def test_wrong_secret_is_the_servers_mistake(server: IdentityServer, clock: VirtualClock) -> None:
    """Where the provider does not take weft for itself, whoever runs the server is told; no secret is shown."""
    with pytest.raises(NotAuthorised, match="oidc_client_id") as refusal:
        await prove(provider_of(server, clock, secret="planted-wrong"))

    assert "planted" not in f"{refusal.value!r}{refusal.value.facts}"


async def test_provider_is_asked_seldom(server: IdentityServer, clock: VirtualClock) -> None:
    """Description and keys are believed for an hour."""
    provider = provider_of(server, clock)
    for _ in range(5):
        await prove(provider)
    clock.advance(KEPT_S)
    await prove(provider)

    assert server.asked["/keys"] == 2
    assert server.asked["/.well-known/openid-configuration"] == 2


async def test_new_keys_are_asked_for_when_they_are_met(server: IdentityServer, clock: VirtualClock) -> None:
    """A provider that signs with a new key is believed without a restart; old keys are forgotten."""
    provider = provider_of(server, clock)
    await prove(provider)
    clock.advance(AGAIN_S)
    server.rotate()

    assert (await prove(provider)).subject == "subject-1"
    assert server.asked["/keys"] == 2


async def test_unknown_keys_do_not_make_weft_ask_again_and_again(
    server: IdentityServer, clock: VirtualClock
) -> None:
    """A token with an unknown key leads to one question in half a minute, however many there are."""
    provider = provider_of(server, clock)
    await prove(provider)
    server.misdeed = Misdeed.UNKNOWN_KEY
    clock.advance(AGAIN_S)
    for _ in range(10):
        with pytest.raises(NotProven):
            await prove(provider)

    assert server.asked["/keys"] == 2


async def test_code_is_bound_to_its_verifier(server: IdentityServer, clock: VirtualClock) -> None:
    """PKCE: who has stolen a code, and not the verifier, gets nothing for it."""
    provider = provider_of(server, clock)
    returned = await go(await provider.address(**SIGN_IN))

    with pytest.raises(NotProven):
        await provider.prove(returned.code, nonce="n", verifier="w" * 43)


async def test_huge_and_slow_descriptions_end_soon(clock: VirtualClock) -> None:
    """S48: nothing that a provider says is read beyond its size and its time."""
    async with IdentityServer(algorithm="ES256") as server:
        tight = OpenIdProvider(
            provider_of(server, clock).registration, clock=clock, wire=Wire(most_bytes=100)
        )
        with pytest.raises(NotTheApi, match="100 bytes"):
            await tight.look()

        def stay_silent(asked: Asked, wire: object) -> object:
            return server._wait_long()

        server._respond = stay_silent  # type: ignore[method-assign,assignment]  # a provider that has hung up
        with pytest.raises(TimedOut):
            await OpenIdProvider(tight.registration, clock=clock, wire=Wire(timeout_s=0.05)).look()


async def test_silent_provider_is_waited_for_once(server: IdentityServer, clock: VirtualClock) -> None:
    """However many people begin while the provider says nothing, all of them are told after one wait."""
    silent = 0

    def stay_silent(asked: Asked, wire: object) -> object:
        nonlocal silent
        silent += 1
        return server._wait_long()

    server._respond = stay_silent  # type: ignore[method-assign,assignment]  # a provider that has hung up
    provider = OpenIdProvider(provider_of(server, clock).registration, clock=clock, wire=Wire(timeout_s=0.1))

    told = await asyncio.gather(*(provider.address(**SIGN_IN) for _ in range(50)), return_exceptions=True)

    assert {type(each) for each in told} == {TimedOut}
    assert silent == 1


async def test_redirects_and_packed_answers_are_refused(server: IdentityServer, clock: VirtualClock) -> None:
    """S44: an answer that sends on is not followed, and a packed one is not unpacked."""
    replies = [
        write_reply(302, b"", {"Location": f"{server.issuer}/elsewhere"}),
        write_reply(200, b"{}", {"Content-Encoding": "gzip"}),
    ]
    server._respond = lambda asked, wire: replies.pop(0)  # type: ignore[method-assign]  # says what is planted

    with pytest.raises(NotTheApi, match="another address"):
        await provider_of(server, clock).look()
    with pytest.raises(NotTheApi, match="packs"):
        await provider_of(server, clock).look()

    assert replies == []


async def test_environment_proxies_are_not_asked(
    server: IdentityServer, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in the environment gets neither codes nor secrets."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert (await prove(provider_of(server, clock))).subject == "subject-1"


async def test_absent_provider_is_a_sentence(clock: VirtualClock) -> None:
    """Nobody at the address is an outage that names the host only."""
    registration = Registration(
        issuer="http://127.0.0.1:9", client_id="weft", redirect_uri=CALLBACK, rehearsal=True
    )
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
        await OpenIdProvider(registration, clock=clock).look()


@pytest.mark.parametrize(
    "issuer",
    [
        "http://id.example.com", "", "id.example.com", "https://", "https://id.example.com?x=1", "file:///etc/passwd",
        "https://id.example.com#x", "https://me:secret@id.example.com", "https://id.example.com/\n", "https://[::1",
        "http://127.0.0.1:8000",
    ],
)  # fmt: skip
def test_unsafe_issuer_is_refused(clock: VirtualClock, issuer: str) -> None:
    """S49: only TLS, and the loopback only where a rehearsal says so."""
    registration = Registration(issuer=issuer, client_id="weft", redirect_uri=CALLBACK)

    with pytest.raises(BadSetting, match="oidc_issuer"):
        OpenIdProvider(registration, clock=clock)


def test_rehearsal_is_for_the_loopback_only(clock: VirtualClock) -> None:
    """Also a rehearsal asks nobody else without TLS."""
    parts = {"client_id": "weft", "redirect_uri": CALLBACK, "rehearsal": True}
    for host in ("127.0.0.1:9", "localhost:9", "[::1]:9"):
        OpenIdProvider(Registration(issuer=f"http://{host}", **parts), clock=clock)

    for host in (
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "192.0.2.1",
        "169.254.169.254",
        "localhost.evil.example",
    ):
        with pytest.raises(BadSetting):
            OpenIdProvider(Registration(issuer=f"http://{host}", **parts), clock=clock)


def test_secret_is_not_shown() -> None:
    """A registration in a log or a traceback does not tell its secret."""
    registration = Registration(
        issuer="https://id.example.com", client_id="weft", redirect_uri=CALLBACK, secret="planted"
    )

    assert "planted" not in repr(registration)


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "Anna@Example.com", "email_verified": True}, "anna@example.com"),
        ({"email": "anna@example.com", "email_verified": False}, None),
        ({"email": "anna@example.com"}, None),
        ({"email": "anna@example.com", "xms_edov": True}, None),
        ({"iss": "https://login.microsoftonline.com/t/v2.0", "email": "a@b.de", "xms_edov": "1"}, "a@b.de"),
        ({"iss": "https://login.microsoftonline.com/t/v2.0", "email": "a@b.de"}, None),
        (
            {"iss": "https://login.microsoftonline.com.evil.example/", "email": "a@b.de", "xms_edov": True},
            None,
        ),
        ({"email": ["a@b.de"], "email_verified": True}, None),
        ({"email": "a\n@b.de", "email_verified": True}, None),
    ],
)
def test_email_counts_where_the_provider_vouches_for_it(claims: dict[str, object], email: str | None) -> None:
    """An address that anybody could have typed in admits nobody."""
    assert person_in({"iss": "https://id.example.com", "sub": "1", **claims}).email == email
