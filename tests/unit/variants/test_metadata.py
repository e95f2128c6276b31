from __future__ import annotations

from pathlib import Path

import pytest

from weft.errors import BadVariant
from weft.schema import Kind
from weft.variants.metadata import PackHead, parse_pack, parse_variant
from weft.variants.variant import Domain, Variant

HEAD = PackHead(
    name="codegen", description="x" * 20, output="python", kinds=("effect", "compute"), base="base.py.j2"
)
GOOD = """name = "store"
version = "1.2.0"
description = "Keeps things where they are found again."
kinds = ["effect"]
operations = {at_least = 3, at_most = 9}
serves = ["db.read", "db.write", "pure"]
features = ["connection_pool"]
complexity = 4
[performance]
latency_p95_ms = 50
[settings.pool_min]
type = "integer"
default = 10
minimum = 1
description = "connections kept open"
[switches.metrics]
default = true
description = "counts queries"
[operations_take."db.read"]
sql = {type = "text", required = true, description = "the statement"}
"""


def read(text: str, folder: str = "store") -> Variant:
    """Read a variant that lies in a folder of this name."""
    return parse_variant(text, pack=HEAD, folder=Path("packs/codegen") / folder)


def faults(text: str, folder: str = "store") -> str:
    """The message about a bad file."""
    with pytest.raises(BadVariant) as caught:
        read(text, folder)
    assert caught.value.hint
    return caught.value.message


def test_good_file_is_read_whole() -> None:
    """V02: every part of a file arrives with its type."""
    found = read(GOOD)

    assert (found.at_least, found.at_most, found.complexity) == (3, 9, 4)
    assert found.domain is Domain.DATABASE
    assert found.performance == {"latency_p95_ms": 50}
    setting = found.settings.get("pool_min")
    assert setting is not None
    assert (setting.kind, setting.default, setting.minimum) == (Kind.INTEGER, 10, 1)
    assert [each.name for each in found.switches] == ["metrics"]
    assert found.operations_take["db.read"].names == ("sql",)
    assert len(found.digest) == 64


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('description = "Keeps things where they are found again."', 'description = "short"', "20 to 300"),
        ("complexity = 4", "complexity = 6", "from 1 to 5"),
        ("complexity = 4", "complexity = true", "from 1 to 5"),
        ("complexity = 4", "", "`complexity`: must be"),
        ('kinds = ["effect"]', "kinds = []", "list of one to"),
        ('kinds = ["effect"]', 'kinds = ["effct"]', "Did you mean `effect`?"),
        ('name = "store"', 'name = "Store"', "in lower case"),
        ('name = "store"', 'name = "shop"', "must be `store`, as its folder"),
        ('version = "1.2.0"', 'version = "new"', "like `1.0.0`"),
        ('"db.read", "db.write"', '"db.raed"', "Did you mean `db.read`?"),
        ("at_most = 9", "at_most = 2", "below at_least"),
        ("latency_p95_ms = 50", 'latency_p95_ms = "50"', "must be a number"),
        ('type = "integer"', 'type = "intger"', "no type `intger`"),
        ("default = true", "default = 1", "true or false"),
        ('[operations_take."db.read"]', '[operations_take."http.call"]', "kinds of operations in `serves`"),
        ('features = ["connection_pool"]', 'features = ["a b"]', "connection_pool"),
        ('features = ["connection_pool"]', 'features = ["a", "a"]', "twice"),
        ('features = ["connection_pool"]', "features = [1]", "texts only"),
    ],
)
def test_each_fault_names_key_and_line(old: str, new: str, said: str) -> None:
    """V02: what is wrong is told with its key, its line and what would be right."""
    message = faults(GOOD.replace(old, new, 1))

    assert said in message
    assert "packs/codegen/store/variant.toml" in message


def test_unknown_key_is_refused_with_its_line() -> None:
    """V02: a misspelt key is an error with its line and the nearest known one."""
    message = faults(GOOD.replace("features =", "feature ="))

    assert "`feature`, line 7: is not known here; did you mean `features`?" in message


def test_every_fault_is_told_at_once() -> None:
    """V02: one reading tells everything that is wrong."""
    with pytest.raises(BadVariant) as caught:
        read(GOOD.replace("complexity = 4", "complexity = 9").replace('"1.2.0"', '"x"'))

    problems = caught.value.facts["problems"]
    assert isinstance(problems, list)
    assert [each["path"] for each in problems] == ["version", "complexity"]
    assert [each["line"] for each in problems] == [2, 8]


def test_text_that_is_no_toml_says_where() -> None:
    """A file that is no TOML is refused with the line."""
    assert "line 2: is not TOML" in faults('name = "store"\nversion = \n')


def test_too_many_switches_are_refused() -> None:
    """Every combination of switches is checked, so five are one too many."""
    more = "".join(f'[switches.s{n}]\ndefault = true\ndescription = "x"\n' for n in range(5))

    assert "4 are allowed" in faults(GOOD.replace("[switches.metrics]", more + "[switches.metrics]"))


def test_conditions_belong_to_prompts() -> None:
    """`when` speaks of rows, which packs of code do not have."""
    assert "belongs to packs of prompts" in faults(GOOD + "[when]\nlonger_than = 10\n")


def test_domain_can_be_said() -> None:
    """A variant that serves many kinds says its concern itself; `none` makes it generic."""
    serves = 'serves = ["db.read", "db.write", "pure"]'

    assert read(GOOD.replace(serves, serves + '\ndomain = "none"')).domain is None
    assert read(GOOD.replace(serves, serves + '\ndomain = "workflow"')).domain is Domain.WORKFLOW
    assert "must be one of" in faults(GOOD.replace(serves, serves + '\ndomain = "db"'))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "x"\n', "`description`: is missing"),
        (
            'name = "x"\ndescription = "Twenty characters or more."\noutput = "java"\nkinds = ["a"]',
            "must be one of python",
        ),
        (
            'name = "x"\ndescription = "Twenty characters or more."\noutput = "python"\nkinds = ["a"]\nbase = "../x"',
            "base.py.j2",
        ),
    ],
)
def test_pack_is_read_as_strictly(text: str, said: str) -> None:
    """A `pack.toml` is held to its keys, too; a base template is a plain file name."""
    with pytest.raises(BadVariant, match=said.replace("(", r"\(")):
        parse_pack(text, path="pack.toml")
