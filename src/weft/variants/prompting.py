"""VariantPrompter: choose a prompt for each row, then speak as its TemplatePrompter.

Knows that the choice depends on a row's values and the model alone, so that a row gets the same prompt
in every process and in every pack; rows of one variant share calls, rows of different ones never do.
All variants answer with the same fields. Refuses to know columns of tables and where files lie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from weft.call import Part, Prompt
from weft.errors import BadVariant, MissingInput, Mistake
from weft.ids import Label
from weft.kit.fingerprints import fingerprint
from weft.row import Checked, Value
from weft.schema import Field, Schema
from weft.templates.prompting import TemplatePrompter
from weft.variants.requirements import Requirements
from weft.variants.rows import RowFacts, facts_of
from weft.variants.selecting import Selection, Selector
from weft.variants.variant import Variant, VariantPack

KIND = "prompt"  # the kind of every prompt variant that says no other
CHOSEN = "_variant"  # the key under which a row's values carry the choice
WEIGHTS = "rows"  # the weights by which prompts are chosen
VERSION = "1"  # raise it when the same row may get another variant


@dataclass(frozen=True, slots=True)
class Entry:
    """A variant that a table can feed, and its prompter."""

    variant: Variant
    prompter: TemplatePrompter


class VariantPrompter:
    """Implements `weft.protocols.Prompter` for several templates of one purpose.

    Attributes:
        entries: variants that may be chosen, in the order of the pack.
        fingerprint: over those of the prompters and everything that decides between them.
        is_confined: rows of some variant are rendered in another process.
        inputs: of all variants together; required where every variant requires it.
        answers: the same for all variants; overhead_tokens, row_output_tokens, row_output_limit:
            the largest of any variant.
    """

    def __init__(
        self,
        pack: VariantPack,
        entries: Sequence[Entry],
        *,
        selector: Selector,
        sources: Mapping[str, str],
        model: str = "",
    ) -> None:
        """Prepare everything that is the same for all rows.

        Args:
            selector: of the same pack, with weights for rows.
            sources: input → column, of all variants together.
            model: name of the model that will be asked; conditions may ask for it.

        Raises:
            MissingInput: there is no entry.
            BadVariant: the variants do not answer with the same fields.
        """
        if not entries:
            raise MissingInput(
                f"No variant of `{pack.name}` can be used with these columns.",
                hint=f"`weft variants list --pack {pack.name}` shows them; map columns with `--map input=column`.",
            )
        _check_alike(pack, entries)
        self.pack = pack
        self.entries = {each.variant.name: each for each in entries}
        self._selector = selector
        self._sources = dict(sources)
        self._model = model
        self._kind = next(iter(pack.kinds))
        self._asks = _Interests.of(entries)
        prompters = [each.prompter for each in entries]
        self.is_confined = any(each.is_confined for each in prompters)
        self.answers: Schema = prompters[0].answers
        self.inputs = _joined([each.inputs for each in prompters])
        self.overhead_tokens = max(each.overhead_tokens for each in prompters)
        self.row_output_tokens = max(each.row_output_tokens for each in prompters)
        self.row_output_limit = max(each.row_output_limit for each in prompters)
        self.fingerprint = fingerprint(
            "variants",
            VERSION,
            [[each.variant.name, each.variant.digest, each.prompter.fingerprint] for each in entries],
            dict(selector.weights.weights),
            model if self._asks.models else "",
        )

    def select(self, cells: Mapping[str, Value]) -> Selection:
        """Choose for one row of a table; rows that are alike in what matters share one remembered choice."""
        values = {name: cells.get(column) for name, column in self._sources.items()}
        facts = self._asks.narrowed(facts_of(values, model=self._model))
        return self._selector.select(Requirements(kind=self._kind, row=facts))

    def values(self, cells: Mapping[str, Value]) -> Checked:
        """Choose a variant, then map, coerce, default and compute as its template says."""
        name = self.select(cells).best.variant.name
        checked = self.entries[name].prompter.values(cells)
        return replace(checked, values={**checked.values, CHOSEN: name})

    def values_of(self, rows: Sequence[Mapping[str, Value]]) -> list[Checked]:
        """Do as `values` does for many rows, in order; each may have another variant."""
        return [self.values(cells) for cells in rows]

    def part(self, values: Mapping[str, Value]) -> Part:
        """Render one row's share of a prompt; only rows of one variant share a call.

        Raises:
            MissingInput, BadTemplate: the body cannot be rendered for these values.
        """
        name = str(values[CHOSEN])
        return replace(self.entries[name].prompter.part(_own(values)), group=name)

    def parts(self, rows: Sequence[Mapping[str, Value]]) -> list[Part | Mistake]:
        """Render many rows' shares in order, those of one variant together; a refusal stands in its place."""
        places: dict[str, list[int]] = {}
        for place, values in enumerate(rows):
            places.setdefault(str(values[CHOSEN]), []).append(place)
        found: dict[int, Part | Mistake] = {}
        for name, those in places.items():
            made = self.entries[name].prompter.parts([_own(rows[place]) for place in those])
            for place, part in zip(those, made, strict=True):
                found[place] = part if isinstance(part, Mistake) else replace(part, group=name)
        return [found[place] for place in range(len(rows))]

    def prompt(self, rows: Sequence[tuple[Label, Part, str]]) -> Prompt:
        """Assemble one call of rows of one variant."""
        return self.entries[rows[0][1].group].prompter.prompt(rows)

    def answer(self, found: Mapping[str, Value], values: Mapping[str, Value]) -> Checked:
        """Tidy and check one row's answer as the template of its variant says."""
        return self.entries[str(values[CHOSEN])].prompter.answer(found, _own(values))

    def answers_of(
        self, found: Sequence[Mapping[str, Value]], rows: Sequence[Mapping[str, Value]]
    ) -> list[Checked]:
        """Tidy and check the answers of many rows, in order."""
        return [self.answer(each, values) for each, values in zip(found, rows, strict=True)]


def _own(values: Mapping[str, Value]) -> dict[str, Value]:
    """A row's values without the mark of the choice, which no template knows."""
    return {name: value for name, value in values.items() if name != CHOSEN}


@dataclass(frozen=True, slots=True)
class _Interests:
    """Which facts of a row any variant asks for; all others are left out, so that choices repeat."""

    columns: frozenset[str]
    bounds: tuple[int, ...]
    languages: bool
    shapes: bool
    models: bool

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> _Interests:
        conditions = [each.variant.when for each in entries]
        bounds = {b for when in conditions for b in (when.longer_than, when.shorter_than) if b is not None}
        return cls(
            frozenset(name for when in conditions for name in (*when.columns, *when.without)),
            tuple(sorted(bounds)),
            any(when.languages for when in conditions),
            any(when.shapes for when in conditions),
            any(when.models for when in conditions),
        )

    def narrowed(self, facts: RowFacts) -> RowFacts:
        """The same as far as the choice is concerned: lengths between the same bounds become one."""
        length, last = facts.characters, -1
        for bound in self.bounds:
            if length == bound:
                break
            if length < bound:
                length = (last + bound) // 2 if bound - last > 1 else length
                break
            last = bound
        else:
            length = last + 1
        return RowFacts(
            present=facts.present & self.columns,
            characters=length,
            language=facts.language if self.languages else "",
            shape=facts.shape if self.shapes else "",
            model=facts.model if self.models else "",
        )


def _check_alike(pack: VariantPack, entries: Sequence[Entry]) -> None:
    first = entries[0]
    wanted = [(each.name, each.kind) for each in first.prompter.answers]
    for each in entries[1:]:
        if [(field.name, field.kind) for field in each.prompter.answers] != wanted:
            raise BadVariant(
                f"The variants `{first.variant.name}` and `{each.variant.name}` of `{pack.name}` do not answer with the "
                "same fields, so their answers do not fit into one table.",
                hint="give all templates of a pack the same answer fields, of the same types and in the same order.",
                path=str(each.variant.folder),
            )


def _joined(schemas: Sequence[Schema]) -> Schema:
    found: dict[str, Field] = {}
    for schema in schemas:
        for each in schema:
            found.setdefault(each.name, each)
    return Schema(
        tuple(
            replace(each, required=all(_requires(schema, each.name) for schema in schemas))
            for each in found.values()
        )
    )


def _requires(schema: Schema, name: str) -> bool:
    field = schema.get(name)
    return field is not None and field.required
