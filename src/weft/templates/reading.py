"""Read the keys of a template's front matter, each into its own kind of value.

Knows what every key may hold and collects all that is wrong, with path and line, before anybody
gives up. Refuses to know how the pieces fit together: names across pieces are matched in
`template.py`, expressions and bodies are read in `environment.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from weft.call import Options
from weft.definitions import of_json_schema, read_fields
from weft.errors import BadSchema
from weft.schema import Schema
from weft.templates.environment import Escaping
from weft.templates.flaws import Flaw
from weft.templates.front_matter import TemplateText
from weft.templates.postprocessing import step_of
from weft.templates.versions import is_version

KEYS: Mapping[str, str] = {
    "name": "what people call the template",
    "version": "its version, such as 1.0.0",
    "description": "one sentence about what it is for",
    "inputs": "the values a row brings",
    "answers": "the fields of an answer: a list of fields, or a JSON Schema",
    "system": "the task, the same for every row",
    "computed": "values computed for every row from its inputs: name and expression",
    "validate": "conditions on a row's inputs: check and message",
    "postprocess": "steps that tidy an answer's field before it is checked",
    "checks": "conditions on an answer beyond its fields: check, message, hard",
    "examples": "rows with their right answers, shown to the model",
    "sample": "rows to try the template on, with answers or without",
    "context": "what the rendered text becomes part of: text, html or json",
    "export": "computed fields that an export shows beside the answers",
    "part": "true for a text that other templates extend, include or import, and that is not run itself",
    "options": "decoding parameters of the model, such as temperature",
}
"""Every key of the front matter with one sentence about it."""
REQUIRED = ("name", "version", "answers")
MAX_ROWS = 50  # examples or sample rows; every example travels with every call
NO_NAMES = frozenset(
    {"and", "else", "if", "import", "in", "include", "is", "loop", "not", "or", "recursive"}
) | {
    *("true", "false", "none", "True", "False", "None"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One condition that must hold.

    Attributes:
        check: an expression; the rule is broken where it is false or empty.
        message: what a person is told then.
        hard: whether breaking it is a problem; otherwise it is a note.
    """

    check: str
    message: str
    hard: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One row to show or to try: its inputs as cells, and its answer where it has one."""

    inputs: Mapping[str, Any]
    answer: Mapping[str, Any]


class FrontReader:
    """Reads one template's keys; `flaws` grows while it reads.

    Attributes:
        flaws: all that is wrong so far.
        is_part: whether the file says that it is only a part of other templates.
    """

    def __init__(self, text: TemplateText, *, inherits: bool = False) -> None:
        """Begin with the flaws of the text itself, unknown keys and missing keys.

        Args:
            inherits: the template extends another, whose answers may be its own.
        """
        self._text = text
        self._inherits = inherits
        self.is_part = text.front.get("part") is True
        self._front = text.front
        self.flaws: list[Flaw] = list(text.flaws)
        if not any(flaw.code == "unreadable" for flaw in self.flaws):
            for key in text.front:
                if key not in KEYS:
                    self.flaw(key, f"There is no key `{key}`{nearest(key, KEYS)}", "unknown_key")
            for key in REQUIRED:
                waived = key == "answers" and (inherits or text.front.get("part") is True)
                if text.front.get(key) is None and not waived:
                    self.flaw(key, f"The key `{key}` is missing: {KEYS[key]}.", "missing_key")

    def flaw(self, path: str, message: str, code: str = "invalid") -> None:
        """Note a flaw at a path; its line is that of the path or of what is around it.

        What is taken over from a base has no line here.
        """
        key = path.partition(".")[0]
        if self._inherits and key in KEYS and not self.has(key) and code != "missing_key":
            self.flaws.append(Flaw(f"{path} (inherited)", 0, message, code))
        else:
            self.flaws.append(Flaw(path, self._text.line_of(path), message, code))

    def line_of(self, path: str) -> int:
        """The physical line of a path."""
        return self._text.line_of(path)

    @property
    def fields_are_sound(self) -> bool:
        """Whether nothing is wrong with `inputs` and `answers`.

        Where something is, complaints about names that use them would only repeat it.
        """
        return not any(flaw.path.partition(".")[0] in {"inputs", "answers"} for flaw in self.flaws)

    def text(self, key: str) -> str:
        """A key that holds text; empty where it is absent."""
        found = self._front.get(key)
        if found is None:
            return ""
        if not isinstance(found, str):
            self.flaw(key, f"`{key}` must be text, not {_kind(found)}.", "bad_type")
            return ""
        return found.strip()

    def has(self, key: str) -> bool:
        """Whether the file gives this key."""
        return self._front.get(key) is not None

    def flag(self, key: str) -> bool:
        """A key that is true or false; false where it is absent."""
        found = self._front.get(key, False)
        if not isinstance(found, bool):
            self.flaw(key, f"`{key}` must be true or false, not {_kind(found)}.", "bad_type")
        return found is True

    def names(self, key: str, known: Collection[str]) -> tuple[str, ...]:
        """A list of names, each of them known and none twice."""
        found = self._front.get(key)
        if found is None:
            return ()
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            self.flaw(key, f"`{key}` must be a list of names.", "bad_type")
            return ()
        for place, name in enumerate(found):
            if name not in known:
                message = f"`{name}` is no computed field{nearest(name, known)}"
                self.flaw(f"{key}.{place}", message, "unknown_name")
            elif name in found[:place]:
                self.flaw(f"{key}.{place}", f"`{name}` stands here twice.", "duplicate_key")
        return tuple(dict.fromkeys(name for name in found if name in known))

    def version(self) -> str:
        """The version as it is written, also where YAML takes it for a number."""
        found = self._text.written.get("version", self._front.get("version"))
        if found is None:
            return ""
        if not isinstance(found, str) or not is_version(found):
            self.flaw("version", f"{found!r} is no version; write it like 1.0.0.", "bad_version")
            return ""
        return found

    def context(self) -> Escaping:
        """What the rendered text becomes part of; plain text where it is absent."""
        found = self._front.get("context")
        if found is None:
            return Escaping.TEXT
        if found not in set(Escaping):
            known = ", ".join(f"`{name}`" for name in Escaping)
            self.flaw("context", f"{found!r} is no context; known: {known}.", "bad_context")
            return Escaping.TEXT
        return Escaping(found)

    def schema(self, key: str) -> Schema:
        """Fields in their short form, or for `answers` a JSON Schema of an object."""
        found = self._front.get(key)
        if found is None:
            return Schema(())
        try:
            if key == "answers" and _is_json_schema(found):
                return of_json_schema(found, where=key)
            return read_fields(found, where=key)
        except BadSchema as exc:
            self._take_over(key, exc)
            return Schema(())

    def _take_over(self, key: str, exc: BadSchema) -> None:
        problems = exc.facts.get("problems")
        for problem in problems if isinstance(problems, list | tuple) else ():
            path, message = str(problem["path"]), str(problem["message"])
            self.flaw(path, message, str(problem.get("code", "bad_type")))
        if not problems:
            self.flaw(key, exc.message, "bad_type")

    def named_expressions(self, key: str) -> dict[str, str]:
        """A mapping of names to expressions, such as `computed`."""
        found = self._front.get(key)
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            self.flaw(key, f"`{key}` must hold names with expressions, not {_kind(found)}.", "bad_type")
            return {}
        kept = {}
        for name, expression in found.items():
            path = f"{key}.{name}"
            if not is_name(name):
                self.flaw(path, f"`{name}` cannot be a name in expressions.", "bad_name")
            elif isinstance(expression, bool | int | float | str) and str(expression).strip():
                kept[name] = self._text.written.get(path, str(expression)).strip()
            else:
                self.flaw(path, f"`{name}` must be an expression, not {_kind(expression)}.", "bad_type")
        return kept

    def rules(self, key: str, *, with_hard: bool) -> tuple[Rule, ...]:
        """A list of conditions: `validate` or `checks`."""
        kept = []
        allowed = ("check", "message", "hard") if with_hard else ("check", "message")
        for path, entry in self._entries(key, allowed):
            check, message, hard = entry.get("check"), entry.get("message"), entry.get("hard", True)
            if not isinstance(check, str) or not check.strip():
                self.flaw(f"{path}.check", "`check` must be an expression.", "bad_type")
            elif not isinstance(message, str) or not message.strip():
                self.flaw(
                    f"{path}.message", "`message` must say what is wrong when the check fails.", "bad_type"
                )
            elif not isinstance(hard, bool):
                self.flaw(f"{path}.hard", "`hard` must be true or false.", "bad_type")
            else:
                kept.append(Rule(check=check.strip(), message=message.strip(), hard=hard))
        return tuple(kept)

    def _entries(self, key: str, allowed: Collection[str]) -> list[tuple[str, Mapping[str, Any]]]:
        """The mappings of a list with their paths; everything else in it is a flaw."""
        found = self._front.get(key)
        if found is None:
            return []
        if not isinstance(found, list):
            self.flaw(key, f"`{key}` must be a list, not {_kind(found)}.", "bad_type")
            return []
        kept = []
        for place, entry in enumerate(found):
            path = f"{key}.{place}"
            if not isinstance(entry, Mapping):
                known = f" ({', '.join(f'`{name}`' for name in allowed)})" if allowed else ""
                message = f"Each entry of `{key}` holds keys with values{known}, not {_kind(entry)}."
                self.flaw(path, message, "bad_type")
                continue
            for name in entry:
                if allowed and name not in allowed:
                    self.flaw(
                        f"{path}.{name}", f"There is no key `{name}`{nearest(name, allowed)}", "unknown_key"
                    )
            kept.append((path, entry))
        return kept

    def postprocess(self, answers: Schema) -> dict[str, tuple[str, ...]]:
        """Steps by answer field, each checked to exist."""
        found = self._front.get("postprocess")
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            self.flaw(
                "postprocess", f"`postprocess` must hold fields with steps, not {_kind(found)}.", "bad_type"
            )
            return {}
        kept = {}
        for name, steps in found.items():
            path = f"postprocess.{name}"
            if answers.get(name) is None:
                self.flaw(
                    path, f"There is no answer field `{name}`{nearest(name, answers.names)}", "unknown_name"
                )
                continue
            listed = [steps] if isinstance(steps, str) else steps
            if not isinstance(listed, list) or not all(isinstance(step, str) for step in listed):
                self.flaw(
                    path, "Steps are a list of names such as `trim` or `truncate_words(12)`.", "bad_type"
                )
                continue
            kept[name] = tuple(step for step in listed if self._is_step(path, step))
        return kept

    def _is_step(self, path: str, step: str) -> bool:
        try:
            step_of(step)
        except ValueError as exc:
            self.flaw(path, str(exc), "unknown_step")
            return False
        return True

    def examples(self, key: str, *, inputs: Schema, answers: Schema) -> tuple[Example, ...]:
        """Rows of `examples` or `sample`: inputs and answer fields side by side.

        Where a name is both, a row holds two mappings instead: `inputs` and `answers`.
        """
        kept = []
        entries = self._entries(key, ())
        if len(entries) > MAX_ROWS:
            self.flaw(key, f"`{key}` has {len(entries)} rows; {MAX_ROWS} are allowed.", "too_many")
        for path, entry in entries[:MAX_ROWS]:
            if set(entry) <= {"inputs", "answers"} and all(isinstance(v, Mapping) for v in entry.values()):
                given, wanted = dict(entry.get("inputs", {})), dict(entry.get("answers", {}))
            else:
                given = {name: value for name, value in entry.items() if name in inputs.names}
                wanted = {name: value for name, value in entry.items() if name not in given}
            for name in (*given, *wanted):
                if self.fields_are_sound and name not in inputs.names and name not in answers.names:
                    near = nearest(name, (*inputs.names, *answers.names))
                    self.flaw(
                        f"{path}.{name}",
                        f"`{name}` is neither an input nor an answer field{near}",
                        "unknown_name",
                    )
            kept.append(Example(inputs=given, answer=wanted))
        return tuple(kept)

    def options(self) -> dict[str, Any]:
        """Decoding parameters by the names of `Options`."""
        found = self._front.get("options")
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            self.flaw("options", f"`options` must hold names with values, not {_kind(found)}.", "bad_type")
            return {}
        known = [option.name for option in dataclasses.fields(Options)]
        kept = {}
        for name, value in found.items():
            path = f"options.{name}"
            if name not in known:
                self.flaw(path, f"There is no option `{name}`{nearest(name, known)}", "unknown_key")
            elif complaint := _option_complaint(name, value):
                self.flaw(path, complaint, "bad_type")
            else:
                kept[name] = value
        return kept


def is_name(text: str) -> bool:
    """Whether a text can be a name in expressions: a word, without a leading underscore."""
    return text.isidentifier() and not text.startswith("_") and text not in NO_NAMES


def nearest(name: str, known: Collection[str]) -> str:
    """End a sentence about an unknown name: `; did you mean …?`, or the known names.

    >>> nearest("topci", ["topic", "tags"]), nearest("x", ["topic"]), nearest("x", [])
    ('; did you mean `topic`?', '; known: `topic`.', '.')
    """
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    if near:
        return f"; did you mean `{near[0]}`?"
    return f"; known: {', '.join(f'`{each}`' for each in known)}." if known else "."


def _is_json_schema(found: Any) -> bool:
    return isinstance(found, Mapping) and (
        "$schema" in found or (found.get("type") == "object" and isinstance(found.get("properties"), Mapping))
    )


def _option_complaint(name: str, value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match name:
        case "temperature" if value is not None and not (number and 0 <= value <= 2):
            return "`temperature` must be a number from 0 to 2."
        case "top_p" if not (number and 0 < value <= 1):
            return "`top_p` must be a number above 0, at most 1."
        case "seed" if not (number and isinstance(value, int)):
            return "`seed` must be a whole number."
        case "reasoning_effort" if not isinstance(value, str):
            return "`reasoning_effort` must be text."
    return ""


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "keys",
    }
    return names.get(type(value), "that")
