"""Keys of providers: keep one, see which there are, take one away, seal all anew.

Knows that a key comes in a body and is in no answer, no problem and no deed. Refuses to read one back.
"""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request

from weft.api.needs import House
from weft.api.permitting import needs, principal_of
from weft.api.wire.keys import KeyAsked, KeyShape, KeysShape, RotatedShape
from weft.rights import Permission

routes = APIRouter(tags=["keys"])

Name = Annotated[
    str, Path(pattern=r"^[a-z][a-z0-9_-]{0,63}$", description="What the key is called.", examples=["openai"])
]


@routes.get("/keys", operation_id="list_keys", dependencies=[needs(Permission.KEEP_KEYS)])
async def list_keys(house: House) -> KeysShape:
    """List kept keys: for whom, where they are sent, how they end, set and used when."""
    return KeysShape(keys=[KeyShape(**asdict(each)) for each in await house.keys.listed()])


@routes.put("/keys/{name}", operation_id="keep_key", dependencies=[needs(Permission.KEEP_KEYS)])
async def keep_key(request: Request, house: House, *, name: Name, asked: KeyAsked) -> KeyShape:
    """Keep a key, in place of the one by this name; it is sent to its own host and port only."""
    kept = await house.keys.keep(
        name,
        asked.key.get_secret_value(),
        provider=asked.provider or "",
        base_url=asked.base_url,
        by=principal_of(request).id,
    )
    return KeyShape(**asdict(kept))


@routes.delete(
    "/keys/{name}",
    operation_id="remove_key",
    dependencies=[needs(Permission.KEEP_KEYS)],
    status_code=HTTPStatus.NO_CONTENT,
)
async def remove_key(house: House, name: Name) -> None:
    """Forget a key. A run that is at work with it goes on until it rests."""
    await house.keys.remove(name)


@routes.post("/keys/rotate", operation_id="rotate_keys", dependencies=[needs(Permission.KEEP_KEYS)])
async def rotate_keys(house: House) -> RotatedShape:
    """Seal the workspace's keys anew under the newest master key; may be repeated."""
    done = await house.keys.rotate()
    return RotatedShape(
        sealed=list(done.sealed), broken=list(done.broken), master=done.master, needless=list(done.needless)
    )
