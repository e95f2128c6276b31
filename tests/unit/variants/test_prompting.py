from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.call import Part
from weft.errors import BadTemplate, BadVariant, MissingInput, Mistake
from weft.ids import Label
from weft.templates.pieces import Origin
from weft.templates.prompting import TemplatePrompter
from weft.templates.template import parse_template
from weft.variants.library import VariantLibrary, resolve
from weft.variants.prompting import CHOSEN, WEIGHTS, Entry, VariantPrompter
from weft.variants.selecting import Selector
from weft.variants.variant import Conditions, Variant, VariantPack
from weft.variants.weighing import own_weights

TEMPLATE = """---
name: {name}
version: 1.0.0
description: Says what a text is.
inputs:
  text: {{type: text, description: any text}}
  {more}
answers:
  {answer}: {{type: string, description: what it is}}
system: |
  You are {name}.
---
{{{{ text }}}}
"""


def entry(
    name: str,
    when: Conditions,
    *,
    more: str = "",
    answer: str = "kind",
    columns: tuple[str, ...] = ("text",),
    body: str = "",
    origin: Origin = Origin.PROJECT,
) -> Entry:
    """A variant with a prompt of its own."""
    text = TEMPLATE.format(name=name, more=more, answer=answer) + body
    template = parse_template(text, key=name, origin=origin)
    variant = Variant(
        name=name,
        pack="mine",
        version="1.0.0",
        description="x" * 20,
        kinds=("prompt",),
        folder=Path(name),
        when=when,
    )
    return Entry(variant, TemplatePrompter(template, sources={each: each for each in columns}))


def prompter(*entries: Entry, model: str = "m", sources: Mapping[str, str] | None = None) -> VariantPrompter:
    """A prompter that chooses among these."""
    pack = VariantPack(
        name="mine", description="x" * 20, output="prompt", kinds=("prompt",), base="",
        variants={each.variant.name: each.variant for each in entries}, folders=(Path("mine"),),
    )  # fmt: skip
    selector = Selector(pack, weights=own_weights(WEIGHTS), exists=lambda *_: True)
    return VariantPrompter(pack, entries, selector=selector, sources=sources or {"text": "text"}, model=model)


@pytest.fixture
def three() -> VariantPrompter:
    """Prompts for short texts, for German ones, and for all others."""
    return prompter(
        entry("plain", Conditions()),
        entry("short", Conditions(shorter_than=20)),
        entry("german", Conditions(languages=("de",), longer_than=19)),
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hello there.", "short"),
        ("The invoice was paid and you have not sent it.", "plain"),
        ("Wir haben die Rechnung nicht erhalten und warten.", "german"),
        ("Wir sind die.", "short"),
    ],
)
def test_each_row_gets_the_prompt_that_fits(three: VariantPrompter, text: str, name: str) -> None:
    """Length and language choose; the variant with more conditions wins where both hold."""
    checked = three.values({"text": text})

    assert checked.values[CHOSEN] == name
    assert three.part(checked.values).group == name


def test_prompt_of_a_group_is_its_variants_own(three: VariantPrompter) -> None:
    """Rows of one variant share its system text, and a call speaks as its TemplatePrompter."""
    part = three.part(three.values({"text": "Hi."}).values)
    prompt = three.prompt([(Label("ab12"), part, "")])

    assert "You are short." in prompt.system
    assert prompt == three.entries["short"].prompter.prompt([(Label("ab12"), part, "")])


def test_answers_are_checked_by_the_rows_own_variant(three: VariantPrompter) -> None:
    """An answer is tidied and checked with the values of its row, without the mark of the choice."""
    values = three.values({"text": "Hi."}).values

    assert three.answer({"kind": "note"}, values).values == {"kind": "note"}
    assert three.answer({"kind": 3}, values).problems or three.answer({"kind": 3}, values).values


def test_more_special_prompt_wins() -> None:
    """Of the variants whose conditions hold the one with most conditions is taken; of equals the first."""
    one = entry("one", Conditions(shorter_than=100))
    two = entry("two", Conditions(shorter_than=100, shapes=("prose",)))
    same = entry("same", Conditions(shorter_than=90))

    assert prompter(one, two).values({"text": "x"}).values[CHOSEN] == "two"
    assert prompter(one, same).values({"text": "x"}).values[CHOSEN] == "one"


def test_model_decides_where_a_variant_asks_for_it() -> None:
    """A prompt for certain models is taken for these; only then the model is part of the identity."""
    entries = (entry("plain", Conditions()), entry("gpt", Conditions(models=("gpt-*",))))

    assert prompter(*entries, model="gpt-5").values({"text": "x"}).values[CHOSEN] == "gpt"
    assert prompter(*entries, model="other").values({"text": "x"}).values[CHOSEN] == "plain"
    assert prompter(*entries, model="gpt-5").fingerprint != prompter(*entries, model="other").fingerprint
    plain = entry("plain", Conditions())
    assert prompter(plain, model="a").fingerprint == prompter(plain, model="b").fingerprint


def test_columns_decide_where_a_variant_needs_them() -> None:
    """A row whose column is empty gets the prompt that does without it."""
    rich = entry(
        "rich",
        Conditions(columns=("note",)),
        more="note: {type: text, required: false, description: more}",
        columns=("text", "note"),
    )
    chooser = prompter(entry("plain", Conditions()), rich, sources={"text": "text", "note": "note"})

    assert chooser.values({"text": "a", "note": "b"}).values[CHOSEN] == "rich"
    assert chooser.values({"text": "a", "note": " "}).values[CHOSEN] == "plain"
    assert [(each.name, each.required) for each in chooser.inputs] == [("text", True), ("note", False)]


def test_different_answers_are_refused() -> None:
    """Variants whose answers do not fit into one table are no pack."""
    with pytest.raises(BadVariant, match="do not answer with the same fields"):
        prompter(entry("one", Conditions()), entry("two", Conditions(), answer="other"))


def test_no_variant_is_told() -> None:
    """Without any variant there is nothing to ask with."""
    with pytest.raises(MissingInput, match="No variant of `mine`"):
        prompter()


def test_limits_cover_every_variant(three: VariantPrompter) -> None:
    """Tokens that are set aside are enough for the most talkative variant."""
    for each in three.entries.values():
        assert three.row_output_limit >= each.prompter.row_output_limit
        assert three.overhead_tokens >= each.prompter.overhead_tokens


@given(text=st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_choice_is_the_same_in_every_process(text: str) -> None:
    """A row's choice and part depend on its values alone, whatever was chosen before."""
    first, second = _SHARED[0], _SHARED[1]
    second.values({"text": "something else and the other"})

    one, other = first.values({"text": text}), second.values({"text": text})
    assert one == other
    if not one.problems:
        assert isinstance(first.part(one.values), Part)
        assert first.part(one.values) == second.part(other.values)


_SHARED = [
    prompter(entry("plain", Conditions()), entry("short", Conditions(shorter_than=20)), entry("odd", Conditions(longer_than=30, shapes=("list",))))
    for _ in range(2)
]  # fmt: skip


def test_alike_rows_share_a_remembered_choice(three: VariantPrompter) -> None:
    """Only what some variant asks for counts, so thousands of rows need a handful of choices."""
    for number in range(500):
        three.values({"text": f"The invoice {number} was paid and you have not sent it."})

    assert three._selector.stats().misses <= 3


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Short note.", "short"),
        ("The crane stood still. " * 20, "plain"),
        ("The crane stood still. " * 200, "long"),
        ("a;b\n1;2\n3;4", "table"),
    ],
)
def test_own_pack_of_summaries_chooses(text: str, name: str) -> None:
    """The pack that comes with weft chooses by length and shape; every row gets some prompt."""
    pack = VariantLibrary().pack("summary")
    entries = [
        Entry(
            each,
            TemplatePrompter(
                parse_template(resolve(pack, each, "prompt").path.read_text(encoding="utf-8"), key=each.name),
                sources={"text": "text"},
            ),
        )
        for each in pack.variants.values()
    ]
    chooser = VariantPrompter(
        pack, entries, selector=Selector(pack, weights=own_weights(WEIGHTS)), sources={"text": "text"}
    )

    assert chooser.values({"text": text}).values[CHOSEN] == name


def test_foreign_variant_makes_the_choice_confined() -> None:
    """S2: with one template from elsewhere rows are rendered apart, and give the same as one by one."""
    short = entry("short", Conditions(shorter_than=20), body="{{ text|upper }}", origin=Origin.IMPORTED)
    own, mixed = prompter(entry("plain", Conditions())), prompter(entry("plain", Conditions()), short)
    rows = [
        mixed.values({"text": text}).values for text in ("Hi.", "A text that is not short at all.", "Ho.")
    ]

    found = mixed.parts(rows)

    assert (own.is_confined, mixed.is_confined) == (False, True)
    assert [each.group for each in found if isinstance(each, Part)] == ["short", "plain", "short"]
    assert found == [mixed.part(each) for each in rows]


@pytest.mark.parametrize("origin", [Origin.PROJECT, Origin.IMPORTED])
def test_row_that_cannot_be_rendered_stands_in_its_place(origin: Origin) -> None:
    """A refusal of one variant's template is a `Mistake` among the parts, in the order of the rows."""
    bad = entry("bad", Conditions(shorter_than=5), body="{{ text / 2 }}", origin=origin)
    chooser = prompter(entry("plain", Conditions()), bad)
    rows = [chooser.values({"text": text}).values for text in ("A long text.", "Hi.", "Another text.")]

    found = chooser.parts(rows)

    assert [isinstance(each, Mistake) for each in found] == [False, True, False]
    with pytest.raises(BadTemplate):
        chooser.part(rows[1])
