"""The desk of a server from Python: the same questions as `weft.run` and the house, by its address.

Knows where a server is, how a local one's key is found, and that a key goes over plain HTTP to this
machine only. Refuses to do anything that the server's desk does not. The face for plain code is
`plain.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack
from urllib.parse import urlsplit

from weft.app.access import AccessDesk
from weft.app.arguments import RowArguments, RunArguments, Sorted, sort_arguments
from weft.app.calling import is_complete
from weft.app.exporting import check_target
from weft.app.opening import look_around, new_random
from weft.app.requesting import RunRequest
from weft.app.stores import Stores
from weft.errors import BadSetting, ImpossibleMove, MissingCredential, WeftError
from weft.kit.clocks import SystemClock
from weft.remote._wire import PREFIX, Wire
from weft.remote.handing import Begun, hand_over, project
from weft.remote.library import Prices, Templates
from weft.remote.problems import KINDS
from weft.remote.results import AsyncResult
from weft.remote.runs import Runs
from weft.remote.tables import Tables
from weft.run import Estimate, Run, RunState

LOCAL = "http://127.0.0.1:8753"
"""Where `weft serve` listens if nobody says otherwise."""


class AsyncClient:
    """A server's desk for code with an event loop; use it with `async with`.

    Attributes:
        runs, tables, templates, prices: what can be asked about each.
        url: of the server.
    """

    def __init__(self, url: str = LOCAL, *, token: str = "", workspace: str = "") -> None:
        """Prepare to ask a server; nothing is sent yet.

        Args:
            url: `https://…`, or `http://…` for a server of this machine.
            token: an API token; empty = the key of this project's own `weft serve`, on this machine.
            workspace: which one, for a token that is good for several; empty = its only one.

        Raises:
            BadSetting: if the address cannot be used.
            MissingCredential: if no token was given and none is found.
        """
        self.url = checked_url(url)
        headers = {"Authorization": f"Bearer {token or found_key(self.url)}", "Accept": "application/json"}
        if workspace:
            headers["Weft-Workspace"] = workspace
        self._wire = Wire(self.url, headers=headers, clock=SystemClock(), random=new_random())
        self.runs = Runs(self._wire)
        self.tables = Tables(self._wire)
        self.templates = Templates(self._wire)
        self.prices = Prices(self._wire)

    async def run(
        self,
        table: Any,
        template: str | None = None,
        *,
        lane: str = "usual",
        **arguments: Unpack[RunArguments],
    ) -> AsyncResult:
        """Run one prompt over every row of a table on the server, and wait until the run rests.

        The run belongs to the server: it goes on if this program ends, also by Ctrl-C. A table that
        was uploaded for it is removed when it rests; the run keeps its rows.

        Args:
            table: a path, which is uploaded, an iterable of mappings, or a pandas or polars frame.
            template: key of a template that the server knows; leave it out for a quick prompt.
            lane: `patient` for bulk work that lets other runs of the server go first.
            arguments: as for `weft.run`, without `provider`, `transport`, `listeners` and the
                settings that are the server's own, such as `store`.

        Raises:
            Mistake: what you asked for cannot be done as asked; nothing was asked of a model.
            Outage: if the server cannot be reached.
        """
        asked = sort_arguments(arguments)
        request, export = asked.request(table, template), asked.export()
        if export is not None:
            check_target(export, table if isinstance(table, str | Path) else None)
        begun = await hand_over(self._wire, asked, request, lane=lane)
        done = await self.runs.wait(begun.run.id)
        if done.state is RunState.DRAFTED:
            raise told_by(done)
        if begun.table:  # the run has its rows
            with suppress(WeftError):
                await self.tables.forget(begun.table)
        found = AsyncResult(done, self.runs, notes=begun.notes)
        if export is not None and is_complete(done):
            await found.write(export.target, form=export.form, meta=export.meta, raw=export.raw)
        return found

    async def estimate(
        self,
        table: Any,
        template: str | None = None,
        *,
        per_row: bool = False,
        **arguments: Unpack[RowArguments],
    ) -> Estimate:
        """Project what a run would take on the server; asks no model.

        Args:
            table: as for `run`, like all other arguments.
            template: likewise.
            per_row: also list every row's share; only for up to a thousand rows in memory.
            arguments: as for `run`, without those about writing.

        Raises:
            Mistake: what you asked for cannot be done as asked.
        """
        asked = sort_arguments(arguments)
        return await project(self._wire, asked, asked.request(table, template), per_row=per_row)

    async def hand_over(self, request: RunRequest, settings: Mapping[str, Any]) -> Begun:
        """Hand a run over and do not wait for it; who calls watches it by `runs`.

        Args:
            request: what is asked about which rows; a path is uploaded.
            settings: setting → value, those that a request may choose.

        Raises:
            Mistake: as for `run`.
        """
        return await hand_over(self._wire, Sorted(asked={}, settings=settings), request)

    async def project(self, request: RunRequest, settings: Mapping[str, Any]) -> Estimate:
        """Project what that would take; asks no model.

        Raises:
            Mistake: as for `run`.
        """
        return await project(self._wire, Sorted(asked={}, settings=settings), request, per_row=False)

    async def close(self) -> None:
        """Let go of connections; harmless when repeated."""
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def told_by(run: Run) -> WeftError:
    """The error that a run tells which never began, because its table could not be read to its end."""
    sentence, _, hint = run.message.partition("\nhint: ")
    kind = KINDS.get(run.reason, ImpossibleMove)
    return kind(sentence or f"Run `{run.id}` is a draft and was not started.", hint=hint, run=run.id)


def checked_url(url: str) -> str:
    """The address of a server without a path.

    >>> checked_url("https://weft.example/api/v1/")
    'https://weft.example'

    Raises:
        BadSetting: if it is none, or if a key would go over it unencrypted.
    """
    parts = urlsplit(url.rstrip("/").removesuffix(PREFIX))
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.username:
        raise BadSetting(
            f"`{url}` is no address of a server.",
            hint=f"write it as `https://weft.example`, or `{LOCAL}` for this machine.",
            setting="url",
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise BadSetting(
            f"`{url}` is not encrypted, so anybody on the way could read the token.",
            hint="write `https://…`; plain HTTP is for this machine only.",
            setting="url",
        )
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its own name for itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def found_key(url: str) -> str:
    """The key of this project's own server, for an address of this machine.

    Raises:
        MissingCredential: if there is none, or the address is another machine's.
    """
    if is_loopback(urlsplit(url).hostname or ""):
        surroundings, clock = look_around(), SystemClock()
        stores = Stores(surroundings.settings, clock=clock)
        key = AccessDesk(surroundings, stores, clock=clock).find()
        if key is not None:
            return key.text
        raise MissingCredential(
            "No key of a local server was found beside the store of this project.",
            hint="start `weft serve` here first, or give `token=…`.",
        )
    raise MissingCredential(
        f"Asking `{url}` needs a token.",
        hint="give `token=…`, or `WEFT_TOKEN` to `weft mcp`; `weft tokens create` makes one.",
    )
