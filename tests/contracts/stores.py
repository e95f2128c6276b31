"""A new, empty store of every engine, in both ways of writing.

Knows how each kind of store is made for one test. Refuses to know what is asked of it.
"""

from __future__ import annotations

from tests.contracts.servers import emptied_store

from weft.kit.clocks import VirtualClock
from weft.kit.registries import Registry

STORES = Registry("weft.store.engines", "store", what="store", group="weft.stores")
WAYS = [f"{name} {way}" for name in STORES.names() for way in ("threads", "inline")]


def open_store(param, folder):
    """Open the store that a parameter of `WAYS` names, in a folder of the test's own."""
    name, way = param.split()
    places = {"sqlite": lambda: f"sqlite:///{folder}/weft.db", "postgresql": emptied_store}
    url = places.get(name, lambda: f"{name}://")()
    return STORES.get(name).open(url, clock=VirtualClock(), threads=way == "threads")
