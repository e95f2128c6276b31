from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from weft.app.opening import look_around
from weft.app.stores import Stores
from weft.app.tokens import DAY_S, KEPT_S, KIND, MOST, MOST_DAYS, NewToken, TokensDesk
from weft.errors import ImpossibleMove, Mistake, UnknownName
from weft.kit.clocks import VirtualClock
from weft.rights import Permission, read_permissions

ANNA, BOB = "p" + "a" * 16, "p" + "b" * 16


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def stores(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Stores]:
    """A store in a file, so that two processes can look at it."""
    found = Stores(look_around(start=tmp_path, environment={}).settings, clock=clock)
    yield found
    await found.close()


@pytest.fixture
def desk(stores: Stores, clock: VirtualClock) -> TokensDesk:
    return TokensDesk(stores, clock=clock)


async def make(desk: TokensDesk, member: str = ANNA, **more: object) -> NewToken:
    """A token to run for `home`."""
    return await desk.create(member, **{"workspace": "home", "scopes": {Permission.RUN}, **more})  # type: ignore[arg-type]  # tests take what they need


async def test_token_is_kept_as_its_hash_only(desk: TokensDesk, stores: Stores, tmp_path: Path) -> None:
    """S35: 256 bits behind `weft_`; no file of the store holds the text, or a part that would help."""
    made = await make(desk)
    found = await desk.recognise(made.text)
    await stores.close()
    written = b"".join(each.read_bytes() for each in (tmp_path / ".weft").iterdir())

    assert made.text.startswith("weft_")
    assert len(made.text) == 5 + 43
    assert found is not None
    assert found.scopes == {Permission.RUN, Permission.LOOK}
    assert made.text[5:].encode() not in written
    assert made.text[5:25].encode() not in written
    assert made.text not in repr(made)


@pytest.mark.parametrize(
    "change", [lambda text: text[:-1] + "A", str.upper, lambda text: text + "x", lambda _: "weft_"]
)
async def test_other_text_opens_nothing(desk: TokensDesk, change: object) -> None:
    """Only the whole text is the token."""
    made = await make(desk)

    assert await desk.recognise(change(made.text)) is None  # type: ignore[operator]  # one of the above


async def test_revoked_token_is_dead_in_every_process(stores: Stores, clock: VirtualClock) -> None:
    """S35: revoked here, dead there with the next request: nobody remembers that it was good."""
    here = TokensDesk(stores, clock=clock)
    other = Stores(look_around(keywords={"store": stores.url}, environment={}).settings, clock=clock)
    there = TokensDesk(other, clock=clock)
    made = await make(here)
    before = await there.recognise(made.text)

    await here.revoke(made.token.id)

    assert before is not None
    assert await there.recognise(made.text) is None
    assert (await here.revoke(made.token.id)).revoked_at is not None
    await other.close()


async def test_token_ends_by_itself(desk: TokensDesk, clock: VirtualClock) -> None:
    """A token is good for ninety days unless another time is given, at most a year."""
    usual, short = await make(desk), await make(desk, days=1)
    clock.advance(DAY_S)
    after_a_day = [await desk.recognise(each.text) is not None for each in (usual, short)]
    clock.advance(89 * DAY_S)

    assert after_a_day == [True, False]
    assert await desk.recognise(usual.text) is None
    for days in (0, -1, MOST_DAYS + 1, float("nan")):
        with pytest.raises(Mistake, match="cannot be good"):
            await make(desk, days=days)


async def test_token_made_with_a_token_dies_with_it(desk: TokensDesk, clock: VirtualClock) -> None:
    """A token that was made with another one ends no later, and is dead when that one is revoked."""
    first = await make(desk, days=2)
    second = await make(desk, maker=first.token.id, days=90)
    third = await make(desk, maker=second.token.id)
    before = [await desk.recognise(each.text) is not None for each in (second, third)]

    await desk.revoke(first.token.id)

    assert second.token.expires_at == third.token.expires_at == clock.wall() + 2 * DAY_S
    assert before == [True, True]
    assert [await desk.recognise(each.text) for each in (second, third)] == [None, None]


async def test_use_is_noted_once_a_minute(desk: TokensDesk, clock: VirtualClock) -> None:
    """When a token was last used is known to about a minute, and each use does not write."""
    made = await make(desk)

    versions = []
    for wait_s in (0, 30, 31, 60):
        clock.advance(wait_s)
        await desk.recognise(made.text)
        versions.append((await desk.get(made.token.id)).version)

    assert versions == [2, 2, 3, 4]
    assert (await desk.get(made.token.id)).used_at == clock.wall()


@pytest.mark.parametrize(("workspace", "member"), [("other", None), ("home", BOB), ("other", ANNA)])
async def test_token_of_others_cannot_be_revoked(
    desk: TokensDesk, workspace: str, member: str | None
) -> None:
    """S33: a token of another workspace or member is to whoever asks one that does not exist."""
    made = await make(desk)

    for name in (made.token.id, "k" + "a" * 20):
        with pytest.raises(UnknownName, match="There is no token"):
            await desk.revoke(name, workspace=workspace, member=member)

    assert await desk.recognise(made.text) is not None


async def test_lists_are_of_one_workspace_and_member(desk: TokensDesk) -> None:
    """Tokens are listed by workspace and member, the newest first."""
    one = await make(desk, name="one")
    await make(desk, workspace="other")
    await make(desk, BOB)

    assert [each.id for each in await desk.listed("home", member=ANNA)] == [one.token.id]
    assert len(await desk.listed()) == 3


async def test_there_are_not_too_many(desk: TokensDesk) -> None:
    """A member has at most a hundred live tokens in a workspace."""
    for _ in range(MOST):
        last = await make(desk)

    with pytest.raises(ImpossibleMove, match="100 tokens"):
        await make(desk)
    await desk.revoke(last.token.id)
    await make(desk)


async def test_old_tokens_are_swept(desk: TokensDesk, stores: Stores, clock: VirtualClock) -> None:
    """Tokens that are over are told for some weeks, and then go."""
    old = await make(desk, days=1)
    clock.advance(DAY_S + KEPT_S + 1)

    await make(desk)

    assert await stores.open().document(KIND, old.token.id) is None


def test_unknown_scope_names_the_nearest() -> None:
    """A permission that there is not is refused with the nearest one."""
    with pytest.raises(UnknownName, match="hand_ower") as caught:
        read_permissions(["look", "hand_ower"])

    assert caught.value.facts["nearest"] == ["hand_over"]
