"""The desk for keys of providers: keep one sealed, list them, take one away, seal all of them anew.

Knows that a key goes in and never comes out again but to the provider that it is for, at the host
and port that it is bound to; people are shown its last four characters. Keys lie on the shelf of
their own workspace's store. Refuses to know how a key is sealed (`vault.py`), where master keys lie
(`masters.py`) and which key wins (`providing.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from weft.app.kept_key import KeptKey, MadeMaster, Rotated, checked, ending, told
from weft.app.masters import master_path, masters_of, new_master, put_first
from weft.app.opening import MASTER, Surroundings, check_allowed, new_bytes
from weft.app.providing import COMPATIBLE, PROVIDERS
from weft.app.stores import Stores
from weft.app.vault import Binding, Master, seal, unseal
from weft.documents import Document
from weft.errors import (
    BadSetting,
    BrokenSeal,
    ChangedMeanwhile,
    KeyHostMismatch,
    MissingCredential,
    MissingExtra,
    Mistake,
    StoreBusy,
    UnknownName,
)
from weft.kit.clocks import Clock
from weft.kit.secrecy import LIVE
from weft.protocols import Credential, ProviderKind
from weft.providers._addresses import check_base_url, place_of

KIND = "sealed_key"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
MOST = 1_000  # keys of one workspace
NOTED_S = 60.0  # that a key is in use is written down at most so often
TRIES = 20  # at a document that others change too


class KeysDesk:
    """Keeps the keys of one workspace."""

    def __init__(
        self,
        surroundings: Surroundings,
        stores: Stores,
        *,
        clock: Clock,
        draw: Callable[[int], bytes] = new_bytes,
    ) -> None:
        """Keep them in these stores; nothing is opened yet.

        Args:
            surroundings: say which workspace this is and where master keys are.
            stores: the workspace's own.
            clock: tells when a key was set and used.
            draw: gives bytes that nobody can guess.
        """
        self._surroundings = surroundings
        self._stores = stores
        self._clock = clock
        self._draw = draw
        self._known: dict[str, Document] = {}
        self._used: set[str] = set()

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    async def listed(self) -> list[KeptKey]:
        """What may be told about every key, in the order of their names; opens none of them."""
        await self.load()
        return [told(each) for each in self._known.values()]

    async def broken(self) -> dict[str, str]:
        """Names of kept keys that cannot be opened as things stand → why; opens each of them once."""
        await self.load()
        found = {}
        for each in self._known.values():
            try:
                unseal(each.content, self._binding(each), masters=self._masters())
            except (BadSetting, BrokenSeal, MissingCredential, MissingExtra) as error:
                found[each.id] = error.message
        return found

    # ── changing ─────────────────────────────────────────────────────────────────────────────────

    async def keep(
        self, name: str, text: str, *, provider: str = "", base_url: str = "", by: str = "local"
    ) -> KeptKey:
        """Seal a key and keep it, in place of the one by this name if there is one.

        Args:
            name: what it will be called.
            text: the key; it is not part of any message, and nobody will be told it.
            provider: whom it is for; empty = the one by this name, else what other servers speak.
            base_url: where; empty = the provider's own server.
            by: id of who sets it.

        Raises:
            Mistake: if it can be no name, no key, or no server; nothing is kept then.
            MissingCredential: if there is no master key.
        """
        LIVE.add(text)
        if not NAME.fullmatch(name):
            raise Mistake(
                "That is no name for a key.",
                hint="take small letters, digits, `-` and `_`, a letter first, such as `openai` or `team-a`.",
            )
        text = checked(text)
        kind = self._kind(name, provider, base_url)
        place = self._place(kind, base_url)
        await self.load()
        if name not in self._known and len(self._known) >= MOST:
            raise Mistake(f"{MOST:,} keys are kept already.", hint="remove those that nobody uses.")
        binding = Binding(workspace=self._surroundings.workspace, name=name, provider=kind.name, place=place)
        sealed = seal(text, binding, master=self._masters()[0], draw=self._draw)
        content = {
            **sealed,
            "provider": kind.name,
            "place": place,
            "last_four": ending(text),
            "set_by": by,
            "set_at": self._clock.wall(),
            "used_at": None,
        }
        kept = await self._stores.open().put(Document(kind=KIND, id=name, content=content))
        self._known[name] = kept
        return told(kept)

    async def remove(self, name: str) -> None:
        """Forget a key. A run that is at work with it goes on until it rests.

        Raises:
            UnknownName: if there is none by this name.
        """
        store = self._stores.existing()
        if store is None or not await store.remove(KIND, name):
            raise UnknownName.among("kept key", name, [each.name for each in await self.listed()])
        self._known.pop(name, None)

    async def rotate(self) -> Rotated:
        """Seal every key anew, under the newest master key and with a data key of its own.

        Idempotent. May be repeated after a crash; every key opens at every moment.

        Raises:
            MissingCredential: if there is no master key.
        """
        masters = self._masters()
        await self.load()
        sealed, broken = [], []
        for name in list(self._known):
            try:
                await self._reseal(name, masters)
            except BrokenSeal:
                broken.append(name)
            else:
                sealed.append(name)
        needed = {str(self._known[name].content.get("master")) for name in broken if name in self._known}
        older = (each.id for each in masters[1:])
        return Rotated(
            sealed=tuple(sealed),
            broken=tuple(broken),
            master=masters[0].id,
            needless=tuple(each for each in older if each not in needed),
        )

    def make_master(self, *, show: bool = False) -> MadeMaster:
        """Make a master key that seals from now on; those before it still open.

        Args:
            show: give its text, for a variable or a vault of others, and write it nowhere.

        Raises:
            BadSetting: if the variable is set, so that a file would not be read, or no file is named.
            UnwritableFile: if the file cannot be written.
        """
        master, text = new_master(self._draw)
        if show:
            return MadeMaster(id=master.id, path=None, text=text)
        path = master_path(self._surroundings)
        if MASTER in self._surroundings.masters or path is None:
            raise BadSetting(
                f"The master key is read from `{MASTER}`, so that one in a file would not be used.",
                hint="`weft keys new-master --show` writes one to stdout; put it first, and the older one behind it.",
                setting=MASTER,
            )
        return MadeMaster(id=master.id, path=path, count=put_first(path, text))

    # ── handing out ──────────────────────────────────────────────────────────────────────────────

    async def load(self) -> None:
        """Look which keys there are now; those that `find` finds are as sealed as in the store."""
        store = self._stores.existing()
        found = [] if store is None else await store.documents(KIND, limit=MOST)
        self._known = {each.id: each for each in found}

    def find(self, kind: ProviderKind, *, base_url: str = "", name: str = "") -> Credential | None:
        """Open the key for a provider at an address; `None` if none is kept for it.

        Looks among the keys as they were at the last `load`.

        Args:
            kind: whom it is for.
            base_url: where; empty = the provider's own server.
            name: which one; empty = the one that is bound there.

        Raises:
            UnknownName: if there is none by this name.
            KeyHostMismatch: if the one by this name is bound to another host or provider.
            BadSetting: if several are bound there, and none of them has the provider's name.
            BrokenSeal: if it does not open.
        """
        place = place_of(base_url or kind.official_url)
        chosen = self._named(name, kind, place) if name else self._bound(kind, place)
        if chosen is None:
            return None
        text = unseal(chosen.content, self._binding(chosen), masters=self._masters())
        LIVE.add(text)
        self._used.add(chosen.id)
        return Credential(text=text, variable=chosen.id, place=str(chosen.content["place"]))

    async def note_uses(self) -> tuple[str, ...]:
        """Write down which keys were found since the last time, and name them; who is quicker wins."""
        names, self._used = self._used, set()
        now = self._clock.wall()
        for each in (self._known[name] for name in names if name in self._known):
            used_at = each.content.get("used_at")
            if used_at is not None and 0 <= now - float(used_at) < NOTED_S:
                continue
            noted = replace(each, content={**each.content, "used_at": now})
            try:
                self._known[each.id] = await self._stores.open().put(noted, expecting=each.version)
            except (ChangedMeanwhile, StoreBusy):
                continue  # it is about a minute, and only told to people
        return tuple(sorted(names))

    # ── steps ────────────────────────────────────────────────────────────────────────────────────

    def _masters(self) -> list[Master]:
        masters = masters_of(self._surroundings)
        if not masters:
            raise MissingCredential(
                "There is no master key, so no key of a provider can be kept or opened.",
                hint="`weft keys new-master` makes one; a server reads it from `WEFT_MASTER_KEY` or from the file "
                "that `WEFT_MASTER_KEY_FILE` names.",
                variable="WEFT_MASTER_KEY",
            )
        return masters

    def _kind(self, name: str, provider: str, base_url: str) -> ProviderKind:
        wanted = provider or (name if name in PROVIDERS else COMPATIBLE if base_url else "")
        if not wanted:
            raise Mistake(
                f"`{name}` is no provider, and none was named.",
                hint=f"name one of {', '.join(PROVIDERS.names())}, or the server by its base URL.",
            )
        if wanted not in PROVIDERS:
            raise UnknownName.among("provider", wanted, PROVIDERS.names())
        kind: ProviderKind = PROVIDERS.get(wanted)
        if not kind.key_variables:
            raise Mistake(f"`{kind.name}` needs no key.")
        return kind

    def _place(self, kind: ProviderKind, base_url: str) -> str:
        settings = self._surroundings.settings
        if base_url and self._surroundings.apart and base_url.rstrip("/") != kind.official_url:
            check_allowed(base_url, settings)
        return place_of(check_base_url(base_url or kind.official_url, private=settings.private_networks))

    def _binding(self, document: Document) -> Binding:
        """What a document must be for, by where it lies and by what it says."""
        return Binding(
            workspace=self._surroundings.workspace,
            name=document.id,
            provider=str(document.content.get("provider")),
            place=str(document.content.get("place")),
        )

    def _named(self, name: str, kind: ProviderKind, place: str) -> Document:
        found = self._known.get(name)
        if found is None:
            raise UnknownName.among("kept key", name, list(self._known))
        bound = found.content.get("place")
        if (found.content.get("provider"), bound) != (kind.name, place):
            raise KeyHostMismatch(
                f"The kept key `{name}` is bound to `{found.content.get('provider')}` at `{bound}` and is not "
                f"sent to `{kind.name}` at `{place}`.",
                hint="name another key with `--key-name`, or keep one for that server: "
                "`weft keys set NAME --base-url URL`.",
                key=name,
            )
        return found

    def _bound(self, kind: ProviderKind, place: str) -> Document | None:
        found = [
            each
            for each in self._known.values()
            if (each.content.get("provider"), each.content.get("place")) == (kind.name, place)
        ]
        if len(found) < 2:
            return found[0] if found else None
        chosen = next((each for each in found if each.id == kind.name), None)
        if chosen is None:
            names = ", ".join(f"`{each.id}`" for each in found)
            raise BadSetting(
                f"Several keys are kept for `{kind.name}` at `{place}`: {names}.",
                hint="name one with `--key-name`.",
                setting="key_name",
            )
        return chosen

    async def _reseal(self, name: str, masters: list[Master]) -> None:
        """Seal one key anew; somebody who sets or removes it meanwhile wins.

        Raises:
            BrokenSeal: if no master key opens it.
        """
        store = self._stores.open()
        for _ in range(TRIES):
            found = await store.document(KIND, name)
            if found is None:
                return
            binding = self._binding(found)
            text = unseal(found.content, binding, masters=masters)
            LIVE.add(text)
            content = {**found.content, **seal(text, binding, master=masters[0], draw=self._draw)}
            try:
                self._known[name] = await store.put(replace(found, content=content), expecting=found.version)
            except ChangedMeanwhile:
                continue
            return
        raise StoreBusy(f"The kept key `{name}` is changed all the time.", hint="try again.")
