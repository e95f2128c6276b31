"""Weft, the open house: holds the desks, opens the store on first use and closes it.

Knows how the house is wired: settings, clock, randomness, wire and store are handed down from here.
Refuses to do anything itself; every question has its desk.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from types import TracebackType
from typing import Any, Self

from weft.app.access import AccessDesk
from weft.app.allowances import Allowance
from weft.app.auditing import AuditDesk
from weft.app.cache import CacheDesk
from weft.app.checkup import CheckupDesk
from weft.app.databases import DatabasesDesk
from weft.app.keys import KeysDesk
from weft.app.looking import LookingDesk
from weft.app.members import MembersDesk
from weft.app.metrics import MetricsDesk
from weft.app.modules import ModulesDesk
from weft.app.opening import Surroundings, look_around, new_random
from weft.app.planning import Planner
from weft.app.prices import PricesDesk
from weft.app.projects import ProjectsDesk
from weft.app.queueing import QueueDesk
from weft.app.runs import RunsDesk
from weft.app.stores import Borrowed, Stores
from weft.app.tables import TablesDesk
from weft.app.templates import TemplatesDesk
from weft.app.tokens import TokensDesk
from weft.app.variants import VariantsDesk
from weft.app.watching import WatchingDesk
from weft.app.workspaces import WorkspacesDesk
from weft.kit.clocks import Clock, SystemClock
from weft.protocols import Provider, Transport
from weft.rights import HOME
from weft.settings import Settings


class Weft:
    """The house with everything that can be asked for; use it with `async with`.

    Attributes:
        runs, looking, watching, tables, templates, variants, modules, prices, cache, metrics, databases, checkup, access,
            projects, keys: the desks.
        members, workspaces, tokens, audit: the desks of the whole server, the same from each of its houses.
        surroundings: settings and what was found around this process.
        clock: tells the time to everybody in the house.
        control: where what concerns the whole server is kept.
        allowance: the monthly budget of the workspace.
    """

    def __init__(
        self,
        surroundings: Surroundings | None = None,
        *,
        clock: Clock | None = None,
        random: Random | None = None,
        provider: Provider | None = None,
        transport: Transport | None = None,
        control: Stores | None = None,
    ) -> None:
        """Open the house; the store is opened when something needs it.

        Args:
            surroundings: settings and keys; `None` = from `weft.toml` and the environment.
            clock: `None` = the machine's.
            random: draws ids and labels; `None` = seeded by the system.
            provider: asked instead of the one that the settings name.
            transport: the wire instead of the real one.
            control: where members, workspaces and tokens are kept, which outlives this house; `None` =
                in its own store.

        Raises:
            BadSetting: if a setting has no usable value.
        """
        self.surroundings = surroundings or look_around()
        self.clock = clock or SystemClock()
        is_home = self.surroundings.workspace == HOME
        own = Stores(self.surroundings.settings, clock=self.clock)
        self._stores: Stores = Borrowed(control) if is_home and control is not None else own
        self.control = control or own
        self._random = random or new_random()
        self._provider = provider
        self._transport = transport
        self.keys = KeysDesk(self.surroundings, self._stores, clock=self.clock)
        planner = self._planner(self.surroundings)
        self.runs = RunsDesk(planner, self._stores, clock=self.clock, random=self._random)
        self.watching = WatchingDesk(self._stores, clock=self.clock)
        self.looking = LookingDesk(self._stores, clock=self.clock)
        self.tables = TablesDesk(self.surroundings, self._stores, clock=self.clock, random=self._random)
        self.templates = TemplatesDesk(planner, clock=self.clock)
        self.variants = VariantsDesk(self.surroundings, clock=self.clock)
        self.modules = ModulesDesk(self.surroundings, self.variants)
        self.prices = PricesDesk(planner)
        self.cache = CacheDesk(self._stores)
        self.metrics = MetricsDesk(planner, self._stores, clock=self.clock)
        self.databases = DatabasesDesk(self._stores)
        self.checkup = CheckupDesk(self.surroundings, self._stores, self.keys)
        self.access = AccessDesk(self.surroundings, self._stores, clock=self.clock)
        self.projects = ProjectsDesk()
        self.members = MembersDesk(self.control, clock=self.clock)
        self.workspaces = WorkspacesDesk(self.control, clock=self.clock)
        self.tokens = TokensDesk(self.control, clock=self.clock)
        workspace = self.surroundings.workspace
        self.allowance = Allowance(workspace, self._stores, control=self.control, clock=self.clock)
        self.audit = AuditDesk(self.control, clock=self.clock)

    @property
    def settings(self) -> Settings:
        """The settings that the house was opened with."""
        return self.surroundings.settings

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def runs_with(self, settings: Mapping[str, Any]) -> RunsDesk:
        """The desk for runs with some settings as they are asked for now; the store is the house's own.

        Args:
            settings: setting → value, over those that the house was opened with; `None` is a value.

        Raises:
            BadSetting: naming the setting whose value cannot be used.
        """
        return RunsDesk(self._planner_with(settings), self._stores, clock=self.clock, random=self._random)

    def prices_with(self, settings: Mapping[str, Any]) -> PricesDesk:
        """The desk for prices with some settings as they are asked for now.

        Args:
            settings: as for `runs_with`.

        Raises:
            BadSetting: likewise.
        """
        return PricesDesk(self._planner_with(settings))

    def queue_with(self, settings: Mapping[str, Any]) -> QueueDesk:
        """The desk for runs that a worker walks, with some settings as they are asked for now.

        Args:
            settings: as for `runs_with`.

        Raises:
            BadSetting: likewise.
        """
        return QueueDesk(
            self._planner_with(settings),
            self._stores,
            clock=self.clock,
            random=self._random,
            allowance=self.allowance,
        )

    def _planner_with(self, settings: Mapping[str, Any]) -> Planner:
        return self._planner(self.surroundings.asking_with(settings))

    def _planner(self, surroundings: Surroundings) -> Planner:
        return Planner(
            surroundings,
            clock=self.clock,
            keys=self.keys,
            provider=self._provider,
            transport=self._transport,
        )

    def borrow_stores(self) -> Borrowed:
        """The house's own store for somebody who outlives the house; closing it does nothing."""
        return Borrowed(self._stores)

    async def close(self) -> None:
        """Close the store; harmless when repeated."""
        await self._stores.close()


def open_weft(flags: dict[str, Any] | None = None, **keywords: Any) -> Weft:
    """Open the house with settings from flags or keyword arguments over those found around.

    Args:
        flags: settings of a command line; `None` values are not given.
        keywords: settings such as `model="local"`; here `None` is a value.

    Raises:
        BadSetting: naming file and line, variable, flag or argument.
    """
    return Weft(look_around(flags, keywords=keywords))
