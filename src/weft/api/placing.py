"""Which field of a request for a run a mistake is about, so that a form can show it where it belongs.

Knows what a desk complains about: a schema, a mapping, a prompt, a template, a setting, rows or a table.
Refuses to know why something is wrong; the sentence is the desk's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from weft import errors
from weft.api.wire.estimates import EstimateAsked
from weft.api.wire.runs import RunAsked
from weft.errors import WeftError

_FLAGS = {"--prompt": "body.prompt", "--field": "body.fields"}  # what a prompt without a file calls its parts
_KINDS: Mapping[type[WeftError], str] = {
    errors.BadMapping: "mapping",
    errors.BadSchema: "fields",
    errors.MissingColumn: "mapping",
    errors.MissingCredential: "settings.model",
    errors.KeyHostMismatch: "settings.model",
    errors.UnknownPrice: "settings.budget_usd",
    errors.BudgetExceeded: "settings.budget_usd",
}
"""Kind of error → field, where no fact says it better."""


Errand = RunAsked | EstimateAsked


@contextmanager
def placed(asked: Errand) -> Iterator[None]:
    """Name the field of the request in whatever error of the house the block raises."""
    try:
        yield
    except WeftError as error:
        error.facts["problems"] = list(_problems(error, asked))
        raise


def _problems(error: WeftError, asked: Errand) -> Iterator[dict[str, str]]:
    given = error.facts.get("problems")
    place = f"body.{_field(error, asked)}"
    if not isinstance(given, list | tuple) or not given:
        yield {"path": place, "message": error.message}
        return
    for each in given:
        found = each if isinstance(each, Mapping) else {"message": each}
        path = str(found.get("path") or "")
        if not path.startswith("body."):
            line = found.get("line")
            path = _FLAGS.get(path, place) + (f".line.{line}" if line else "")
        yield {"path": path, "message": str(found.get("message", each))}


def _field(error: WeftError, asked: Errand) -> str:
    """The field of the request, without its `body.`."""
    facts = error.facts
    if isinstance(error, errors.BadSetting):
        return f"settings.{facts.get('name') or facts.get('setting') or ''}".rstrip(".")
    if isinstance(error, errors.UnknownName):
        return _unknown(str(facts.get("name", "")), asked)
    if isinstance(error, errors.UnreadableTable):
        return "rows" if asked.rows is not None else "table"
    if isinstance(error, errors.BadTemplate):
        return "template" if asked.template else "variants" if asked.variants else "prompt"
    if "argument" in facts:
        return str(facts["argument"])
    field = next((_KINDS[kind] for kind in type(error).__mro__ if kind in _KINDS), "")
    return _numbered(field, error.message, asked) if field in {"fields", "mapping"} else field


def _unknown(name: str, asked: Errand) -> str:
    named = {asked.template: "template", asked.variants: "variants", asked.table: "table"}
    return named.get(name, "settings.model") if name else ""


def _numbered(field: str, message: str, asked: Errand) -> str:
    """The line of a list that a sentence quotes; the list where it quotes none of them."""
    lines = asked.fields if field == "fields" else asked.mapping
    number = next(
        (n for n, line in enumerate(lines) if f"`{line}`" in message or repr(line) in message), None
    )
    return field if number is None else f"{field}.{number}"
