"""Which definitions of fields make sense: one small rule for each way to get one wrong.

Knows what belongs to which kind. Refuses to know where a definition was read and how it is told:
it adds to a list of complaints, so that a person sees everything wrong at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from weft.checks import input_coercer
from weft.limits import bare, compile_pattern, shown
from weft.notation import NAME
from weft.row import Checked
from weft.schema import TEXT_KINDS, Field, Kind, Schema

Complaints = list[dict[str, str]]
"""What is wrong with a definition: `path` and `message` each."""


def complain(complaints: Complaints, path: str, message: str) -> None:
    """Add a complaint; the message follows the path in a sentence."""
    complaints.append({"path": path, "message": message})


def judge_all(found: tuple[Field, ...], path: str, complaints: Complaints) -> None:
    """Complain about names and about every field, nested ones included."""
    seen: set[str] = set()
    for field in found:
        if field.name in seen:
            complain(complaints, f"{path}.{field.name}", "is defined twice.")
        seen.add(field.name)
        if not NAME.fullmatch(field.name):
            complain(
                complaints,
                f"{path}.{shown(field.name)}",
                "is no name: letters, digits, `_` and `-`, at most 64, not beginning with a digit.",
            )
        judge(field, f"{path}.{field.name}", complaints)


def judge(field: Field, path: str, complaints: Complaints) -> None:
    """Complain about everything that makes no sense in one field, its name aside."""
    for rule in _RULES:
        message = rule(field)
        if message:
            complain(complaints, path, message)
    if field.items is not None:
        judge(field.items, f"{path}.items", complaints)
    judge_all(field.fields, path, complaints)


def _spans_are_ordered(field: Field) -> str:
    for least, most in (
        ("min_length", "max_length"),
        ("min_words", "max_words"),
        ("minimum", "maximum"),
        ("min_items", "max_items"),
    ):
        low, high = getattr(field, least), getattr(field, most)
        if low is not None and high is not None and low > high:
            return f"has `{least}` {bare(low)} above `{most}` {bare(high)}."
    return ""


def _limits_belong(field: Field) -> str:
    for limit, kinds in _LIMITS_OF.items():
        value = getattr(field, limit)
        if value is not None and value not in ("", ()) and field.kind not in kinds:
            return f"is of type `{field.kind}`, which has no `{limit}`."
    return ""


def _enum_has_options(field: Field) -> str:
    if field.kind is not Kind.ENUM:
        return ""
    if not field.options:
        return "is an enum and needs `options`."
    if len(set(field.options)) < len(field.options) or "" in {option.strip() for option in field.options}:
        return "has an option that is empty or there twice."
    return ""


def _holds_something(field: Field) -> str:
    if field.kind is Kind.OBJECT and not field.fields:
        return "is an object and needs `fields`."
    if field.kind is Kind.ARRAY and not field.separator:
        return "has an empty `separator`."
    if field.items is not None and not field.items.required:
        return "is a list whose entries may be missing; a list has only entries that are there."
    return ""


def _pattern_compiles(field: Field) -> str:
    if field.pattern:
        try:
            compile_pattern(field.pattern)
        except ValueError as exc:
            return f"has a pattern that cannot be used: {exc}."
    return ""


def _default_fits(field: Field) -> str:
    if field.default is None or (field.default == "" and field.kind in TEXT_KINDS):
        return ""
    if field.required:
        return "has a default, which is never used as long as it is required."
    if any(rule(field) for rule in _RULES if rule is not _default_fits):
        return ""  # nothing fits a field that makes no sense itself
    problems = _read_default(field).problems
    return f"has a default that does not fit: {problems[0].message}" if problems else ""


def _read_default(field: Field) -> Checked:
    return input_coercer(Schema((replace(field, required=True),)))({field.name: field.default})


def typed_default(field: Field) -> Field:
    """Give a sound field its default as the value that rows will get, such as 3 for `"3"`."""
    if field.default is None or field.default == "":
        return field
    return replace(field, default=_read_default(field).values[field.name])


_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMBER})
_LISTS = frozenset({Kind.ARRAY})
_LIMITS_OF: Mapping[str, frozenset[Kind]] = {
    **dict.fromkeys(("min_length", "max_length", "min_words", "max_words", "pattern"), TEXT_KINDS),
    **dict.fromkeys(("minimum", "maximum"), _NUMBERS),
    **dict.fromkeys(("min_items", "max_items", "items"), _LISTS),
    "options": frozenset({Kind.ENUM}),
    "fields": frozenset({Kind.OBJECT}),
}
_RULES = (
    _spans_are_ordered,
    _limits_belong,
    _enum_has_options,
    _holds_something,
    _pattern_compiles,
    _default_fits,
)
