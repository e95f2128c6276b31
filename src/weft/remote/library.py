"""What a server knows: templates and prices, as plain values.

Knows their addresses. Refuses to read files: a template is asked for by its key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weft.remote._wire import Ask, Wire


class Templates:
    """Everything that can be asked about templates of a server."""

    def __init__(self, wire: Wire) -> None:
        """Ask over this wire."""
        self._wire = wire

    async def list(self, *, tag: str = "") -> list[Mapping[str, Any]]:
        """Every template by key, or those with a tag; one that is wrong is listed with the reason."""
        return [each async for each in self._wire.entries("/templates", "templates", query={"tag": tag})]

    async def get(self, ref: str) -> Mapping[str, Any]:
        """A template's inputs, answers and text.

        Args:
            ref: a key, with a version or an alias where one is meant: `review@1.0.0`.
        """
        return await self._ask("GET", ref)

    async def card(self, ref: str) -> Mapping[str, Any]:
        """A template with its versions, aliases, what is known about it, and a rendered row."""
        return await self._ask("GET", f"{ref}/card")

    async def lint(self, ref: str) -> Sequence[Mapping[str, Any]]:
        """Every problem of a template with its place, or else advice about it."""
        found: Sequence[Mapping[str, Any]] = (await self._ask("GET", f"{ref}/flaws"))["flaws"]
        return found

    async def diff(self, ref: str, after: str = "") -> Mapping[str, Any]:
        """What differs between two versions; an empty `after` = the one before or after, as at the desk."""
        return await self._ask("GET", f"{ref}/difference", query={"after": after})

    async def preview(
        self, ref: str, rows: Sequence[Mapping[str, Any]] | None = None, *, limit: int = 3
    ) -> Mapping[str, Any]:
        """What a model would be given for rows, or for the template's own samples; asks nobody."""
        content = {"limit": limit} | ({} if rows is None else {"rows": list(rows)})
        return await self._ask("POST", f"{ref}/preview", content=content)

    async def clone(self, ref: str, *, key: str = "", version: str = "") -> Mapping[str, Any]:
        """Copy a template into the server's own folder as another version."""
        return await self._create(f"{ref}/clones", {"key": key, "version": version})

    async def commit(
        self, ref: str, message: str, *, author: str = "", tags: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        """Make a version immutable."""
        return await self._create(
            f"{ref}/commits", {"message": message, "author": author, "tags": list(tags)}
        )

    async def alias(self, key: str, alias: str, *, version: str = "") -> Mapping[str, Any]:
        """Let `key@alias` mean one committed version; empty = the latest."""
        return await self._ask("PUT", f"{key}/aliases/{alias}", content={"version": version})

    async def _create(self, path: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
        headers = {"Idempotency-Key": self._wire.new_key()}
        return await self._ask("POST", path, content=content, headers=headers)

    async def _ask(self, method: str, path: str, **more: Any) -> Mapping[str, Any]:
        found: Mapping[str, Any] = await self._wire.ask(Ask(method=method, path=f"/templates/{path}", **more))
        return found


class Prices:
    """What models charge, as the server knows it."""

    def __init__(self, wire: Wire) -> None:
        """Ask over this wire."""
        self._wire = wire

    async def list(self, matching: str = "") -> list[Mapping[str, Any]]:
        """Prices in exact dollars per million tokens, with source and date; `None` is unknown.

        Args:
            matching: only models whose name holds this text.
        """
        return [each async for each in self._wire.entries("/prices", "prices", query={"matching": matching})]
