"""What the mock server would say: a question becomes a draft reply, with its tokens counted.

Knows framed rows, single questions, schemas in requests and shapes that are told in the text.
Refuses to know the wire, faults and money.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from json import JSONDecodeError, JSONDecoder
from typing import Any

import orjson

from weft.call import Finish, Usage
from weft.testing.answering import Oracle, longest_text
from weft.testing.bills import CHARACTERS_PER_TOKEN, FRAME_TOKENS, count_tokens
from weft.testing.drafts import Draft
from weft.testing.frames import FrameRow, digest_of, read_frame
from weft.testing.mock_dialects import Question
from weft.testing.spoken_shapes import told_schema

KEPT_SCHEMAS = 256  # schemas that stay compiled; a run has one
USUAL_OUTPUT_LIMIT = 16_384  # tokens, where the request states none
WORDS_WITHOUT_SCHEMA = 12  # of a free text


@dataclass(slots=True)
class Answered:
    """A draft reply and what it took.

    Attributes:
        digests: hashes of the row contents it answers.
        usage: what is charged if it is delivered.
    """

    draft: Draft
    digests: list[int]
    usage: Usage


class PretendedModel:
    """Answers questions; the same content gets the same answer in any company."""

    def __init__(self, answers: Callable[[Any], Mapping[str, Any]] | None = None) -> None:
        """Prepare.

        Args:
            answers: row content → answer; `None` = filled in by the schema.
        """
        self._answers = answers
        self._by_schema: dict[bytes, Oracle] = {}
        self._by_system: dict[str, Oracle | None] = {}

    def answer(self, question: Question, *, request_id: str) -> Answered:
        """Answer one question within its output limit."""
        oracle = self._oracle(question)
        rows = read_frame(question.user) if oracle is None or oracle.is_framed else []
        draft = Draft(model=question.model, request_id=request_id)
        if rows:
            draft.rows = self._labelled(rows, oracle)
            digests = [row.digest for row in rows]
        else:
            content = _whole(question.user)
            digests = [digest_of(content)]
            self._fill_single(draft, content, oracle)
        usage = self._count(question, draft)
        draft.stated = usage
        return Answered(draft, digests, usage)

    def _labelled(self, rows: Sequence[FrameRow], oracle: Oracle | None) -> list[dict[str, Any]]:
        if self._answers is not None:
            return [{"id": row.label, **self._answers(row.content)} for row in rows]
        if oracle is None:
            return [{"id": row.label, "answer": _free_text(row.content)} for row in rows]
        return oracle.answer_rows(rows)

    def _fill_single(self, draft: Draft, content: Any, oracle: Oracle | None) -> None:
        draft.is_framed = False
        if self._answers is not None:
            draft.rows = [dict(self._answers(content))]
        elif oracle is not None:
            draft.rows = [oracle.answer(content)]
        else:
            draft.text = _free_text(content)

    def _count(self, question: Question, draft: Draft) -> Usage:
        text = draft.write()
        limit = question.max_output_tokens or USUAL_OUTPUT_LIMIT
        spent_out = count_tokens(text)
        if spent_out > limit:
            draft.text = text[: limit * CHARACTERS_PER_TOKEN]
            draft.finish, spent_out = Finish.LENGTH, limit
        return Usage(input_tokens=count_tokens(*question.texts) + FRAME_TOKENS, output_tokens=spent_out)

    def _oracle(self, question: Question) -> Oracle | None:
        if question.schema:
            key = orjson.dumps(question.schema)
            found = self._by_schema.get(key)
            if found is None:
                found = Oracle(question.schema)
                _keep(self._by_schema, key, found)
            return found
        if question.system not in self._by_system:
            schema = _schema_in(question.system) or told_schema(question.system) or _schema_in(question.user)
            _keep(self._by_system, question.system, Oracle(schema) if schema else None)
        return self._by_system[question.system]


def _keep(kept: dict[Any, Any], key: Any, value: Any) -> None:
    if len(kept) >= KEPT_SCHEMAS:
        kept.pop(next(iter(kept)))
    kept[key] = value


def _whole(user: str) -> Any:
    try:
        found = orjson.loads(user)
    except ValueError:
        return user
    return found if isinstance(found, dict | list) else user


def _free_text(content: Any) -> str:
    return " ".join(longest_text(content).split()[:WORDS_WITHOUT_SCHEMA]) or "nothing"


def _schema_in(text: str) -> Mapping[str, Any] | None:
    """Find a JSON Schema that stands in a prompt's text, as plain JSON modes need it."""
    decoder, start = JSONDecoder(), text.find("{")
    while start >= 0 and '"properties"' in text:
        try:
            found, end = decoder.raw_decode(text, start)
        except (JSONDecodeError, RecursionError):
            found, end = None, start + 1
        if isinstance(found, dict) and isinstance(found.get("properties"), dict):
            return found
        start = text.find("{", end)
    return None
