"""The only place that prints."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.cells import cell_len
from rich.console import Console as RichConsole

from weft.app.requesting import RunRequest
from weft.app.weft import open_weft
from weft.cli.commands.run import _ask_first
from weft.cli.console import Console, Meter, plain_error
from weft.errors import BadTemplate, Cancelled, MissingColumn


def test_error_is_sentence_and_hint(capsys) -> None:
    """An error is told as one sentence and the next step, on stderr."""
    Console().fail(MissingColumn("No column `a`.", hint="add it."))

    assert capsys.readouterr() == ("", "error: No column `a`.\nhint: add it.\n")


def test_error_lists_its_problems(capsys) -> None:
    """Problems that the sentence does not hold already are listed below it."""
    Console().fail(BadTemplate("Wrong:\n  - one", problems=[{"message": "one"}, {"message": "two"}]))

    assert capsys.readouterr().err == "error: Wrong:\n  - one\n  - two\n"


def test_json_console_says_nothing_else(capsys) -> None:
    """With `--json` lines, notes, tables and hints are silent."""
    console = Console(json=True)
    console.line("x")
    console.note("x")
    console.hint("x")
    console.table(("a",), [("x",)])
    console.value({"ok": "ä"})

    out, err = capsys.readouterr()
    assert json.loads(out) == {"ok": "ä"}
    assert err == ""


def test_table_is_aligned_text(capsys) -> None:
    """Outside a terminal a table is aligned text, whole cells, made safe."""
    Console().table(("name", "rows"), [("a\x1b", "1"), ("long name", "12")], right=("rows",))

    assert capsys.readouterr().out.splitlines() == ["name       rows", "a\\x1b         1", "long name    12"]


def test_long_lines_are_not_wrapped(capsys) -> None:
    """A line stays one line, so that programs can read it."""
    Console().line("x" * 500)

    assert capsys.readouterr().out == "x" * 500 + "\n"


def test_markup_is_plain_text(capsys) -> None:
    """Square brackets in a cell are no colours."""
    Console().line("[red]x[/red] :smile:")

    assert capsys.readouterr().out == "[red]x[/red] :smile:\n"


def test_facts_travel_as_json() -> None:
    """An error is plain JSON with code, message, hint, exit code and facts."""
    assert plain_error(MissingColumn("m", hint="h", columns=["a"])) == {
        "code": "missing_column",
        "message": "m",
        "hint": "h",
        "exit_code": 2,
        "facts": {"columns": ["a"]},
    }


class Asked(Console):
    """A person who says no."""

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[str] = []

    def confirm(self, question: str) -> bool:
        self.questions.append(question)
        return False


@pytest.mark.parametrize(
    ("rows", "budget", "asked"), [(20_000, None, True), (10, None, False), (20_000, "100", False)]
)
async def test_costly_run_asks_first(tmp_path, monkeypatch, rows, budget, asked) -> None:
    """A person is asked before a run that costs more than a dollar, unless there is a budget."""
    monkeypatch.chdir(tmp_path)
    request = RunRequest(
        table=[{"body": f"text number {n} " * 20} for n in range(rows)],
        prompt="{{ body }}",
        fields=["a: string"],
    )
    person = Asked()
    async with open_weft(model="openai/gpt-4o", budget_usd=budget) as house:
        if asked:
            with pytest.raises(Cancelled):
                await _ask_first(person, house, request)
        else:
            await _ask_first(person, house, request)

    assert len(person.questions) == asked


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_meter_leaves_room_for_a_key(width) -> None:
    """A terminal writes `^C` behind the live line; the line would break, and stay, if it were full."""
    out = io.StringIO()
    meter = Meter(RichConsole(file=out, width=width, force_terminal=True, color_system=None))
    meter.show(done=1, total=3, doing="Asking", facts="1/3 rows · a long tale " * 9)
    meter.close()

    lines = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "\n", out.getvalue()).splitlines()
    assert 0 < max(map(cell_len, lines)) <= width - 4
