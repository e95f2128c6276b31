"""Check the values of a row against a schema: inputs before asking, answers before settling.

A schema is compiled once into closures; checking a row is then plain calls. Never raises for
any value: what does not fit becomes a Problem with the field's path, a sentence and a code.
Refuses to know templates, expressions beyond the schema, and what becomes of a row with problems.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

import orjson

from weft.coercions import Reader, answer_look, answer_reader, cell_reader
from weft.limits import Unfit, counted, shown, storable, text_limits
from weft.row import Checked, Value
from weft.schema import Field, Kind, Problem, Schema

MAX_PROBLEMS = 20  # per row; more tell nobody anything and would fill the store

STRETCH = 64  # rows looked over at once; one that holds no texts costs its neighbours the quick way

Check = Callable[[Mapping[str, Value]], Checked]
RowsCheck = Callable[[Sequence[Mapping[str, Value]]], list[Checked]]
_Visit = Callable[[Any, str, list[Problem], list[Problem]], Any]
_Members = Callable[[Mapping[str, Any], str, list[Problem], list[Problem]], dict[str, Any]]


def input_coercer(schema: Schema) -> Check:
    """Make the function that turns cells into typed inputs.

    The cells may be text or typed. A cell that is absent, `None` or blank is missing: an optional
    field then takes its default (or `None`), a required one is a problem with the code `missing`.
    Other columns are ignored. Lists are JSON lists or text split at the field's separator
    (a cell that starts with `[` must be a JSON list); objects are JSON. The values stand in the
    order of the schema; a message begins with the field's title.
    """
    members = _members(schema.fields, _CELLS)

    def coerce(cells: Mapping[str, Value]) -> Checked:
        problems: list[Problem] = []
        values = members(cells, "", problems, [])
        return Checked(values, tuple(problems[:MAX_PROBLEMS])) if problems else Checked(values)

    return coerce


def rows_coercer(schema: Schema) -> RowsCheck:
    """Make the function that does for many rows what `input_coercer` does for one, several times quicker.

    Texts without limits need no reading: whole stretches of rows are looked over at once. A row with a
    blank cell goes by itself, and so does every row of a stretch in which something else is in doubt.
    """
    coerce, names = input_coercer(schema), schema.names
    if not names or any(field.kind not in _FREE_TEXTS or text_limits(field) for field in schema):
        return lambda rows: [coerce(cells) for cells in rows]
    pick = itemgetter(*names) if len(names) > 1 else lambda cells: (cells[names[0]],)

    def coerce_rows(rows: Sequence[Mapping[str, Value]]) -> list[Checked]:
        checked: list[Checked] = []
        for start in range(0, len(rows), STRETCH):
            some = rows[start : start + STRETCH]
            checked += [
                coerce(cells)
                if texts is None
                else Checked(cells if (*cells,) == names else dict(zip(names, texts)))  # noqa: B905 - equal, and hot
                for cells, texts in zip(some, _plain_texts(some, pick), strict=True)
            ]
        return checked

    return coerce_rows


def _plain_texts(
    rows: Sequence[Mapping[str, Value]], pick: Callable[[Mapping[str, Value]], tuple[Any, ...]]
) -> Sequence[tuple[str, ...] | None]:
    """Pick the inputs of each row; `None` unless all are texts that are neither blank nor unstorable."""
    try:
        found = [pick(cells) for cells in rows]
        every = [*chain.from_iterable(found)]
        storable("".join(every))
    except (KeyError, TypeError, Unfit):  # a column is missing, or something is no text
        return [None] * len(rows)
    if "" not in every and not any(map(str.isspace, every)):
        return found
    return [None if "" in texts or any(map(str.isspace, texts)) else texts for texts in found]


_FREE_TEXTS = frozenset({Kind.STRING, Kind.TEXT})


def answer_checker(schema: Schema) -> Check:
    """Make the function that checks one row's answer, without its label.

    Strict: an unknown, missing or null field is a problem; `null` is allowed only where the field
    is not required, and an absent optional field counts as `null`. The few exact coercions
    (see `coercions.answer_reader`) are recorded as notes with the code `coerced`. The values stand
    in the order of the schema; a message begins with the field's path in backticks.
    """
    members = _members(schema.fields, _ANSWERS)
    names = ", ".join(f"`{name}`" for name in schema.names)

    def check(found: Mapping[str, Value]) -> Checked:
        if not _is_mapping(found):
            message = f"The answer must be an object with the fields {names}, got {shown(found)}."
            return Checked({}, (Problem("", message, "not_an_object"),))
        problems: list[Problem] = []
        notes: list[Problem] = []
        values = members(found, "", problems, notes)
        if problems or notes:
            return Checked(values, tuple(problems[:MAX_PROBLEMS]), tuple(notes[:MAX_PROBLEMS]))
        return Checked(values)

    return check


def answers_checker(schema: Schema) -> RowsCheck:
    """Make the function that does for the answers of many rows what `answer_checker` does for one.

    Where all of them are beyond doubt they are looked over field by field and kept as they are, which is
    twice as quick; if anything is not, each is checked by itself.
    """
    check, names = answer_checker(schema), schema.names
    looks = [answer_look(field) for field in schema]

    def check_each(found: Sequence[Mapping[str, Value]]) -> list[Checked]:
        return [check(answer) for answer in found]

    if not names or None in looks:
        return check_each

    def check_all(found: Sequence[Mapping[str, Value]]) -> list[Checked]:
        if not found or {*map(type, found)} != {dict} or {*map(tuple, found)} != {names}:
            return check_each(found)
        columns = zip(*map(dict.values, found), strict=True)  # type: ignore[arg-type]  # dicts, as was seen
        for look, values in zip(looks, columns, strict=True):
            if look is None or not look(values):
                return check_each(found)
        return [*map(Checked, found)]

    return check_all


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    """What differs between cells and answers.

    Attributes:
        reader: makes the reader of a single value.
        open_list, open_object: take a value, return a list or mapping, raise `Unfit`.
        blank_is_missing: blank text counts as no value.
        closed: unknown names are problems.
        titled: messages about top-level fields begin with the title, not with the path.
        noted: changes are recorded.
    """

    reader: Callable[[Field], Reader]
    open_list: Callable[[Field, Any], list[Any]]
    open_object: Callable[[Any], Mapping[str, Any]]
    blank_is_missing: bool
    closed: bool
    titled: bool
    noted: bool

    def who(self, field: Field, path: str) -> str:
        """How a message names the field."""
        return field.title if self.titled and path == field.name else f"`{path}`"

    def problem(self, field: Field, path: str, unfit: Unfit) -> Problem:
        """Tell what does not fit as a sentence about the field."""
        return Problem(path, f"{self.who(field, path)} {unfit.phrase}.", unfit.code)


def _members(fields: tuple[Field, ...], manner: _Manner) -> _Members:
    # Runs for every row: single values are read in the loop itself, paths are joined only to complain.
    plan = tuple((field.name, field, *_reading(field, manner)) for field in fields)
    names = frozenset(field.name for field in fields)
    blank_is_missing, closed, noted = manner.blank_is_missing, manner.closed, manner.noted

    def read_members(
        found: Mapping[str, Any], prefix: str, problems: list[Problem], notes: list[Problem]
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        absent = 0
        for name, field, read, visit in plan:
            value = found.get(name)
            if value is None or (blank_is_missing and type(value) is str and (not value or value.isspace())):
                absent += name not in found
                values[name] = _absent(field, prefix + name, manner, problems, null=name in found)
            elif read is None:
                values[name] = visit(value, prefix + name, problems, notes)
            else:
                try:
                    values[name] = clean = read(value)
                except Unfit as unfit:
                    problems.append(manner.problem(field, prefix + name, unfit))
                else:
                    if noted and clean is not value:
                        _note(prefix + name, value, clean, notes)
        if closed and len(found) != len(plan) - absent:
            _strangers(found, names, prefix, problems)
        return values

    return read_members


def _reading(field: Field, manner: _Manner) -> tuple[Reader | None, _Visit]:
    """A reader for a single value, a visit for anything."""
    if field.kind is Kind.ARRAY:
        return None, _visit_list(field, manner)
    if field.kind is Kind.OBJECT:
        return None, _visit_object(field, manner)
    read = manner.reader(field)
    return read, _visit_single(field, read, manner)


def _absent(field: Field, path: str, manner: _Manner, problems: list[Problem], *, null: bool) -> Any:
    if not field.required:
        return field.default if manner.blank_is_missing else None
    if null and not manner.blank_is_missing:
        problems.append(
            Problem(path, f"{manner.who(field, path)} is null, but it must have a value.", "null")
        )
    else:
        problems.append(Problem(path, f"{manner.who(field, path)} is missing.", "missing"))
    return None


def _strangers(found: Mapping[str, Any], names: frozenset[str], prefix: str, problems: list[Problem]) -> None:
    for key in found:
        if key not in names and len(problems) < MAX_PROBLEMS:
            path = prefix + shown(key).strip("'\"")
            problems.append(Problem(path, f"`{path}` is not a field of the answer.", "unknown_field"))


def _note(path: str, value: Any, clean: Any, notes: list[Problem]) -> None:
    if type(clean) is not type(value) or clean != value:
        message = f"`{path}` was read as {shown(clean)} from {shown(value)}."
        notes.append(Problem(path, message, "coerced"))


def _visit_single(field: Field, read: Reader, manner: _Manner) -> _Visit:
    def visit(value: Any, path: str, problems: list[Problem], notes: list[Problem]) -> Any:
        try:
            clean = read(value)
        except Unfit as unfit:
            problems.append(manner.problem(field, path, unfit))
            return None
        if manner.noted and clean is not value:
            _note(path, value, clean, notes)
        return clean

    return visit


def _visit_list(field: Field, manner: _Manner) -> _Visit:
    entry = field.items or Field(name="", kind=Kind.STRING)
    _, visit_entry = _reading(entry, manner)

    def visit(value: Any, path: str, problems: list[Problem], notes: list[Problem]) -> Any:
        try:
            entries = manner.open_list(field, value)
            _check_count(field, len(entries))
        except Unfit as unfit:
            problems.append(manner.problem(field, path, unfit))
            return None
        clean = []
        for place, each in enumerate(entries):
            if len(problems) >= MAX_PROBLEMS:
                break
            here = f"{path}.{place}"
            if each is None:
                problems.append(Problem(here, f"`{here}` is null, but it must have a value.", "null"))
            else:
                clean.append(visit_entry(each, here, problems, notes))
        return clean

    return visit


def _check_count(field: Field, count: int) -> None:
    if field.max_items is not None and count > field.max_items:
        raise Unfit("too_many_items", f"has {counted(count, 'entry')}, at most {field.max_items} are allowed")
    if field.min_items is not None and count < field.min_items:
        raise Unfit("too_few_items", f"has {counted(count, 'entry')}, at least {field.min_items} are needed")


def _visit_object(field: Field, manner: _Manner) -> _Visit:
    members = _members(field.fields, manner)

    def visit(value: Any, path: str, problems: list[Problem], notes: list[Problem]) -> Any:
        try:
            mapping = manner.open_object(value)
        except Unfit as unfit:
            problems.append(manner.problem(field, path, unfit))
            return None
        return members(mapping, path + ".", problems, notes)

    return visit


def _is_mapping(value: Any) -> bool:
    return type(value) is dict or isinstance(value, Mapping)


# ── lists and objects, in cells and in answers ───────────────────────────────────────────────────


def _list_of_answer(_field: Field, value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    raise Unfit("not_a_list", f"must be a list, got {shown(value)}")


def _object_of_answer(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise Unfit("not_an_object", f"must be an object, got {shown(value)}")


def _list_of_cell(field: Field, value: Any) -> list[Any]:
    if not isinstance(value, str):
        return _list_of_answer(field, value)
    text = value.strip()
    if text.startswith("["):
        return _list_of_answer(field, _json_of(text, "list"))
    return [piece for part in text.split(field.separator) if (piece := part.strip())]


def _object_of_cell(value: Any) -> Mapping[str, Any]:
    return _object_of_answer(_json_of(value, "object") if isinstance(value, str) else value)


def _json_of(text: str, what: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        raise Unfit("not_json", f"must be a JSON {what}, got {shown(text)}") from None


_CELLS = _Manner(
    reader=cell_reader,
    open_list=_list_of_cell,
    open_object=_object_of_cell,
    blank_is_missing=True,
    closed=False,
    titled=True,
    noted=False,
)
_ANSWERS = _Manner(
    reader=answer_reader,
    open_list=_list_of_answer,
    open_object=_object_of_answer,
    blank_is_missing=False,
    closed=True,
    titled=False,
    noted=True,
)
