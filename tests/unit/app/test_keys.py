from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.providers.loopback import Loopback, says

from weft.app.keys import KIND, NOTED_S, KeysDesk
from weft.app.opening import Surroundings, look_around
from weft.app.providing import PROVIDERS, choose_key
from weft.app.requesting import RunRequest
from weft.app.stores import Stores
from weft.app.weft import Weft
from weft.documents import Document
from weft.errors import (
    BadSetting,
    BrokenSeal,
    KeyHostMismatch,
    MissingCredential,
    Mistake,
    UnknownName,
)
from weft.kit.clocks import VirtualClock
from weft.run import RunState

KEY, OTHER = "sk-planted-0123456789abcdef", "sk-another-0123456789abcdef"
OLD, NEW = b64encode(b"\1" * 32).decode(), b64encode(b"\2" * 32).decode()
ROUTER = "https://openrouter.example/api/v1"
OPENAI = PROVIDERS.get("openai")


class Place:
    """A store, and the desk of a workspace over it, opened as often as needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = VirtualClock(wall=1_000_000.0)
        self.stores = Stores(self.around().settings, clock=self.clock)

    def around(self, masters: str = NEW, **changes: object) -> Surroundings:
        """What a process finds that has these master keys."""
        variables = {"WEFT_MASTER_KEY": masters} if masters else {}
        flags = {"store": str(self.folder / "w.db")}
        return replace(look_around(flags, start=self.folder, environment=variables), **changes)

    def desk(self, masters: str = NEW, **changes: object) -> KeysDesk:
        """The desk in another process."""
        return KeysDesk(self.around(masters, **changes), self.stores, clock=self.clock)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """An empty store."""
    found = Place(tmp_path)
    yield found
    await found.stores.close()


async def test_kept_key_goes_in_and_not_out(place: Place) -> None:
    """S46: what is told about a key is for whom, where, its last four, who and when; never more."""
    kept = await place.desk().keep("openai", f"  {KEY}\n", by="p1")

    listed = await place.desk("").listed()

    assert listed == [kept]
    assert (kept.provider, kept.place, kept.last_four) == ("openai", "api.openai.com:443", "cdef")
    assert (kept.set_by, kept.set_at, kept.used_at) == ("p1", 1_000_000.0, None)
    assert KEY[:-4] not in repr(listed)


async def test_short_key_shows_nothing(place: Place) -> None:
    """Of a short key even four characters would be much."""
    assert (await place.desk().keep("openai", "short-key-1")).last_four == ""


async def test_other_process_opens_it(place: Place) -> None:
    """S46: whoever has the master key and the store hands the key to its provider."""
    await place.desk().keep("openai", KEY)
    desk = place.desk()
    await desk.load()

    found = desk.find(OPENAI)

    assert found is not None
    assert (found.text, found.variable, found.place) == (KEY, "openai", "api.openai.com:443")
    assert desk.find(OPENAI, base_url=ROUTER) is None
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    ("name", "text", "extra"),
    [
        ("OpenAI", KEY, {}),
        ("../x", KEY, {}),
        ("", KEY, {}),
        ("openai", "short", {}),
        ("openai", "has blanks in it", {}),
        ("openai", "line\nbreak-and-more", {}),
        ("openai", "kéy-with-accents", {}),
        ("openai", "x" * 5_000, {}),
        ("mine", KEY, {}),
        ("mine", KEY, {"provider": "opnai"}),
        ("local", KEY, {}),
        ("mine", KEY, {"base_url": "ftp://x"}),
        ("mine", KEY, {"base_url": "http://169.254.169.254/v1"}),
        ("mine", KEY, {"base_url": "http://10.0.0.1/v1"}),
    ],
)
async def test_what_cannot_be_kept_is_refused(
    place: Place, name: str, text: str, extra: dict[str, str]
) -> None:
    """S46: a refusal never repeats the key, and nothing is kept."""
    desk = place.desk()

    with pytest.raises(Mistake) as caught:
        await desk.keep(name, text, **extra)

    assert text not in str(caught.value)
    assert text not in repr(caught.value.facts)
    assert await desk.listed() == []


async def test_no_master_key_is_a_way_out(place: Place) -> None:
    """Without a master key nothing is kept or opened, and the hint says how to make one."""
    for act in (place.desk("").keep("openai", KEY), place.desk("").rotate()):
        with pytest.raises(MissingCredential) as caught:
            await act

        assert "weft keys new-master" in caught.value.hint


async def test_removed_key_is_gone(place: Place) -> None:
    """A key that is removed is not found again, and what is not there cannot be removed."""
    desk = place.desk()
    await desk.keep("openai", KEY)

    await desk.remove("openai")

    assert desk.find(OPENAI) is None
    assert await place.desk().listed() == []
    with pytest.raises(UnknownName):
        await desk.remove("openai")


async def test_one_of_several_is_chosen_by_name(place: Place) -> None:
    """Of several keys for one server the provider's own name wins; else one must be named."""
    desk = place.desk()
    await desk.keep("team-a", KEY, provider="openai")
    await desk.keep("team-b", OTHER, provider="openai")

    with pytest.raises(BadSetting, match="team-a") as caught:
        desk.find(OPENAI)
    named = desk.find(OPENAI, name="team-b")
    await desk.keep("openai", "sk-a-third-0123456789")
    usual = desk.find(OPENAI)

    assert "--key-name" in caught.value.hint
    assert named is not None
    assert usual is not None
    assert (named.text, usual.text) == (OTHER, "sk-a-third-0123456789")


@pytest.mark.parametrize(
    "base_url",
    ["", "https://openrouter.example:8443/v1", "https://evil.example/api/v1", "http://127.0.0.1/v1"],
)
async def test_named_key_is_held_to_its_host(place: Place, base_url: str) -> None:
    """S45: who names a key and asks another host, gets an error before the key is even opened."""
    desk = place.desk()
    await desk.keep("router", KEY, base_url=ROUTER)

    with pytest.raises(KeyHostMismatch) as caught:
        desk.find(OPENAI, base_url=base_url, name="router")

    assert caught.value.code == "key_host_mismatch"
    assert KEY not in str(caught.value)
    with pytest.raises(UnknownName):
        desk.find(OPENAI, name="routr")


async def test_swapped_documents_do_not_open(place: Place) -> None:
    """S45, S46: a document that says another host, or lies under another name or workspace, is dead."""
    desk, shelf = place.desk(), place.stores.open()
    await desk.keep("openai", KEY)
    kept = await shelf.document(KIND, "openai")
    assert kept is not None
    evil = {**kept.content, "place": "evil.example:443"}
    await shelf.put(Document(kind=KIND, id="openai", content=evil))
    await shelf.put(Document(kind=KIND, id="other", content=kept.content))
    await desk.load()

    with pytest.raises(BrokenSeal):
        desk.find(OPENAI, base_url="https://evil.example/v1")
    with pytest.raises(BrokenSeal):
        desk.find(OPENAI, name="other")
    other = place.desk(workspace="elsewhere")
    await shelf.put(Document(kind=KIND, id="openai", content=kept.content))
    await other.load()
    with pytest.raises(BrokenSeal):
        other.find(OPENAI, name="openai")


async def test_rotation_seals_everything_anew(place: Place) -> None:
    """S46: after a rotation the newest master key alone opens every key; each says the same as before."""
    before = place.desk(OLD)
    await before.keep("openai", KEY, by="p1")
    await before.keep("router", OTHER, base_url=ROUTER)
    told = await before.listed()

    done = await place.desk(f"{NEW} {OLD}").rotate()
    again = await place.desk(f"{NEW} {OLD}").rotate()
    after = place.desk(NEW)
    listed = await after.listed()

    assert set(done.sealed) == {"openai", "router"}
    assert (done.broken, len(done.needless)) == ((), 1)
    assert again.sealed == done.sealed
    assert listed == told
    assert [after.find(OPENAI).text, after.find(OPENAI, base_url=ROUTER).text] == [KEY, OTHER]  # type: ignore[union-attr]  # they are there
    stale = place.desk(OLD)
    await stale.load()
    with pytest.raises(BrokenSeal):
        stale.find(OPENAI)


async def test_rotation_leaves_what_does_not_open(place: Place) -> None:
    """A key whose master key is lost is named and left; the others are sealed anew."""
    await place.desk(OLD).keep("lost", KEY, provider="openai")
    await place.desk(NEW).keep("openai", OTHER)

    done = await place.desk(NEW).rotate()

    assert (done.sealed, done.broken) == (("openai",), ("lost",))


async def test_key_set_during_rotation_wins(place: Place) -> None:
    """Who sets a key while all are sealed anew is not overwritten by the older one."""
    await place.desk(OLD).keep("openai", KEY)
    turning, setting = place.desk(f"{NEW} {OLD}"), place.desk(f"{NEW} {OLD}")

    await asyncio.gather(turning.rotate(), setting.keep("openai", OTHER), turning.rotate())
    desk = place.desk(NEW)
    await desk.load()
    found = desk.find(OPENAI)

    assert found is not None
    assert found.text == OTHER


async def test_use_is_noted_once_a_minute(place: Place) -> None:
    """That a key was handed to a run is written down, at most once a minute."""
    desk = place.desk()
    await desk.keep("openai", KEY)
    seen = []
    for _ in range(3):
        await desk.load()
        desk.find(OPENAI)
        await desk.note_uses()
        seen.append((await place.desk().listed())[0].used_at)
        await place.clock.sleep(NOTED_S * 0.6)

    assert seen == [1_000_000.0, 1_000_000.0, 1_000_072.0]


async def test_use_does_not_bring_back_a_removed_key(place: Place) -> None:
    """A note about a key that was removed meanwhile is let go."""
    desk = place.desk()
    await desk.keep("openai", KEY)
    desk.find(OPENAI)
    await place.desk().remove("openai")

    await desk.note_uses()

    assert await place.desk().listed() == []


# ── which key wins ───────────────────────────────────────────────────────────────────────────────


async def test_variable_wins_over_kept_key(place: Place) -> None:
    """On a person's own machine: the named kept key, then the variable, then the kept key of the server."""
    desk = place.desk()
    await desk.keep("openai", KEY)
    around = place.around()
    with_variable = replace(around, environment={"OPENAI_API_KEY": OTHER})
    named = replace(with_variable, settings=replace(around.settings, key_name="openai"))

    chosen = [choose_key(OPENAI, each, kept=desk) for each in (around, with_variable, named)]

    assert [each and each.text for each in chosen] == [KEY, OTHER, KEY]


async def test_team_has_kept_keys_only(place: Place) -> None:
    """A workspace of a team never sends a key of the server's environment."""
    desk = place.desk()
    team = place.around(apart=True, environment={"OPENAI_API_KEY": OTHER, "WEFT_API_KEY": OTHER})

    with pytest.raises(MissingCredential) as caught:
        choose_key(OPENAI, team, kept=desk)
    await desk.keep("openai", KEY)
    found = choose_key(OPENAI, team, kept=desk)

    assert "/api/v1/keys/openai" in caught.value.hint
    assert found is not None
    assert found.text == KEY
    assert choose_key(OPENAI, team.asking_at(ROUTER), kept=desk) is None
    assert choose_key(PROVIDERS.get("local"), team, kept=desk) is None


async def test_estimate_needs_no_key(place: Place) -> None:
    """Who is not asked is handed no key, kept or not."""
    found = choose_key(OPENAI, place.around(""), kept=place.desk(""), asks=False)

    assert found is not None
    assert "not-needed" in found.text


@pytest.mark.parametrize(
    ("base_url", "allowed"),
    [
        ("https://a.example/v1", True),
        ("https://a.example/v1/", True),
        ("https://b.example/v1", True),
        ("https://own.example/v1", True),
        ("https://a.example/v2", False),
        ("https://a.example:8443/v1", False),
        ("https://a.example.evil/v1", False),
        ("http://127.0.0.1:11434/v1", False),
    ],
)
async def test_requests_choose_among_listed_addresses(place: Place, base_url: str, allowed: bool) -> None:
    """S44: who asks a server names one of the addresses that its owner has listed, or the server's own."""
    listed = "https://a.example/v1, https://b.example/v1"
    around = place.around()
    around = replace(
        around,
        settings=replace(around.settings, allowed_base_urls=listed, base_url="https://own.example/v1"),
    )

    if allowed:
        assert around.asking_with({"base_url": base_url}).settings.base_url == base_url
        return
    with pytest.raises(BadSetting, match="not among") as caught:
        around.asking_with({"base_url": base_url})
    assert "https://b.example/v1" in caught.value.hint


async def test_team_keeps_keys_for_listed_addresses_only(place: Place) -> None:
    """S44: a key of a team is bound to the provider's own server, or to one that is listed."""
    around = place.around()
    settings = replace(around.settings, allowed_base_urls=ROUTER)
    desk = place.desk(apart=True, settings=settings)

    assert (await desk.keep("router", KEY, base_url=ROUTER)).place == "openrouter.example:443"
    with pytest.raises(BadSetting, match="not among"):
        await desk.keep("evil", KEY, base_url="https://evil.example/v1")


# ── on the wire ──────────────────────────────────────────────────────────────────────────────────


def reply() -> bytes:
    """What a model answers about nothing."""
    return b'{"choices":[{"message":{"content":"{}"},"finish_reason":"stop"}]}'


async def asked(folder: Path, base_url: str, **settings: object) -> tuple[Weft, object]:
    """Run one row with the key that is kept under `mine`."""
    flags = {"store": str(folder / "w.db"), "model": "openai/m", "base_url": base_url, "attempts": 1}
    around = look_around({**flags, **settings}, start=folder, environment={"WEFT_MASTER_KEY": NEW})
    house = Weft(around)
    errand = await house.runs.prepare(
        RunRequest(table=[{"body": "one"}], prompt="Rate {{ body }}", fields=("tone: enum[calm,angry]",))
    )
    return house, await house.runs.walk(errand)


async def test_key_reaches_its_own_host_only(tmp_path: Path) -> None:
    """S45: over a real wire a kept key goes to its host and port; to another one goes not one byte of it."""
    async with (
        Loopback([says(200, reply())]).running() as own,
        Loopback([says(200, reply())]).running() as other,
    ):
        place = Place(tmp_path)
        await place.desk().keep("mine", KEY, base_url=f"{own.url}/v1")
        await place.stores.close()

        house, _ = await asked(tmp_path, f"{own.url}/v1")
        listed = await house.keys.listed()
        await house.close()
        with pytest.raises(KeyHostMismatch):
            await asked(tmp_path, f"{other.url}/v1", key_name="mine")
        keyless, run = await asked(tmp_path, f"{other.url}/v1")
        await keyless.close()

    assert own.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert listed[0].used_at is not None
    assert run.state in RunState  # type: ignore[attr-defined]  # however a model without sense ends it
    assert other.requests
    assert not [each for each in other.requests if KEY in repr(each)]


async def test_redirect_takes_the_key_nowhere(tmp_path: Path) -> None:
    """S44, S45: a 307 to another host is a reply like any other: nobody connects there."""
    async with Loopback([says()]).running() as sink:
        away = says(307, b"", {"location": f"{sink.url}/latest/meta-data/"})
        async with Loopback([away]).running() as own:
            place = Place(tmp_path)
            await place.desk().keep("mine", KEY, base_url=f"{own.url}/v1")
            await place.stores.close()
            house, _ = await asked(tmp_path, f"{own.url}/v1")
            await house.close()

    assert own.requests
    assert sink.connections == 0
