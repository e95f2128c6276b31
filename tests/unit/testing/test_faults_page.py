from __future__ import annotations

from pathlib import Path

import pytest

from weft.testing.fault import Fault
from weft.testing.faults import FAULTS

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "rehearse.md"


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault_stands_on_the_page(fault: Fault) -> None:
    """The page for people lists every fault as the table has it."""
    line = f"| `{fault.name}` | {fault.meaning} | {'yes' if fault.charged else 'no'} |"

    assert line in PAGE.read_text(encoding="utf-8")


def test_examples_of_the_page_run() -> None:
    """The page's Python is Python that runs."""
    blocks = PAGE.read_text(encoding="utf-8").split("```python\n")[1:]
    names: dict[str, object] = {"inner": None}

    first, second = (block.partition("```")[0] for block in blocks)
    exec(compile(first, "rehearse.md", "exec"), names)  # noqa: S102 - our own page
    names["inner"] = names["provider"]
    exec(compile(second, "rehearse.md", "exec"), names)  # noqa: S102 - our own page

    assert type(names["provider"]).__name__ == "FaultyProvider"
