"""From a request to a plan: opens table, template and provider, and holds them against each other.

Knows the order in which mistakes are found: what was asked, the table, the template and its
columns, the model and its key, the price. Refuses to write anything and to ask anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from weft.app import choosing
from weft.app.keys import KeysDesk
from weft.app.opening import Surroundings, check_allowed
from weft.app.prompters import kept_template, make_prompter, remake_prompter, whole_text
from weft.app.providing import (
    DECODING,
    PROVIDERS,
    ModelName,
    build_provider,
    choose_key,
    merge_options,
    read_model,
)
from weft.app.requesting import IN_MEMORY, Made, Plan, RunRequest, budget_of, check_price, write_spec
from weft.app.resuming import changed_spec, check_same, check_template
from weft.call import Options
from weft.kit.clocks import Clock
from weft.kit.fingerprints import fingerprint
from weft.protocols import Prompter, Provider, ReadOptions, Table, Transport
from weft.providers._pricing import PriceBook, load_prices
from weft.row import BrokenRow, Row
from weft.run import Run, RunSpec
from weft.settings import Settings
from weft.tables.memory import memory_table
from weft.tables.reading import open_table
from weft.templates.compiling import CompileCache
from weft.templates.folders import Folder
from weft.templates.library import TemplateLibrary
from weft.templates.linting import deprecation
from weft.templates.pieces import Origin
from weft.variants.library import VariantLibrary

VARIANTS = "variants"  # folder of own variants, beside weft.toml
TEMPLATES = "templates"  # folder of own templates, beside weft.toml and in the current folder


class Planner:
    """Opens what a run needs."""

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        clock: Clock,
        keys: KeysDesk,
        provider: Provider | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Plan with these surroundings.

        Args:
            surroundings: settings, keys and where own templates are.
            clock: measures how long calls take.
            keys: those that are kept.
            provider: asked instead of the one that the settings name; for tests and rehearsals.
            transport: the wire instead of the real one, likewise.
        """
        self.surroundings = surroundings
        self.library = open_library(surroundings)
        self.compiled = CompileCache(confines_all=surroundings.apart)
        self._clock = clock
        self._provider = provider
        self._transport = transport
        self._keys = keys
        self._book: PriceBook | None = None

    @property
    def prices(self) -> PriceBook:
        """What is known about models; read on first use.

        Raises:
            BadSetting: if the own price file is wrong.
        """
        if self._book is None:
            own = self.surroundings.settings.prices
            self._book = load_prices(Path(own) if own else None)
        return self._book

    async def load_keys(self) -> None:
        """Look which keys are kept; must come before a plan for a model that will be asked."""
        if self._provider is None:
            await self._keys.load()

    async def note_keys(self) -> tuple[str, ...]:
        """Write down which kept keys were handed to providers, and name them."""
        return await self._keys.note_uses()

    def plan(self, request: RunRequest, *, asks: bool = True) -> Plan:
        """Open everything that a run needs.

        Args:
            request: what is asked for.
            asks: the model will be asked; an estimate needs no key.

        Raises:
            Mistake: of every kind that the asker can make.
        """
        request.check()
        settings = self.surroundings.settings
        table = open_rows(request)
        made = self._made(request, table.columns)
        template_options = getattr(getattr(made.prompter, "template", None), "options", {})
        provider = self.provider(template_options, asks=asks)
        check_price(provider, budget_of(settings), base_url=settings.base_url)
        spec = write_spec(request, table, made=made, provider=provider, settings=settings)
        return Plan(
            request=request,
            table=table,
            prompter=made.prompter,
            provider=provider,
            spec=spec,
            settings=settings,
            notes=(*table.notes, *self._template_notes(request)),
        )

    def _template_notes(self, request: RunRequest) -> tuple[str, ...]:
        """What is to be said about a template before it is used: that it is deprecated."""
        if not request.template:
            return ()
        template = self.library.load(request.template)
        record = self.library.record(template)
        return (deprecation(template, record),) if record.deprecated else ()

    def _made(self, request: RunRequest, columns: Sequence[str]) -> Made:
        """The prompter of one template, or one that chooses among those of a pack."""
        if not request.variants:
            return make_prompter(request, columns, library=self.library, cache=self.compiled)
        settings = self.surroundings.settings
        model = (
            self._provider.model if self._provider else read_model(settings.model, settings.base_url).model
        )
        return choosing.make_choosing(
            request, columns, library=self._variants(), cache=self.compiled, model=model
        )

    def _variants(self) -> VariantLibrary:
        return VariantLibrary((self.surroundings.root / VARIANTS,))

    def provider(self, template_options: Mapping[str, Any], *, asks: bool = True) -> Provider:
        """Build the provider that the settings name.

        Raises:
            BadSetting, UnknownName: if the model is not named, or its provider is not known.
            MissingCredential: if there is no key for it.
        """
        if self._provider is not None:
            return self._provider
        settings = self.surroundings.settings
        name = read_model(settings.model, settings.base_url)
        options = merge_options(settings, self.surroundings.given, template_options)
        return self._build(name, options, asks=asks)

    def again(self, spec: RunSpec, *, asks: bool = True) -> tuple[Prompter, Provider]:
        """Make prompter and provider of a stored run again, as it was begun.

        Args:
            spec: as it was written down.
            asks: the model will be asked; an estimate needs no key.

        Raises:
            ChangedSpec: if this version of weft would prompt differently.
            MissingCredential: if there is no key any more.
        """
        prompter = self.prompter_again(spec)
        if self._provider is not None:
            return prompter, self._provider
        options = Options(**{"temperature": None, **spec.options})
        return prompter, self._build(
            ModelName(spec.provider, spec.model), options, base_url=spec.base_url, asks=asks
        )

    def account(self, spec: RunSpec) -> str:
        """Tell apart whom a provider counts for: its address and the key, which cannot be read back from this."""
        key = None
        if self._provider is None and spec.provider in PROVIDERS:
            around = self.surroundings.asking_at(spec.base_url)
            key = choose_key(PROVIDERS.get(spec.provider), around, kept=self._keys)
        return fingerprint("account", spec.provider, spec.base_url, "" if key is None else key.text)

    def prompter_again(self, spec: RunSpec) -> Prompter:
        """Make the prompter of a stored run again.

        Raises:
            ChangedSpec: if this version of weft would prompt differently.
        """
        if spec.prompter_source["kind"] == choosing.KIND:
            return choosing.remake_choosing(spec.prompter_source, cache=self.compiled)
        return remake_prompter(spec.prompter_source, cache=self.compiled)

    def settings_again(self, spec: RunSpec) -> Settings:
        """The settings for another life of a run: its own rows per call, unless a flag says other."""
        settings = self.surroundings.settings
        if "rows_per_call" in self.surroundings.flagged:
            return settings
        return replace(settings, rows_per_call=spec.rows_per_call)

    def rows_again(self, run: Run) -> Callable[[], Iterator[Row | BrokenRow]]:
        """Read the table of a run again whose rows were not all read.

        Raises:
            ChangedSpec: if the table is not the same any more, or was in memory only.
            UnreadableTable: if it is gone.
        """
        spec = run.spec
        if spec.table == IN_MEMORY:
            raise changed_spec(
                run, "its rows were in memory and not all of them were read", {"table": spec.table}
            )
        read = ReadOptions(**spec.prompter_source["read"])
        table = open_rows(RunRequest(table=spec.table, read=read))
        check_same(run, {"table contents": table.digest(), "columns": list(table.columns)})
        return lambda: islice(table.rows(), spec.limit)

    def check_unchanged(self, run: Run, *, as_begun: bool) -> None:
        """Hold a stored run against flags that were given now, and against its template's file (L14).

        Raises:
            ChangedSpec: with both values of what differs, or the lines of the template.
        """
        check_same(run, self._flagged_identity(run.spec))
        if run.spec.prompter_source["kind"] == choosing.KIND and not as_begun:
            choosing.check_choosing(run, self._variants())
        path = run.spec.prompter_source.get("path")
        if as_begun or not path or not Path(path).is_file():
            return  # a file that is gone changes nothing: the run keeps its text
        begun = kept_template(run.spec.prompter_source)
        check_template(run, whole_text(begun), whole_text(self.library.load(Path(path))))

    def _flagged_identity(self, spec: RunSpec) -> dict[str, Any]:
        """The parts of a run's identity that were asked for now, by a flag or an argument."""
        settings, flagged = self.surroundings.settings, self.surroundings.flagged
        asked: dict[str, Any] = {}
        if "model" in flagged:
            name = read_model(settings.model, settings.base_url)
            asked |= {"provider": name.provider, "model": name.model}
        if "base_url" in flagged:
            asked["base url"] = settings.base_url
        options = dict(spec.options) | {each: getattr(settings, each) for each in DECODING if each in flagged}
        return asked | {"options": {name: value for name, value in options.items() if value is not None}}

    def _build(
        self, name: ModelName, options: Options, *, base_url: str | None = None, asks: bool = True
    ) -> Provider:
        address = self.surroundings.settings.base_url if base_url is None else base_url
        if self.surroundings.apart and address:
            check_allowed(address, self.surroundings.settings)  # it may have been allowed when a run began
        around = self.surroundings.asking_at(address)
        return build_provider(
            name,
            around,
            facts=self.prices.find(name.provider, name.model, base_url=address),
            options=options,
            wire=self._wire,
            key=choose_key(PROVIDERS.get(name.provider), around, kept=self._keys, asks=asks),
        )

    def _wire(self) -> Transport:
        if self._transport is not None:
            return self._transport
        # aiohttp takes a while to load, and most commands ask nobody.
        http = import_module("weft.providers._http")
        settings = self.surroundings.settings
        wire: Transport = http.AiohttpTransport(
            settings.concurrency, clock=self._clock, private=settings.private_networks
        )
        return wire


def open_rows(request: RunRequest) -> Table:
    """Open the table of a request: a file, or rows in memory.

    Raises:
        UnreadableTable: if it cannot be read.
    """
    if isinstance(request.table, str | Path):
        return open_table(Path(request.table).expanduser(), request.read)
    return memory_table(request.table)


def open_library(surroundings: Surroundings) -> TemplateLibrary:
    """The templates of weft itself, the user's, the project's and the current folder's; the last wins.

    A workspace of several has its own and weft's.
    """
    own = [surroundings.root / TEMPLATES]
    if not surroundings.apart:
        own.append(Path.cwd() / TEMPLATES)
    folders = [Folder(path, Origin.PROJECT) for path in dict.fromkeys(own)]
    shared = surroundings.user_folder
    if shared is not None:
        folders.insert(0, Folder(shared / TEMPLATES, Origin.USER))
    return TemplateLibrary(folders, home=surroundings.root)
