"""The wire to an identity provider: one question, one small answer. A door of aiohttp.

Knows that an answer has a size and a time, that no redirect is followed and that no proxy of the
environment is asked; certificates are checked against those that this machine trusts.
Refuses to know what is asked, and logs nothing: questions hold codes, answers hold tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from weft.errors import Disconnected, NotTheApi, TimedOut, Unreachable, WeftError

TIMEOUT_S = 10.0  # for one answer, everything included; somebody waits before a blank page
MOST_BYTES = 512 * 1024  # of one answer; the largest sets of keys are below 50 kB
MAX_FIELD = 16_384  # bytes of one header line
MAX_HEADERS = 64


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer; its body is not shown, for it may hold tokens."""

    status: int
    body: bytes = field(repr=False)


class Wire:
    """Asks a provider; keeps no connection, for people sign in once a day."""

    def __init__(self, *, timeout_s: float = TIMEOUT_S, most_bytes: int = MOST_BYTES) -> None:
        """Ask with these limits.

        Args:
            timeout_s: for a whole answer.
            most_bytes: of one answer's body.
        """
        self._timeout_s = timeout_s
        self._most_bytes = most_bytes

    async def ask(
        self, url: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answered:
        """Ask once; a body makes it a POST.

        Args:
            url: an address that `Registration.may_ask` has let pass.
            body: of a form.
            headers: beside those that every question has.

        Raises:
            Unreachable, TimedOut, Disconnected: if no whole answer came.
            NotTheApi: if the answer is too large, packed, or sends on to another address.
        """
        host = urlsplit(url).hostname or ""
        try:
            async with self._session() as session, self._asking(session, url, body, headers) as response:
                if 300 <= response.status < 400:
                    raise _no_provider(host, "sends on to another address")
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise _no_provider(host, "packs its answers, which was not asked for")
                return Answered(response.status, await self._read(response, host))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            raise self._translated(exc, host) from exc

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            max_line_size=MAX_FIELD,
            max_field_size=MAX_FIELD,
            max_headers=MAX_HEADERS,
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
        )

    def _asking(
        self, session: aiohttp.ClientSession, url: str, body: bytes | None, headers: Mapping[str, str] | None
    ) -> aiohttp.client._RequestContextManager:
        told = {"accept": "application/json", "accept-encoding": "identity", **(headers or {})}
        if body is None:
            return session.get(url, headers=told, allow_redirects=False)
        told["content-type"] = "application/x-www-form-urlencoded"
        return session.post(url, data=body, headers=told, allow_redirects=False)

    async def _read(self, response: aiohttp.ClientResponse, host: str) -> bytes:
        whole = bytearray()
        async for piece in response.content.iter_any():
            whole += piece
            if len(whole) > self._most_bytes:
                response.close()
                raise _no_provider(host, f"says more than {self._most_bytes:,} bytes")
        return bytes(whole)

    def _translated(self, error: Exception, host: str) -> WeftError:
        if isinstance(error, TimeoutError):
            return TimedOut(
                f"The identity provider `{host}` has not answered within {self._timeout_s:g} s.",
                hint="try again after a while.",
                host=host,
            )
        if isinstance(error, aiohttp.ClientSSLError | aiohttp.ClientConnectorCertificateError):
            return Unreachable(
                f"The certificate of the identity provider `{host}` is not trusted by this machine.",
                hint="let this machine trust the authority that has signed it.",
                host=host,
            )
        if isinstance(error, aiohttp.ClientConnectorError | OSError):
            return Unreachable(
                f"There is no connection to the identity provider `{host}`.",
                hint="try again after a while.",
                host=host,
            )
        return Disconnected(
            f"The identity provider `{host}` broke its answer off.", hint="try again.", host=host
        )


def _no_provider(host: str, what: str) -> NotTheApi:
    return NotTheApi(
        f"What answers at `{host}` {what}; an identity provider does not do that.",
        hint="look whether `oidc_issuer` is the address that the provider calls `issuer`.",
        host=host,
    )
