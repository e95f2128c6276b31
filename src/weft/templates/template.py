"""A prompt template: its inputs, its task and body, its answers, and all that must hold for them.

Knows how the pieces of a template file fit together and names everything wrong with one at once.
Refuses to know where files are kept, how a body is compiled and how a prompt is framed.
Start reading at `parse_template`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from weft.checks import answer_checker, input_coercer
from weft.errors import BadTemplate
from weft.kit.fingerprints import fingerprint
from weft.schema import Field, Kind, Schema
from weft.templates.bodies import read_body, read_expression
from weft.templates.composing import Composition, foreign_context, gather, inherited_fields
from weft.templates.environment import Escaping
from weft.templates.flattening import OWN_NAME
from weft.templates.flaws import Flaw, bad_template
from weft.templates.front_matter import TemplateText, split_text
from weft.templates.pieces import FOREIGN, Lookup, Origin, Piece
from weft.templates.reading import Example, FrontReader, Rule, is_name, nearest
from weft.templates.syntax import Reading, Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One version of one template, read and found sound.

    Attributes:
        key: how it is asked for; `quick` for a prompt without a file.
        version: as written, such as `1.0.0`.
        system: the task, the same for every row; empty where the body holds it.
        body: Jinja text, rendered for every row.
        body_line: physical line of the body's first line in the file.
        computed: name and expression, each after those that it uses.
        validators: conditions on a row's inputs; a row that breaks one is never asked.
        postprocess: answer field → names of steps, run before the answer is checked.
        checks: conditions on an answer beyond its schema.
        examples: rows with their right answers, shown to the model.
        sample: rows to try the template on; their answers may be empty.
        context: how values are escaped in the rendered body.
        options: decoding parameters by the names of `Options`; the asker's own win.
        exported: computed fields that an export shows.
        part: whether it is only for other templates to extend, include or import.
        pieces: every other template that it is composed of, those that these name included.
        origin: where the file comes from.
        path: the file; empty where there is none.
        text: the whole file; with `pieces`, `parse_template` makes this template of it again.
    """

    key: str
    name: str
    version: str
    description: str = ""
    inputs: Schema
    answers: Schema
    system: str = ""
    body: str
    body_line: int = 1
    computed: tuple[tuple[str, str], ...] = ()
    validators: tuple[Rule, ...] = ()
    postprocess: Mapping[str, tuple[str, ...]]
    checks: tuple[Rule, ...] = ()
    examples: tuple[Example, ...] = ()
    sample: tuple[Example, ...] = ()
    context: Escaping = Escaping.TEXT
    options: Mapping[str, Any]
    exported: tuple[str, ...] = ()
    part: bool = False
    pieces: tuple[Piece, ...] = ()
    origin: Origin = Origin.PROJECT
    path: str = ""
    text: str

    @property
    def title(self) -> str:
        """Key and version, as runs record them: `topic_review 1.0.0`."""
        return f"{self.key} {self.version}"

    @property
    def digest(self) -> str:
        """SHA-256 over the texts of the template and of all its pieces, hexadecimal."""
        if not self.pieces:
            return text_digest(self.text)
        return fingerprint("template text", self.text, [[piece.ref, piece.text] for piece in self.pieces])

    @property
    def is_foreign(self) -> bool:
        """Whether somebody else may have written it, or one of its pieces."""
        return not FOREIGN.isdisjoint((self.origin, *(piece.origin for piece in self.pieces)))


def text_digest(text: str) -> str:
    """SHA-256 over one file's text, hexadecimal; what a committed version is known by."""
    return hashlib.sha256(text.encode()).hexdigest()


def parse_template(
    text: str,
    *,
    key: str,
    path: str = "",
    origin: Origin = Origin.PROJECT,
    lookup: Lookup | None = None,
) -> Template:
    """Read a template file's text, and everything that it is composed of.

    Args:
        key: how the template is asked for.
        path: the file, for messages; empty where there is none.
        origin: where the file comes from.
        lookup: finds other templates by how they are named; `None` = it may use none.

    Raises:
        BadTemplate: with every problem; `problems` lists path, line, message and code of each.
    """
    taken = split_text(text)
    version = taken.written.get("version", taken.front.get("version"))
    composed = gather(taken.body, first_line=taken.body_line, title=f"{key}@{version}", lookup=lookup)
    reader = FrontReader(taken, inherits=composed.base is not None)
    if any(flaw.code == "unreadable" for flaw in reader.flaws):
        raise bad_template(path or key, reader.flaws)
    reader.flaws.extend(composed.flaws)
    base = _base(composed, lookup, reader)
    if composed.base is not None and base is None:  # what it would take over is not known
        raise bad_template(path or key, reader.flaws)
    template = _assemble(taken, reader, base, key=key)
    template = replace(template, path=path, text=text, origin=origin, pieces=composed.pieces)
    reader.flag("part")
    for message in foreign_context(composed.pieces, template.context):
        reader.flaw("context", message, "bad_context")
    _match(template, reader)
    if reader.flaws:
        raise bad_template(path or key, reader.flaws)
    return template


def _base(composed: Composition, lookup: Lookup | None, reader: FrontReader) -> Template | None:
    """The template that this one extends, sound by itself; what is wrong with it is a flaw here."""
    piece = composed.base
    if piece is None or composed.flaws:
        return None
    try:
        return parse_template(piece.text, key=piece.key, path=piece.path, origin=piece.origin, lookup=lookup)
    except BadTemplate as exc:
        found: Any = exc.facts.get("problems")
        first = (
            f"{found[0]['message']} (`{found[0]['path']}`, line {found[0]['line']})" if found else exc.message
        )
        told = f"`{piece.ref}`, which it extends, is wrong itself: {first}"
        reader.flaw("body", f"{told}; `weft templates lint {piece.ref}` tells all.", "bad_base")
        return None


def _assemble(taken: TemplateText, reader: FrontReader, base: Template | None, *, key: str) -> Template:
    """Put the values of a file together, with those of its base where it gives none itself.

    Inputs and computed fields are a base's and its own; every other key is its own or else the
    base's. Where it has answers of its own, what speaks of answers is its own too.
    """
    inputs, answers = reader.schema("inputs"), reader.schema("answers")
    computed = reader.named_expressions("computed")
    other = None if base is None or reader.has("answers") else base
    if base is not None:
        inputs = inherited_fields(base.inputs, inputs)
        answers = answers if reader.has("answers") else base.answers
        computed = {**dict(base.computed), **computed}
    rows = {"inputs": inputs, "answers": answers}

    def own_or(key: str, source: Template | None, name: str, read: Callable[[], Any]) -> Any:
        return getattr(source, name) if source is not None and not reader.has(key) else read()

    return Template(
        key=key,
        name=reader.text("name"),
        version=reader.version(),
        description=reader.text("description"),
        inputs=inputs,
        answers=answers,
        system=own_or("system", base, "system", lambda: reader.text("system")),
        body=taken.body,
        body_line=taken.body_line,
        computed=_in_order(computed, inputs, reader),
        validators=own_or("validate", base, "validators", lambda: reader.rules("validate", with_hard=False)),
        postprocess=own_or("postprocess", other, "postprocess", lambda: reader.postprocess(answers)),
        checks=own_or("checks", other, "checks", lambda: reader.rules("checks", with_hard=True)),
        examples=own_or("examples", other, "examples", lambda: reader.examples("examples", **rows)),
        sample=own_or("sample", other, "sample", lambda: reader.examples("sample", **rows)),
        context=own_or("context", base, "context", reader.context),
        options=own_or("options", base, "options", reader.options),
        exported=own_or("export", base, "exported", lambda: reader.names("export", computed)),
        part=reader.is_part,
        text="",
    )


# ── how the pieces fit together ──────────────────────────────────────────────────────────────────


def _match(template: Template, reader: FrontReader) -> None:
    """Find what is wrong between the pieces: names, chains, the body, rows that do not fit."""
    _match_fields(template, reader)
    computed = [name for name, _ in template.computed]
    given = [*template.inputs.names, *computed]
    _match_body(template, given, reader)
    _match_rules("validate", template.validators, given, reader)
    _match_rules("checks", template.checks, [*given, *template.answers.names], reader)
    _match_rows("examples", template.examples, template, reader)
    _match_rows("sample", template.sample, template, reader)


def _match_fields(template: Template, reader: FrontReader) -> None:
    for name in template.inputs.names:
        if not is_name(name):
            reader.flaw(
                f"inputs.{name}",
                f"`{name}` cannot be a name in a body; use letters, digits and `_`.",
                "bad_name",
            )
    if "id" in template.answers.names:
        reader.flaw(
            "answers.id", "`id` is the name under which rows are told apart; choose another.", "bad_name"
        )
    if not template.answers.fields and not template.part and not reader.flaws:
        reader.flaw("answers", "`answers` needs at least one field.", "missing_key")
    for name in ("{{", "{%", "{#"):
        if name in template.system:
            reader.flaw(
                "system",
                f"`system` is the same for every row and may not use `{name}`; use the body.",
                "unsafe",
            )


def _match_body(template: Template, given: Collection[str], reader: FrontReader) -> None:
    pieces = template.pieces
    if any(flaw.code == "unknown_template" for flaw in reader.flaws):
        return  # what cannot be put together is not read
    reading = read_body(template.body, path="body", first_line=template.body_line, pieces=pieces)
    if not template.body.strip() and not template.system:
        reader.flaw(
            "body",
            "The file has neither a body nor `system`: the model would not know its task.",
            "missing_key",
        )
    _take(reading, template.inputs, given, reader)


def _match_rules(key: str, rules: Iterable[Rule], given: Collection[str], reader: FrontReader) -> None:
    for place, rule in enumerate(rules):
        path = f"{key}.{place}.check"
        reading = read_expression(rule.check, path=path, first_line=reader.line_of(path))
        _take(reading, Schema(()), given, reader)


def _take(reading: Reading, inputs: Schema, given: Collection[str], reader: FrontReader) -> None:
    """Take over what is wrong with a text, and every name in it that nothing gives."""
    reader.flaws.extend(reading.flaws)
    for name, line in (reading.names or {}).items():
        if name not in given and reader.fields_are_sound and not reader.is_part:
            plain = OWN_NAME.sub("", name)  # a macro's own name, used before it is set
            message = f"`{plain}` is not known here{nearest(plain, given)}"
            reader.flaws.append(Flaw(*reading.where(line), message, "undefined_name"))
    for slot in reading.slots:
        field = inputs.get(slot.name.partition(".")[0])
        message = _wrong_chain(slot, field) if field is not None else ""
        if message:
            reader.flaws.append(Flaw(*reading.where(slot.line), message, "undefined_name"))


def _wrong_chain(slot: Slot, field: Field) -> str:
    """Say what is wrong with `a.b.c` for an input that is declared; empty where nothing is."""
    for key in slot.keys[1:]:
        if field.kind is Kind.ARRAY:
            return ""
        if field.kind is not Kind.OBJECT:
            return (
                f"`{slot.name}` is not there: `{field.name}` is of type `{field.kind}` and holds no `{key}`."
            )
        inner = Schema(field.fields).get(key)
        if inner is None:
            names = [each.name for each in field.fields]
            return f"`{slot.name}` is not there: `{field.name}` holds no `{key}`{nearest(key, names)}"
        field = inner
    return ""


def _in_order(
    computed: Mapping[str, str], inputs: Schema, reader: FrontReader
) -> tuple[tuple[str, str], ...]:
    """Order computed fields so that each stands after those that it uses; name cycles."""
    given = {*inputs.names, *computed}
    needs: dict[str, set[str]] = {}
    for name, text in computed.items():
        path = f"computed.{name}"
        reading = read_expression(text, path=path, first_line=reader.line_of(path))
        _take(reading, inputs, given, reader)
        needs[name] = set(reading.names or ()) & set(computed)
        if name in inputs.names:
            reader.flaw(path, f"`{name}` is an input already.", "bad_name")
    ordered: list[str] = []
    while len(ordered) < len(computed):
        free = [name for name in computed if name not in ordered and needs[name] <= set(ordered)]
        if not free:
            cycle = _cycle(needs, set(ordered))
            reader.flaw(
                f"computed.{cycle[0]}", f"Computed fields go in a circle: {' → '.join(cycle)}.", "cycle"
            )
            return tuple(computed.items())  # they have names all the same: no complaint follows from this one
        ordered += free
    return tuple((name, computed[name]) for name in ordered)


def _cycle(needs: Mapping[str, set[str]], done: set[str]) -> list[str]:
    """Walk along needs that cannot be met until a name comes again."""
    walked = [next(name for name in needs if name not in done)]
    while True:
        onward = min(needs[walked[-1]] - done)
        if onward in walked:
            return [*walked[walked.index(onward) :], onward]
        walked.append(onward)


def _match_rows(key: str, rows: Iterable[Example], template: Template, reader: FrontReader) -> None:
    coerce, check = input_coercer(template.inputs), answer_checker(template.answers)
    if not reader.fields_are_sound:
        return
    for place, row in enumerate(rows):
        path = f"{key}.{place}"
        for problem in coerce(row.inputs).problems:
            reader.flaw(f"{path}.{problem.field}", problem.message, problem.code)
        if key == "examples" or row.answer:
            for problem in check(row.answer).problems:
                reader.flaw(f"{path}.{problem.field}", problem.message, problem.code)
