from __future__ import annotations

import pytest

from weft.errors import BadMapping, MissingColumn
from weft.schema import Field, Kind
from weft.tables.mapping import ColumnMapping, parse_mapping

COLUMNS = ("id", "Topic Name", "description", "tone", "notes")
INPUTS = (Field(name="topic_name"), Field(name="description"), Field(name="category", required=False))


def mapped(
    *texts: str, columns: tuple[str, ...] = COLUMNS, inputs: tuple[Field, ...] = INPUTS
) -> ColumnMapping:
    """What these texts mean."""
    return parse_mapping(texts, columns=columns, inputs=inputs)


def test_equal_names_map_themselves() -> None:
    """Exact names first, then names that differ in case, spaces and underscores alone."""
    assert mapped().sources == {"topic_name": "Topic Name", "description": "description"}


def test_exact_name_wins_over_alike() -> None:
    """Of several alike columns the one with the exact name is taken."""
    assert (
        mapped(columns=("DESCRIPTION", "description", "topic-name")).sources["description"] == "description"
    )


def test_included_column_reaches_the_inputs() -> None:
    """W05: an explicitly mapped column feeds its input; other columns stay out."""
    mapping = mapped("category=notes")

    assert mapping.inputs(dict(zip(COLUMNS, "12345", strict=True))) == {
        "topic_name": "2",
        "description": "3",
        "category": "5",
    }


def test_ignored_column_reaches_nothing() -> None:
    """W04: an ignored column is in neither the inputs nor the parameters."""
    mapping = mapped("category=notes", "tone=ignore", "id=ignore")

    assert mapping.ignored == ("tone", "id")
    assert not set(mapping.sources.values()) & {"tone", "id"}
    assert mapping.params == {}


def test_ignored_column_is_no_candidate() -> None:
    """W04: an input is not fed by name from a column that a person has ignored."""
    with pytest.raises(MissingColumn, match="`description`"):
        mapped("description=ignore")


def test_column_called_ignore_can_be_used() -> None:
    """Where a column is called `ignore`, the word on the right means that column."""
    mapping = mapped("category=ignore", columns=(*COLUMNS, "ignore"))

    assert (mapping.sources["category"], mapping.ignored) == ("ignore", ())


def test_parameters_are_passed_under_keys() -> None:
    """W06, W07: the key defaults to the column's name, and its dots nest."""
    mapping = mapped("param:style.tone=tone", "param:=id", "param:style.notes=notes")

    assert mapping.parameters({"tone": "dry", "id": "7", "notes": None}) == {
        "id": "7",
        "style": {"tone": "dry", "notes": None},
    }


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["category"], "has no `=`"),
        (["nothing=notes"], "no input `nothing`"),
        (["category=nowhere"], "no column `nowhere`"),
        (["nowhere=ignore"], "no column `nowhere`"),
        (["category=notes", "category=tone"], "input `category` is mapped twice"),
        (["category=notes", "param:n=notes"], "column `notes` is mapped twice"),
        (["tone=ignore", "tone=ignore"], "column `tone` is mapped twice"),
        (["param:x=notes", "param:x=tone"], "key `x` is given twice"),
        (["param:x.=notes"], "empty part"),
        (["param: =notes"], "empty part"),
        (["param:x=notes", "param:x.y=tone"], "lies inside another"),
    ],
)
def test_bad_mapping_is_refused(texts: list[str], words: str) -> None:
    """W07: unknown names, names said twice and unusable keys are told with a way out."""
    with pytest.raises(BadMapping, match=words) as caught:
        mapped(*texts)

    assert caught.value.hint


def test_misspelt_name_has_a_suggestion() -> None:
    """A name that nearly fits is suggested."""
    with pytest.raises(BadMapping) as caught:
        mapped("categroy=notes")

    assert caught.value.hint == "did you mean `category`?"


def test_all_missing_columns_are_one_error() -> None:
    """T24: one error names every required input without a column, and what may be meant."""
    with pytest.raises(MissingColumn) as caught:
        mapped(columns=("id", "topics name", "text"))

    assert caught.value.message == "The table has no column for the inputs `topic_name` and `description`."
    assert caught.value.hint == (
        'perhaps --map topic_name="topics name"; the table has `id`, `topics name`, `text`.'
    )
    assert caught.value.facts["columns"] == ["topic_name", "description"]


def test_several_alike_columns_are_asked_about() -> None:
    """Where two columns differ from an input in case and spaces alone, nobody guesses."""
    with pytest.raises(MissingColumn) as caught:
        mapped(columns=("Topic Name", "TOPIC_NAME", "description"))

    assert caught.value.hint.startswith("several columns look like `topic_name`; say which")


def test_optional_input_may_stay_empty() -> None:
    """An input that is not required needs no column."""
    assert "category" not in mapped().sources


def test_dotted_columns_fill_objects() -> None:
    """W09: an object without a column takes the columns of its dotted names, and is not missing then."""
    mail = Field(
        name="mail",
        kind=Kind.OBJECT,
        fields=(Field(name="body"), Field(name="to", kind=Kind.OBJECT, fields=(Field(name="name"),))),
    )

    found = mapped(columns=("mail.body", "mail.to.name", "mail.cc"), inputs=(mail,))

    assert (found.sources, found.params) == (
        {},
        {"mail.body": "mail.body", "mail.to.name": "mail.to.name"},
    )
    assert mapped(columns=("mail", "mail.body"), inputs=(mail,)).params == {}
    with pytest.raises(MissingColumn):
        mapped(columns=("mail.cc",), inputs=(mail,))
