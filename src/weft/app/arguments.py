"""Arguments of `weft.run` and `weft.estimate`: their names, their types, and where each one goes.

Knows which argument belongs to the table, to the output, to the house or to the settings.
Refuses to know what any of them does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, BinaryIO, TypedDict

from weft.app.configuring import NAMES
from weft.app.exporting import ExportRequest
from weft.app.requesting import RunRequest
from weft.errors import BadSetting
from weft.protocols import Listener, Provider, ReadOptions, Transport

READ = ("encoding", "delimiter", "sheet", "ragged")
REQUEST = ("prompt", "fields", "map", "limit", "fresh", "name", *READ)
OUT = ("out", "form", "meta", "raw")
HOUSE = ("provider", "transport", "listeners")


class SettingArguments(TypedDict, total=False):
    """Every setting, by its name; the sentences that explain them stand in `settings.py`."""

    store: str
    model: str
    base_url: str
    allowed_base_urls: str
    private_networks: bool
    key_name: str
    public_url: str
    trusted_proxies: str
    oidc_issuer: str
    oidc_client_id: str
    oidc_rehearsal: bool
    structured: str
    rows_per_call: int
    input_tokens_per_call: int
    output_tokens_per_call: int
    concurrency: int
    rpm: int | None
    tpm: int | None
    timeout_s: float
    attempts: int
    row_attempts: int
    retry_after_cap_s: float
    retry_share: float
    circuit_failures: int
    circuit_open_s: float
    patience_s: float
    grace_s: float
    budget_usd: float | str | None
    budget_tokens: int | None
    until_budget: bool
    max_failed_share: float | None
    temperature: float | None
    top_p: float | None
    seed: int | None
    reasoning_effort: str | None
    reasoning_tokens: int
    strict_model: bool
    prices: str | Path
    table_mb: int
    table_rows: int
    table_columns: int
    table_cell_kb: int
    tables_mb: int
    server_rpm: int | None
    min_free_mb: int


class RowArguments(SettingArguments, total=False):
    """What is asked about which rows; see `RunRequest` and `ReadOptions`.

    Attributes:
        fields: lines such as `tldr: string = a summary`, or name → definition.
        map: input → column, or lines such as `topic=Title`.
        provider: asked instead of the one that `model` names.
    """

    prompt: str | None
    fields: Sequence[str] | Mapping[str, str] | None
    map: Sequence[str] | Mapping[str, str] | None
    limit: int | None
    fresh: bool
    name: str
    encoding: str
    delimiter: str
    sheet: str
    ragged: str
    provider: Provider | None
    transport: Transport | None


class RunArguments(RowArguments, total=False):
    """Also where the answers go, and who listens; see `ExportRequest`.

    Attributes:
        out: a path or an open binary stream, written when the run comes to its end.
        listeners: hear every event of the run.
    """

    out: str | Path | BinaryIO | None
    form: str
    meta: bool
    raw: bool
    listeners: Sequence[Listener]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """Arguments by where they go."""

    asked: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def provider(self) -> Provider | None:
        """Asked instead of the one that the settings name; `None` = none."""
        return self.asked.get("provider")

    @property
    def transport(self) -> Transport | None:
        """The wire instead of the real one; `None` = none."""
        return self.asked.get("transport")

    @property
    def listeners(self) -> Sequence[Listener]:
        """Who hears the events of the run."""
        return self.asked.get("listeners") or ()

    def request(self, table: Any, template: str | Path | None) -> RunRequest:
        """What is asked about which rows."""
        asked = self.asked
        read = {name: asked[name] for name in READ if asked.get(name)}
        return RunRequest(
            table=table,
            template=str(template or ""),
            prompt=asked.get("prompt") or "",
            fields=_lines(asked.get("fields"), ": "),
            mapping=_lines(asked.get("map"), "="),
            read=ReadOptions(**read),
            limit=asked.get("limit"),
            fresh=bool(asked.get("fresh")),
            name=asked.get("name") or "",
        )

    def export(self) -> ExportRequest | None:
        """Where the answers go; `None` = nowhere."""
        target = self.asked.get("out")
        if target is None:
            return None
        wanted = {name: self.asked[name] for name in ("form", "meta", "raw") if name in self.asked}
        return ExportRequest(target=target, **wanted)


def sort_arguments(arguments: Mapping[str, Any]) -> Sorted:
    """Sort arguments by where they go.

    Raises:
        BadSetting: if there is no argument of a name; with the nearest ones.
    """
    known = {*REQUEST, *OUT, *HOUSE}
    for name in arguments:
        if name not in known and name not in NAMES:
            nearest = get_close_matches(name, [*known, *NAMES], n=3, cutoff=0.5)
            told = f"did you mean {' or '.join(f'`{each}`' for each in nearest)}?" if nearest else ""
            raise BadSetting(f"`weft.run` has no argument `{name}`.", hint=told, name=name, nearest=nearest)
    return Sorted(
        asked={name: value for name, value in arguments.items() if name in known},
        settings={name: _plain(value) for name, value in arguments.items() if name not in known},
    )


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _lines(given: Sequence[str] | Mapping[str, str] | None, link: str) -> list[str]:
    if given is None:
        return []
    if isinstance(given, str):
        return [given]
    return (
        [f"{name}{link}{text}" for name, text in given.items()] if isinstance(given, Mapping) else list(given)
    )
