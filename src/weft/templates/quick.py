"""A prompt without a file: the template that `--prompt` and `--field` stand for.

Knows that the names in a prompt are its inputs, and how a name that no column offers is told.
Refuses to know tables: the names of columns are handed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from weft.definitions import parse_field
from weft.notation import EXAMPLE as FIELD_EXAMPLE
from weft.schema import folded
from weft.templates.bodies import read_body
from weft.templates.columns import misspelt, nearest_column, writable
from weft.templates.flaws import Flaw, bad_template
from weft.templates.front_matter import front_matter_text
from weft.templates.syntax import Reading
from weft.templates.template import Template, parse_template


def quick_template(prompt: str, fields: Sequence[str], *, columns: Sequence[str]) -> Template:
    """Make a template from a prompt on the command line: its inputs are the names it uses.

    A name that a loop walks is a list, a name with keys below it is an object, any other is text.
    The `text` of the template is a whole file, worth saving.

    Args:
        prompt: the task with its values, such as `Classify {{ body }}`.
        fields: one-line definitions such as `category: enum[bug,billing] = what it is about`.
        columns: names that the table offers, dotted keys of parameters included.

    Raises:
        BadTemplate: the prompt cannot be read, names nothing, or names what no column offers.
        BadSchema: a field cannot be read.
    """
    reading = read_body(prompt.strip(), path="--prompt")
    misread = misspelt(prompt.strip(), columns)
    flaws = misread or list(reading.flaws)
    named = [*columns, *[column.partition(".")[0] for column in columns], *map(writable, columns)]
    offered = {folded(each) for each in named}
    for name, line in (reading.names or {}).items():
        if folded(name) not in offered and not misread:
            message = f"`{name}` is no column of the table{nearest_column(name, columns)}"
            flaws.append(Flaw("--prompt", line, message, "undefined_name"))
    if not reading.names and not flaws:
        message = "The prompt uses no column, so all rows would look the same; write one between {{ and }}"
        flaws.append(Flaw("--prompt", 1, message + nearest_column("", columns), "undefined_name"))
    given = Counter(parse_field(field).name for field in fields)
    flaws += [Flaw("--field", 0, f"`{name}` is given {n} times.") for name, n in given.items() if n > 1]
    if not given:
        flaws.append(Flaw("--field", 0, f"No answer field is given; add one such as {FIELD_EXAMPLE!r}."))
    if flaws:
        hint = 'write it like --prompt "Classify {{ body }}" --field "' + FIELD_EXAMPLE + '".'
        raise bad_template("", flaws, hint=hint)
    own = {folded(column) for column in columns}
    deep = {slot.keys[0] for slot in reading.slots if len(slot.keys) > 1}
    front = {
        "name": "Quick prompt",
        "version": "1.0.0",
        "inputs": {name: _inferred(name, reading, columns) for name in reading.names or ()},
        "validate": [_is_given(name) for name in sorted(deep) if folded(name) not in own],
        "answers": list(fields),
    }
    return parse_template(front_matter_text(front) + prompt.strip() + "\n", key="quick")


def _inferred(name: str, reading: Reading, columns: Sequence[str]) -> dict[str, Any]:
    below: dict[str, Any] = {}
    for slot in reading.slots:
        if slot.keys[0] == name:
            branch = below
            for key in slot.keys[1:]:
                branch = branch.setdefault(key, {})
    if below:
        # A column of its own must be there; keys that come as parameters may each be missing.
        whole = folded(name) in {folded(column) for column in columns}
        return {**_object(below), "required": whole}
    return {"type": "list[string]"} if name in reading.listed else {"type": "text"}


def _is_given(name: str) -> dict[str, str]:
    """A parameter's object is filled key by key; a row where no column does is not asked."""
    message = f"No column fills `{name}`; map one with --map param:{name}.key=column."
    return {"check": f"{name} is not none", "message": message}


def _object(below: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "fields": {
            key: _object(deeper) if deeper else {"type": "text", "required": False}
            for key, deeper in below.items()
        },
    }
