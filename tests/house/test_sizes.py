from __future__ import annotations

import ast
from statistics import median, quantiles

from tests.house.source import Function, house, report, span

FILE_LINES = 400
FILE_MEDIAN = 150
FUNCTION_LINES = 60
FUNCTION_P90 = 30
PARAMETERS = 6
POSITIONAL = 3  # two are the habit; the third is for calls that read as a sentence: who, what, where
POSITIONAL_AT_THE_DESK = 2  # what people call from outside
METHODS = 12

# Files that may be longer, with the reason.
LONG_FILES = {
    "protocols.py": "every socket of the house on one page; three quarters of it are promises in words",
}
# Classes that gather what belongs together; each needs its reason.
MANY_METHODS = {
    "app/templates.py: TemplatesDesk": "one method for each thing that people ask about templates",
    "templates/reading.py: FrontReader": "one method for each kind of key that front matter has",
    "protocols.py: RunStore": "one page of promises about runs and rows; each method is one transaction",
    "store/book.py: Book": "the writer's one hand on the database: a transaction's moves, a method per kind of line",
}
# Functions that may take more by position, with the reason.
MANY_POSITIONAL: dict[str, str] = {}


def parameters(node: Function) -> tuple[list[str], list[str]]:
    """Names of positional and of keyword-only parameters, without self and cls."""
    positional = [a.arg for a in (*node.args.posonlyargs, *node.args.args) if a.arg not in {"self", "cls"}]
    return positional, [a.arg for a in node.args.kwonlyargs]


def test_file_is_one_idea() -> None:
    """A file has at most 400 lines."""
    faults = [
        f"{m.path}: {m.lines} lines" for m in house() if m.lines > FILE_LINES and m.path not in LONG_FILES
    ]

    assert not faults, report(faults)


def test_files_are_mostly_short() -> None:
    """Half of the files have at most 150 lines, room doors not counted."""
    lines = [m.lines for m in house() if not m.path.endswith("__init__.py")]

    assert median(lines) <= FILE_MEDIAN


def test_function_fits_on_a_screen() -> None:
    """A function has at most 60 lines besides its docstring."""
    faults = [
        f"{m.path}:{f.lineno} {f.name}: {span(f)} lines"
        for m in house()
        for f in m.functions()
        if span(f) > FUNCTION_LINES
    ]

    assert not faults, report(faults)


def test_functions_are_mostly_short() -> None:
    """Nine of ten functions have at most 30 lines."""
    assert quantiles([span(f) for m in house() for f in m.functions()], n=10)[-1] <= FUNCTION_P90


def test_function_takes_few_parameters() -> None:
    """A function takes at most six parameters; more of them want a value object."""
    faults = [
        f"{m.path}:{f.lineno} {f.name}: {sum(map(len, parameters(f)))} parameters"
        for m in house()
        for f in m.functions()
        if sum(map(len, parameters(f))) > PARAMETERS and not is_command(m.path)
    ]

    assert not faults, report(faults)


def is_command(path: str) -> bool:
    """Whether the file's functions are commands: Typer reads a command's flags from its parameters."""
    return path.startswith("cli/commands/")


def is_desk(path: str, name: str) -> bool:
    """Whether people call it from outside: a method of a desk, or a function of the public face."""
    return path.startswith("app/") and ("Desk." in name or path in {"app/weft.py", "app/calling.py"})


def test_parameters_after_the_second_are_keywords() -> None:
    """A public function takes two or three parameters by position, at the desk two, the rest by keyword."""
    faults = []
    for m in house():
        for name, node in m.public():
            if isinstance(node, ast.ClassDef) or is_command(m.path):
                continue
            positional, _ = parameters(node)
            limit = POSITIONAL_AT_THE_DESK if is_desk(m.path, name) else POSITIONAL
            if len(positional) > limit and f"{m.path}: {name}" not in MANY_POSITIONAL:
                faults.append(f"{m.path}:{node.lineno} {name}({', '.join(positional)})")

    assert not faults, report(faults)


def is_property(node: Function) -> bool:
    """Whether it is read like an attribute."""
    return any(ast.unparse(each).endswith("property") for each in node.decorator_list)


def test_class_promises_little() -> None:
    """A class has at most twelve public methods, or a reason in the list above."""
    faults = []
    for m in house():
        for each in m.classes():
            methods = [
                f.name
                for f in each.body
                if isinstance(f, Function) and not f.name.startswith("_") and not is_property(f)
            ]
            if len(methods) > METHODS and f"{m.path}: {each.name}" not in MANY_METHODS:
                faults.append(f"{m.path}: {each.name} has {len(methods)} public methods")

    assert not faults, report(faults)
