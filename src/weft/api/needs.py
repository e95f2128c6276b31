"""What routes are handed: the house, lanes for work that takes a while, and the page's own parts.

Knows that the desks for files are not asked from two threads at once, and that slow work has its
own lane so that it keeps nobody from looking. Refuses to know what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from weft.api.crews import Crew
from weft.api.news import News
from weft.api.problems import Complaint, Refused, invalid
from weft.api.repeating import Repeats
from weft.app.houses import OneHouse
from weft.app.weft import Weft
from weft.app.working import Lanes, Worker
from weft.ids import RunId
from weft.protocols import Listener
from weft.rights import HOME

EXPORTS = 4  # of one workspace at once; each holds a thread as long as somebody reads it
INTAKE = 2  # tables that are looked over at once
PROJECTIONS = 2  # of one workspace at once; the next ones wait
T = TypeVar("T")


class Lane:
    """One thing after the other, each in a thread of its own, while the server goes on."""

    def __init__(self) -> None:
        """Nobody is waiting yet."""
        self._lock = asyncio.Lock()

    async def do(self, call: Callable[[], T]) -> T:
        """Wait for everybody before, then do it; whatever it raises is raised here."""
        async with self._lock:
            return await asyncio.to_thread(call)


@dataclass(slots=True, kw_only=True)
class Office:
    """What all requests share.

    Attributes:
        desks: the lane for templates, variants and prices, which read and write files.
        workshop: the lane for generating code, whose checks take seconds.
        exports: writes exports.
        intake: looks over tables that were handed over.
        projections: projects what runs would take.
        repeats: answers to requests that may come again.
        news: what runs tell while they are walked.
        worker: walks runs that were handed in.
    """

    house: Weft
    repeats: Repeats
    news: News
    worker: Worker
    desks: Lane = field(default_factory=Lane)
    workshop: Lane = field(default_factory=Lane)
    exports: Crew = field(default_factory=lambda: Crew(EXPORTS))
    intake: Crew = field(default_factory=lambda: Crew(INTAKE))
    projections: Crew = field(default_factory=lambda: Crew(PROJECTIONS))


def open_office(house: Weft, lanes: Lanes | None = None, *, workspace: str = HOME) -> Office:
    """Everything that requests of one workspace share, over its open house.

    Args:
        house: whose runs are told about.
        lanes: of this process, for every house; `None` = lanes for this one, which wait to be started.
        workspace: what the house is called.
    """
    house.tables.sweep()
    news = News()
    worker = (lanes or Lanes(OneHouse(house), clock=house.clock)).worker(workspace, house)

    def listeners(run: RunId) -> Sequence[Listener]:
        return (*news.listeners(run), house.metrics.counting)

    worker.listeners = listeners
    return Office(
        house=house,
        repeats=Repeats(house.borrow_stores(), clock=house.clock),
        news=news,
        worker=worker,
    )


def office_of(request: Request) -> Office:
    """The office of the workspace in which somebody is; the only one on the local server."""
    found = getattr(request.state, "office", None)
    return cast("Office", found if found is not None else request.app.state.office)


def house_of(request: Request) -> Weft:
    """The open house."""
    return office_of(request).house


async def _office(request: Request) -> Office:
    """As `office_of`; what is no coroutine would be sent to a thread for each request."""
    return office_of(request)


async def _house(request: Request) -> Weft:
    """As `house_of`, likewise."""
    return house_of(request)


AnOffice = Annotated[Office, Depends(_office)]
House = Annotated[Weft, Depends(_house)]


async def refuse_unknown_parameters(request: Request) -> None:
    """Refuse parameters of the address that it does not have, or that stand there twice.

    Raises:
        Refused: naming each of them.
    """
    route = request.scope.get("route")
    known = _parameters(route.dependant) if isinstance(route, APIRoute) else {}
    complaints = []
    for name in dict.fromkeys(request.query_params):
        if name not in known:
            listed = ", ".join(f"`{each}`" for each in sorted(known)) or "none"
            complaints.append(
                Complaint(path=f"query.{name[:60]}", message=f"is not known here; known: {listed}.")
            )
        elif not known[name] and len(request.query_params.getlist(name)) > 1:
            complaints.append(Complaint(path=f"query.{name}", message="is given more than once."))
    if complaints:
        raise Refused(invalid(complaints, status=HTTPStatus.UNPROCESSABLE_ENTITY))


def _parameters(dependant: Dependant) -> Mapping[str, bool]:
    """The parameters of an address → whether they may be given several times."""
    found = {each.alias: _is_list(each.field_info.annotation) for each in dependant.query_params}
    for below in dependant.dependencies:
        found |= _parameters(below)
    return found


def _is_list(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) in {list, tuple}
