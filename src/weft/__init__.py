"""One prompt over every row of a table: correctly, cheaply and without losing anything.

    import weft

    result = weft.run("topics.csv", template="topic_review", model="openai/gpt-4o-mini")
    result.write("topics.out.csv")

The house has floors. Imports point down only, rooms on one floor are strangers, and words are
ordered left to right and look left only. A test reads the imports and enforces it.

     floor 7   doors for people      cli/   api/                (and programs: remote/)
               ───────────────────────────────────────────────────────────────────────────
     floor 6   the front desk        app/                       (opens the house, wires it)
               ───────────────────────────────────────────────────────────────────────────
     floor 4   the engine room       engine/                    (the way of a row)
               ───────────────────────────────────────────────────────────────────────────
     floor 2   materials and doors   templates/   tables/   │   providers/    store/
               to the outside        (knowledge)            │   (network)     (database)
               ───────────────────────────────────────────────────────────────────────────
     floor 1   words                 ids money schema limits coercions row checks
                                     notation json_schemas soundness definitions
                                     call run events settings protocols
               ───────────────────────────────────────────────────────────────────────────
     floor 0   ground                errors   kit/

     testing/ stands beside the house: it may import floors 0 to 2.

A row goes its way in eight stops. A **Run** covers the table, a **Pack** is the rows of one call.

     1   Read      tables/reading.py      the file becomes rows with place and line
     2   Check     engine/checking.py     inputs fit, or the row is rejected with its problems
     3   Recall    engine/recalling.py    known answers, and one call for identical rows
     4   Pack      engine/packing.py      rows share a call, under three limits
     5   Admit     engine/admitting.py    wait for the pace, reserve the money
     6   Ask       engine/asking.py       one call, written down before and after
     7   Unpack    engine/unpacking.py    whose answer is this? by label, never by order
         mend      engine/mending.py      rows without a good answer: halves, then alone
     8   Settle    engine/settling.py     one transaction: answer, cost, remembered answer

Start reading at `engine/runner.py`, which walks these stops. This file only re-exports; the desk
is found on first use, so that `import weft` loads no library but the standard one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from weft.errors import WeftError
from weft.money import Budget, Usd
from weft.row import Outcome, RowState
from weft.run import RunState
from weft.schema import Field, Kind, Schema
from weft.settings import Settings

if TYPE_CHECKING:
    from weft.app.calling import estimate, run, run_async
    from weft.app.weft import Weft
    from weft.remote.client import AsyncClient
    from weft.remote.plain import Client
else:
    # `weft.run` is the function. Importing the word `run.py` has just bound the same name to the
    # module, once and for all; without that binding the name is looked up below.
    del run

__all__ = [
    "AsyncClient",
    "Budget",
    "Client",
    "Field",
    "Kind",
    "Outcome",
    "RowState",
    "RunState",
    "Schema",
    "Settings",
    "Usd",
    "Weft",
    "WeftError",
    "estimate",
    "run",
    "run_async",
]

_DESK = {
    "AsyncClient": "weft.remote.client",
    "Client": "weft.remote.plain",
    "Weft": "weft.app.weft",
    "estimate": "weft.app.calling",
    "run": "weft.app.calling",
    "run_async": "weft.app.calling",
}


def __getattr__(name: str) -> Any:
    """Find a name of the desk on first use.

    Raises:
        AttributeError: if weft has no such name.
    """
    if name == "__version__":
        version: str = import_module("importlib.metadata").version("weft")
        return version
    if name not in _DESK:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_DESK[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
