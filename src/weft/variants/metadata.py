"""Reads `variant.toml` and `pack.toml`, strictly: every fault with its key, its line and a way out.

Knows which keys there are and what each may hold. An unknown key is an error, for a misspelt
`prerequisite` that is ignored would be found in production. Refuses to open files and to know
which variants exist.
"""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from weft.definitions import read_fields
from weft.errors import BadSchema, BadVariant
from weft.schema import Schema
from weft.templates.flaws import Flaw
from weft.templates.versions import is_version
from weft.variants.variant import NEEDS, OPERATION_KINDS, OUTPUTS, SHAPES, Conditions, Domain, Switch, Variant

VARIANT_FILE = "variant.toml"
PACK_FILE = "pack.toml"
NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
FILE = re.compile(r"[a-z][a-z0-9_]{0,47}(\.[a-z0-9]{1,8}){1,3}")
MOST_SWITCHES = 4  # every combination of them is rendered and checked: sixteen
LONGEST = 300  # characters of a text
MOST_NAMES = 100  # of one list
HINT = "correct the file; `weft variants show` tells what each key of a built-in variant holds."
_HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*(\"[^\"]+\"|'[^']+'|[A-Za-z0-9_-]+)\s*=")
_PART = re.compile(r"\"([^\"]*)\"|'([^']*)'|([^.\s]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackHead:
    """What a `pack.toml` says; the variants stand in folders beside it."""

    name: str
    description: str
    output: str
    kinds: tuple[str, ...]
    base: str


def bad_variant(path: str, flaws: Sequence[Flaw]) -> BadVariant:
    """Tell every flaw of one file in one error, in the order of their lines."""
    ordered = sorted(flaws, key=lambda flaw: flaw.line or 10**9)
    count = "1 problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    listed = "".join(f"\n  - {flaw}" for flaw in ordered)
    return BadVariant(
        f"`{path}` has {count}:{listed}",
        hint=HINT,
        path=path,
        line=ordered[0].line,
        problems=[{"path": f.path, "line": f.line, "message": f.message, "code": f.code} for f in ordered],
    )


def parse_pack(text: str, *, path: str) -> PackHead:
    """Read a `pack.toml`.

    Args:
        path: the file, for messages.

    Raises:
        BadVariant: with every problem and its line.
    """
    table = _Table.of(text, path)
    head = PackHead(
        name=table.name("name"),
        description=table.text("description", least=20),
        output=table.choice("output", OUTPUTS),
        kinds=table.names("kinds", required=True),
        base=table.text("base", required=False, check=FILE.fullmatch, like="`base.py.j2`"),
    )
    table.finish()
    return head


def parse_variant(text: str, *, pack: PackHead, folder: Path, is_builtin: bool = False) -> Variant:
    """Read a `variant.toml`.

    Args:
        pack: what it belongs to; kinds that the pack does not have are refused.
        folder: where the file lies; the variant must be called like it.
        is_builtin: it comes with weft.

    Raises:
        BadVariant: with every problem and its line.
    """
    table = _Table.of(text, str(folder / VARIANT_FILE))
    name = table.name("name")
    if name and name != folder.name:
        table.flaw("name", f"must be `{folder.name}`, as its folder is called, not `{name}`.")
    serves = table.names("serves", known=OPERATION_KINDS)
    at_least, at_most = _operations(table)
    variant = Variant(
        name=name,
        pack=pack.name,
        version=table.text("version", check=is_version, like="`1.0.0`"),
        description=table.text("description", least=20),
        kinds=table.names("kinds", required=True, known=pack.kinds),
        folder=folder,
        at_least=at_least,
        at_most=at_most,
        serves=serves,
        domain=_domain(table, serves),
        features=table.names("features", pattern=NAME),
        needs=table.names("needs", known=NEEDS),
        terms=table.names("terms"),
        mixins=table.names("mixins"),
        patterns=table.names("patterns"),
        complexity=table.whole("complexity", least=1, most=5, default=None),
        prerequisites=table.names("prerequisites"),
        recommended_for=table.names("recommended_for"),
        performance=_performance(table),
        settings=_schema(table, "settings"),
        switches=_switches(table),
        operations_take=_takes(table, serves),
        when=_conditions(table, pack),
        extends=table.text("extends", required=False, check=NAME.fullmatch, like="`standard`"),
        is_builtin=is_builtin,
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )
    table.finish()
    return variant


def only_domain(serves: Collection[str]) -> Domain | None:
    """The domain of operations that all belong to one; `None` for none, several or only `pure`."""
    domains = {OPERATION_KINDS.get(kind) for kind in serves} - {None}
    return domains.pop() if len(domains) == 1 else None


# ── one table of a file ──────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Table:
    """A table of a TOML file that counts which keys were asked for; the rest is unknown."""

    path: str
    found: Mapping[str, Any]
    lines: Mapping[str, int]
    flaws: list[Flaw]
    below: str = ""
    asked: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, text: str, path: str) -> _Table:
        try:
            return cls(path, tomllib.loads(text), _lines(text), [])
        except tomllib.TOMLDecodeError as exc:
            at = re.search(r"\(at line (\d+)", str(exc))
            message = f"is not TOML: {str(exc).split(' (at')[0][:80].lower()}."
            raise bad_variant(path, [Flaw("", int(at[1]) if at else 0, message, "unreadable")]) from exc

    def flaw(self, key: str, message: str, code: str = "invalid") -> None:
        place = f"{self.below}{key}"
        near = place
        while near and near not in self.lines:
            near = near.rpartition(".")[0]
        self.flaws.append(Flaw(place, self.lines.get(near, 0), message, code))

    def finish(self) -> None:
        """Complain about keys nobody asked for; raise if there is any flaw in the file."""
        self.leave()
        if self.flaws:
            raise bad_variant(self.path, self.flaws)

    def leave(self) -> None:
        for key in self.found:
            if key not in self.asked:
                near = get_close_matches(key, sorted(self.asked), n=1, cutoff=0.6)
                known = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(sorted(self.asked))}."
                self.flaw(key, f"is not known here; {known}", "unknown_key")

    def take(self, key: str) -> Any:
        self.asked.add(key)
        return self.found.get(key)

    def table(self, key: str) -> _Table | None:
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.flaw(key, f"must be a table, such as `[{self.below}{key}]`.")
            return None
        return _Table(self.path, value, self.lines, self.flaws, f"{self.below}{key}.")

    def tables(self, key: str) -> list[tuple[str, _Table]]:
        """The tables below a key, by name."""
        outer = self.table(key)
        inner = [(name, outer.table(name)) for name in outer.found] if outer else []
        return [(name, each) for name, each in inner if each is not None]

    def name(self, key: str) -> str:
        return self.text(key, check=NAME.fullmatch, like="`order_store`, in lower case")

    def text(
        self,
        key: str,
        *,
        required: bool = True,
        least: int = 1,
        check: Callable[[str], object] = bool,
        like: str = "",
    ) -> str:
        """A text of some length; `check` says whether it has its form, which looks `like` that."""
        value = self.take(key)
        if value is None:
            if required:
                self.flaw(key, "is missing.", "missing")
            return ""
        if not isinstance(value, str):
            self.flaw(key, "must be text in quotes.")
            return ""
        if not least <= len(value.strip()) <= LONGEST:
            self.flaw(key, f"must have {least} to {LONGEST} characters, not {len(value.strip())}.")
        elif not check(value):
            self.flaw(key, f"must be written like {like}, not {value!r}.")
        return value.strip()

    def choice(self, key: str, known: Collection[str], *, required: bool = True) -> str:
        value = self.text(key, required=required)
        if value and value not in known:
            self.flaw(key, f"must be one of {', '.join(known)}, not {value!r}.")
            return ""
        return value

    def names(
        self,
        key: str,
        *,
        required: bool = False,
        known: Collection[str] = (),
        pattern: re.Pattern[str] | None = None,
    ) -> tuple[str, ...]:
        """A list of distinct texts; with `known` only these, with `pattern` only what matches."""
        value = self.take(key)
        if value is None and not required:
            return ()
        if not isinstance(value, list) or (required and not value) or len(value) > MOST_NAMES:
            self.flaw(key, f"must be a list of {'one' if required else 'none'} to {MOST_NAMES} texts.")
            return ()
        for each in value:
            if not isinstance(each, str) or not each.strip():
                self.flaw(key, f"must hold texts only, not {each!r}.")
            elif known and each not in known:
                near = get_close_matches(each, list(known), n=1)
                guess = f" Did you mean `{near[0]}`?" if near else ""
                self.flaw(key, f"must hold only {', '.join(known)}, not {each!r}.{guess}")
            elif pattern and not pattern.fullmatch(each):
                self.flaw(key, f"must hold names such as `connection_pool`, not {each!r}.")
            elif value.count(each) > 1:
                self.flaw(key, f"names {each!r} twice.")
                return ()
        return tuple(each for each in value if isinstance(each, str))

    def whole(self, key: str, *, least: int, most: int, default: int | None) -> int:
        value = self.take(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.flaw(key, f"must be a whole number from {least} to {most}.")
            return least
        return value


# ── keys with a shape of their own ───────────────────────────────────────────────────────────────


def _domain(table: _Table, serves: Collection[str]) -> Domain | None:
    """What the file says; otherwise what the operations have in common. `none` makes it generic."""
    said = table.choice("domain", [*Domain, "none"], required=False)
    if said:
        return None if said == "none" else Domain(said)
    return only_domain(serves)


def _operations(table: _Table) -> tuple[int, int | None]:
    within = table.table("operations")
    if within is None:
        return 0, None
    least = within.whole("at_least", least=0, most=1000, default=0)
    most = within.whole("at_most", least=0, most=1000, default=1000)
    if "at_most" in within.found and most < least:
        within.flaw("at_most", f"must not be below at_least, {least}.")
    within.leave()
    return least, most if "at_most" in within.found else None


def _performance(table: _Table) -> dict[str, float]:
    within = table.table("performance")
    if within is None:
        return {}
    for key, value in within.found.items():
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not NAME.fullmatch(key) or not number:
            within.flaw(key, "must be a number under a name with its unit, such as `latency_p95_ms`.")
    return dict(within.found)


def _schema(table: _Table, key: str) -> Schema:
    """Typed fields in weft's own notation; each needs a name of Python's kind."""
    found = table.take(key)
    if found is None:
        return Schema(())
    where = f"{table.below}{key}"
    if not isinstance(found, dict):
        table.flaw(key, f"must be a table, such as `[{where}.pool_min]`.")
        return Schema(())
    for name in found:
        if not NAME.fullmatch(name):
            table.flaw(f"{key}.{name}", "must be a name such as `pool_min`.")
    try:
        return read_fields(found, where=where)
    except BadSchema as exc:
        problems = exc.facts.get("problems")
        for each in problems if isinstance(problems, list) else ():
            table.flaw(str(each["path"]).removeprefix(table.below), str(each["message"]))
        return Schema(())


def _switches(table: _Table) -> tuple[Switch, ...]:
    found = []
    for name, within in table.tables("switches"):
        default = within.take("default")
        if not isinstance(default, bool):
            within.flaw("default", "must be true or false.")
        if not NAME.fullmatch(name):
            table.flaw(f"switches.{name}", "must be a name such as `metrics`.")
        found.append(Switch(name=name, default=default is True, description=within.text("description")))
        within.leave()
    if len(found) > MOST_SWITCHES:
        table.flaw("switches", f"has {len(found)} switches; {MOST_SWITCHES} are allowed.")
    return tuple(found)


def _takes(table: _Table, serves: Collection[str]) -> dict[str, Schema]:
    within = table.table("operations_take")
    if within is None:
        return {}
    found = {}
    for kind in within.found:
        if kind not in serves:
            within.flaw(kind, "must be one of the kinds of operations in `serves`; write it in quotes.")
        found[kind] = _schema(within, kind)
    return found


def _conditions(table: _Table, pack: PackHead) -> Conditions:
    within = table.table("when")
    if within is None:
        return Conditions()
    if pack.output != "prompt":
        table.flaw("when", "belongs to packs of prompts; this pack makes code.")
    bounds: list[int | None] = [
        within.whole(key, least=0, most=10**9, default=0) if key in within.found else None
        for key in ("longer_than", "shorter_than")
    ]
    within.asked |= {"longer_than", "shorter_than"}
    found = Conditions(
        columns=within.names("columns"),
        without=within.names("without"),
        longer_than=bounds[0],
        shorter_than=bounds[1],
        languages=within.names("languages", pattern=re.compile("[a-z]{2}")),
        shapes=within.names("shapes", known=SHAPES),
        models=within.names("models"),
    )
    within.leave()
    return found


def _lines(text: str) -> dict[str, int]:
    """Dotted path of each key and table → its line; good enough for messages, strings may fool it."""
    found: dict[str, int] = {}
    below = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header, key = _HEADER.fullmatch(line), _KEY.match(line)
        if header is not None:
            below = _path(header[1])
            found.setdefault(below, number)
        elif key is not None:
            found.setdefault(f"{below}.{_path(key[1])}" if below else _path(key[1]), number)
    return found


def _path(dotted: str) -> str:
    return ".".join(next(filter(None, part), "") for part in _PART.findall(dotted))
