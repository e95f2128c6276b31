"""The simplest prompter there is, for tests of whatever stands around prompts.

Sends a row's inputs as they are under a one-line task, and checks answers against a schema.
Knows the frame that every prompter shares; refuses to know templates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weft.call import Part, Prompt, tokens_of_bytes
from weft.checks import answer_checker, input_coercer
from weft.definitions import to_json_schema
from weft.errors import Mistake
from weft.ids import Label
from weft.kit import plain_json
from weft.kit.fingerprints import fingerprint
from weft.row import Checked, Value
from weft.schema import Schema


class PlainPrompter:
    """Implements `weft.protocols.Prompter` over two schemas and one sentence."""

    is_confined = False

    def __init__(self, inputs: Schema, answers: Schema, *, task: str = "Answer every row.") -> None:
        """Compile the checks.

        Args:
            task: the text that every pack shares.
        """
        self.inputs = inputs
        self.answers = answers
        self.row_output_tokens = 20
        self.row_output_limit = 80
        self.overhead_tokens = 400
        self._task = task
        self._coerce = input_coercer(inputs)
        self._check = answer_checker(answers)
        answer = to_json_schema(answers)
        self.fingerprint = fingerprint("plain", task, to_json_schema(inputs), answer)
        row = {
            **answer,
            "properties": {"id": {"type": "string"}, **answer["properties"]},
            "required": ["id", *answer["required"]],
        }
        self._schema = {
            "type": "object",
            "properties": {"rows": {"type": "array", "items": row}},
            "required": ["rows"],
            "additionalProperties": False,
        }

    def values(self, cells: Mapping[str, Value]) -> Checked:
        """Coerce the inputs of one row, by columns of the same names."""
        return self._coerce(cells)

    def values_of(self, rows: Sequence[Mapping[str, Value]]) -> list[Checked]:
        """Coerce the inputs of many rows, in order."""
        return [self.values(cells) for cells in rows]

    def part(self, values: Mapping[str, Value]) -> Part:
        """Write a row's inputs as JSON."""
        text = plain_json.dump(dict(values)).decode()
        return Part(text, tokens_of_bytes(len(text.encode())))

    def parts(self, rows: Sequence[Mapping[str, Value]]) -> list[Part | Mistake]:
        """Write the inputs of many rows, in order; what a subclass refuses stands in its place."""
        return [self._tried(values) for values in rows]

    def _tried(self, values: Mapping[str, Value]) -> Part | Mistake:
        try:
            return self.part(values)
        except Mistake as error:
            return error

    def prompt(self, rows: Sequence[tuple[Label, Part, str]]) -> Prompt:
        """Put labelled rows into the frame."""
        written = []
        for label, part, complaint in rows:
            said = f',"complaint":{plain_json.dump(complaint).decode()}' if complaint else ""
            written.append(f'{{"id":"{label}","data":{part.text}{said}}}')
        return Prompt(
            system=self._task,
            user=f"[{','.join(written)}]",
            schema=self._schema,
            schema_name="plain",
            max_output_tokens=len(rows) * self.row_output_limit,
            rows=len(rows),
        )

    def answer(self, found: Mapping[str, Value], values: Mapping[str, Value]) -> Checked:  # noqa: ARG002 - the socket's
        """Check one row's answer against the schema."""
        return self._check(found)

    def answers_of(
        self, found: Sequence[Mapping[str, Value]], rows: Sequence[Mapping[str, Value]]
    ) -> list[Checked]:
        """Check the answers of many rows, in order."""
        return [self.answer(each, values) for each, values in zip(found, rows, strict=True)]
