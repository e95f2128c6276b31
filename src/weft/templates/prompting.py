"""TemplatePrompter: one row or many through one template, from cells to a checked answer.

Knows in which order a row's values are mapped, coerced, computed and validated, and an answer's
are tidied and checked. Every method is pure. Refuses to know labels' origin, packs' sizes, models
and money. The words around the rows are in `framing.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

import orjson

from weft.call import Part, Prompt, tokens_of_bytes
from weft.checks import answer_checker, answers_checker, input_coercer, rows_coercer
from weft.definitions import to_json_schema
from weft.errors import BadMapping, MissingInput, Mistake
from weft.ids import Label
from weft.kit.fingerprints import fingerprint
from weft.row import Checked, Value
from weft.schema import Problem
from weft.templates import framing
from weft.templates.compiling import CompileCache
from weft.templates.confining import ConfinedBody, Confinement
from weft.templates.environment import VERSION, CompiledBody, CompiledExpressions
from weft.templates.postprocessing import NamedStep, step_of
from weft.templates.reading import Rule, nearest
from weft.templates.rendering import compile_template, confinement_of
from weft.templates.sizing import answer_tokens
from weft.templates.syntax import Slot
from weft.templates.template import Template

FRAME_TOKENS = 16  # `{"rows":[]}` and white space around a reply's rows
SCHEMA_MARGIN = 64  # what providers write around a schema


class TemplatePrompter:
    """Implements `weft.protocols.Prompter` for one template and one mapping of columns.

    Attributes:
        template: what it prompts with.
        system: the system text of every call.
        schema: JSON Schema of every reply; always the same object.
        fingerprint: over everything that changes a prompt or an answer: task, body, fields,
            computed fields, checks, steps, examples, frame. Not over columns' names (a renamed
            column changes nothing), not over name, version and sentences for people, and not over
            conditions on inputs (they change which rows are asked, not what comes back).
        is_confined: rows are rendered in another process, so `parts` is worth a thread.
        inputs, answers, overhead_tokens, row_output_tokens, row_output_limit: as in the protocol.
    """

    def __init__(
        self,
        template: Template,
        *,
        sources: Mapping[str, str],
        params: Mapping[str, Value] | None = None,
        cache: CompileCache | None = None,
    ) -> None:
        """Prepare everything that is the same for all rows.

        Args:
            sources: input → column. A dotted input such as `customer.mail` fills a key of an object.
            params: input → value that is the same for all rows.
            cache: compiled bodies; by default its own.

        Raises:
            BadMapping: a source or parameter is no input of the template.
            MissingInput: required inputs have neither column nor value; all are named.
        """
        params = params or {}
        _check_mapping(template, sources, params)
        self.template = template
        self.inputs, self.answers = template.inputs, template.answers
        # Where every input has a column of its own name, coercion picks it out of the cells itself.
        is_same = not params and dict(sources) == {name: name for name in template.inputs.names}
        self._map = None if is_same else _mapper(sources, params)
        self._coerce, self._coerce_rows = input_coercer(template.inputs), rows_coercer(template.inputs)
        self._check, self._check_all = answer_checker(template.answers), answers_checker(template.answers)
        cache = cache or CompileCache()
        confinement = confinement_of(template, cache=cache)
        self._computed = _Conditions(template, template.validators, confinement, code="invalid")
        self._rules = _Conditions(template, template.checks, confinement, code="check_failed", computes=False)
        self._steps = {
            name: [step_of(step) for step in steps] for name, steps in template.postprocess.items()
        }
        task = framing.task_of(template)
        self._body: CompiledBody | ConfinedBody | None = None
        self._slots = task.slots
        if task.slots is None:
            self._body = compile_template(template, cache=cache)
            self._part = _text_part(self._body)
        else:
            self._part = _plain_part(task.slots)
        self.is_confined = isinstance(self._body, ConfinedBody)
        self.system = framing.system_text(template, task, self._demonstrations())
        self.schema = framing.reply_schema(template.answers)
        self._schema_name = re.sub(r"[^A-Za-z0-9_-]", "_", template.key)[:60] or "answers"
        self.overhead_tokens = len(orjson.dumps(self.schema)) + SCHEMA_MARGIN
        self.row_output_tokens, self.row_output_limit = answer_tokens(template.answers)
        self.fingerprint = _fingerprint(template, self.system)

    def values(self, cells: Mapping[str, Value]) -> Checked:
        """Map, coerce and default one row's inputs, compute its fields, test its conditions.

        No expression runs on a row whose inputs do not fit.
        """
        return self._completed(self._coerce(self._map(cells) if self._map else cells))

    def values_of(self, rows: Sequence[Mapping[str, Value]]) -> list[Checked]:
        """Do as `values` does for many rows, in order."""
        found = self._coerce_rows([self._map(cells) for cells in rows] if self._map else rows)
        return [self._completed(checked) for checked in found] if self._computed.is_needed else found

    def _completed(self, checked: Checked) -> Checked:
        if checked.problems or not self._computed.is_needed:
            return checked
        added, problems, _ = self._computed.judge(checked.values)
        return Checked({**checked.values, **added}, problems)

    def part(self, values: Mapping[str, Value]) -> Part:
        """Render one row's data as JSON text.

        Raises:
            MissingInput, BadTemplate: the body cannot be rendered for these values.
        """
        return self._part(values)

    def parts(self, rows: Sequence[Mapping[str, Value]]) -> list[Part | Mistake]:
        """Render many rows' data, each as `part` does, in order; a row's refusal stands in its place.

        For a foreign template this is several times quicker a row than `part`, and it may wait for
        its process for seconds: on an event loop, call it in a thread.
        """
        if self._slots is not None:
            return _plain_parts(self._slots, rows)
        if not isinstance(self._body, ConfinedBody):
            return [_tried(self._part, values) for values in rows]
        return [
            text if isinstance(text, Mistake) else _text_of(text) for text in self._body.render_many(rows)
        ]

    def prompt(self, rows: Sequence[tuple[Label, Part, str]]) -> Prompt:
        """Assemble one call: labels, parts and complaints about last answers."""
        return Prompt(
            system=self.system,
            user=framing.user_text([(label, part.text, complaint) for label, part, complaint in rows]),
            schema=self.schema,
            schema_name=self._schema_name,
            max_output_tokens=FRAME_TOKENS + self.row_output_limit * len(rows),
            rows=len(rows),
        )

    def answer(self, found: Mapping[str, Value], values: Mapping[str, Value]) -> Checked:
        """Tidy one row's answer by its steps, check its fields, then the checks beyond them.

        What a step that can lose words has changed, and soft checks that are broken, are notes.
        """
        noted: tuple[Problem, ...] = ()
        if self._steps and isinstance(found, Mapping):
            found, noted = _tidied(found, self._steps)
        checked = self._check(found)
        if checked.problems or not (noted or self._rules.is_needed):
            return checked
        _, problems, notes = self._rules.judge({**values, **checked.values})
        return Checked(checked.values, problems, (*noted, *checked.notes, *notes))

    def answers_of(
        self, found: Sequence[Mapping[str, Value]], rows: Sequence[Mapping[str, Value]]
    ) -> list[Checked]:
        """Do as `answer` does for the answers of many rows, in order."""
        if self._steps or self._rules.is_needed:
            return [self.answer(each, values) for each, values in zip(found, rows, strict=True)]
        return self._check_all(found)

    def _demonstrations(self) -> list[tuple[str, Mapping[str, Value]]]:
        shown = []
        for example in self.template.examples:
            values = self._coerce(example.inputs).values
            if self._computed.is_needed:
                values = {**values, **self._computed.judge(values)[0]}
            shown.append((self._part(values).text, self._check(example.answer).values))
        return shown


# ── cells to values ──────────────────────────────────────────────────────────────────────────────


def _check_mapping(template: Template, sources: Mapping[str, str], params: Mapping[str, Value]) -> None:
    known = template.inputs.names
    given = {name.partition(".")[0] for name in (*sources, *params)}
    for name in sorted(given - set(known)):
        raise BadMapping(
            f"Template `{template.key}` has no input `{name}`{nearest(name, known)}",
            hint="`weft templates show` lists its inputs.",
            name=name,
        )
    missing = [field.name for field in template.inputs if field.required and field.name not in given]
    if missing:
        listed = ", ".join(f"`{name}`" for name in missing)
        raise MissingInput(
            f"Template `{template.key}` needs {listed}, and no column or value is given.",
            hint="map a column with `--map input=column`.",
            inputs=missing,
        )


def _mapper(
    sources: Mapping[str, str], params: Mapping[str, Value]
) -> Callable[[Mapping[str, Value]], dict[str, Value]]:
    flat = tuple((name, column) for name, column in sources.items() if "." not in name)
    nested = tuple((name.split("."), column) for name, column in sources.items() if "." in name)
    fixed = dict(params)

    def map_flat(cells: Mapping[str, Value]) -> dict[str, Value]:
        get = cells.get
        return {name: get(column) for name, column in flat}

    def map_all(cells: Mapping[str, Value]) -> dict[str, Value]:
        values = {**fixed, **map_flat(cells)}
        for keys, column in nested:
            below = values
            for key in keys[:-1]:
                inner = below.get(key)
                below[key] = below = dict(inner) if isinstance(inner, Mapping) else {}
            below[keys[-1]] = cells.get(column)
        return values

    return map_all if nested or fixed else map_flat


class _Conditions:
    """Computed fields and rules of one template, compiled together."""

    __slots__ = ("_code", "_computed", "_expressions", "_rules", "is_needed")

    def __init__(
        self,
        template: Template,
        rules: Sequence[Rule],
        confinement: Confinement | None,
        *,
        code: str,
        computes: bool = True,
    ) -> None:
        self._computed = [name for name, _ in template.computed] if computes else []
        self._rules = tuple(rules)
        self._code = code
        # A leading underscore keeps results of rules apart from every name of a template.
        entries = [
            *(template.computed if computes else ()),
            *((f"_{n}", r.check) for n, r in enumerate(rules)),
        ]
        self.is_needed = bool(entries)
        make = CompiledExpressions if confinement is None else confinement.expressions
        self._expressions = make(entries, name=template.key)

    def judge(
        self, values: Mapping[str, Value]
    ) -> tuple[dict[str, Value], tuple[Problem, ...], tuple[Problem, ...]]:
        """Computed values, problems and notes; what cannot be computed is a problem of the row."""
        if not self.is_needed:
            return {}, (), ()
        try:
            found = self._expressions.compute(values)
        except Mistake as exc:
            field = str(exc.facts.get("expression", ""))
            return {}, (Problem("" if field.startswith("_") else field, exc.message, "not_computable"),), ()
        notes: list[Problem] = []
        problems = [
            Problem(name, f"{name} is too large a number.", "not_computable")
            for name in self._computed
            if isinstance(found[name], float) and not math.isfinite(found[name])
        ]
        for number, rule in enumerate(self._rules):
            if not found[f"_{number}"]:
                (problems if rule.hard else notes).append(Problem("", rule.message, self._code))
        return {name: found[name] for name in self._computed}, tuple(problems), tuple(notes)


# ── values to parts ──────────────────────────────────────────────────────────────────────────────


def _plain_part(slots: Sequence[Slot]) -> Callable[[Mapping[str, Value]], Part]:
    """A row's data straight from its values: no template runs."""
    return lambda values: _part_of(_filled(slots, values))


def _plain_parts(slots: Sequence[Slot], rows: Sequence[Mapping[str, Value]]) -> list[Part | Mistake]:
    if any(len(slot.keys) > 1 for slot in slots):
        return [_part_of(_filled(slots, values)) for values in rows]
    names = tuple([slot.name for slot in slots])
    return [
        _part_of(values if (*values,) == names else {name: values[name] for name in names}) for values in rows
    ]


def _filled(slots: Sequence[Slot], values: Mapping[str, Value]) -> dict[str, Value]:
    return {slot.name: _reach(values, slot.keys) for slot in slots}


def _reach(values: Mapping[str, Value], keys: Sequence[str]) -> Value:
    found: Value = values
    for key in keys:
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


def _text_part(body: CompiledBody | ConfinedBody) -> Callable[[Mapping[str, Value]], Part]:
    def part(values: Mapping[str, Value]) -> Part:
        return _text_of(body.render(values))

    return part


def _text_of(text: str) -> Part:
    return _part_of({framing.TEXT: text.strip()})


def _tried(part: Callable[[Mapping[str, Value]], Part], values: Mapping[str, Value]) -> Part | Mistake:
    try:
        return part(values)
    except Mistake as exc:
        return exc


def _part_of(found: Mapping[str, Value]) -> Part:
    try:
        raw = orjson.dumps(found)
    except TypeError:  # lone surrogates and whole numbers beyond 64 bits
        raw = framing.json_text(found).encode()
    return Part(raw.decode(), tokens_of_bytes(len(raw)))


# ── answers ──────────────────────────────────────────────────────────────────────────────────────


def _tidied(
    found: Mapping[str, Value], steps: Mapping[str, Sequence[NamedStep]]
) -> tuple[dict[str, Value], tuple[Problem, ...]]:
    values = dict(found)
    notes = []
    for name, named in steps.items():
        if name not in values:
            continue
        for step in named:
            tidy = step.run(values[name])
            if step.loses and tidy != values[name]:
                notes.append(Problem(name, f"`{name}` was shortened by `{step.name}`.", "shortened"))
            values[name] = tidy
    return values, tuple(notes)


# ── identity ─────────────────────────────────────────────────────────────────────────────────────


def _fingerprint(template: Template, system: str) -> str:
    return fingerprint(
        "template",
        framing.VERSION,
        VERSION,
        system,
        template.body,
        template.context,
        to_json_schema(template.inputs) if template.inputs.fields else {},
        [repr(field) for field in template.inputs],
        [repr(field) for field in template.answers],
        [list(pair) for pair in template.computed],
        {name: list(steps) for name, steps in template.postprocess.items()},
        [[rule.check, rule.message, rule.hard] for rule in template.checks],
        [[dict(row.inputs), dict(row.answer)] for row in template.examples],
        # A template that stands alone keeps the fingerprint, and the remembered answers, that it had.
        *([[[piece.ref, piece.body] for piece in template.pieces]] if template.pieces else []),
    )


__all__ = ["TemplatePrompter"]
