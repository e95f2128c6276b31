from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

from tests.house.source import Function, Module, house, report

REGISTRY = "kit/registries.py"  # loads drop-ins on first use
FACE = "__init__.py"  # finds the desk on first use, so that `import weft` is light
HEAVY = (
    "sqlalchemy",
    "alembic",
    "aiohttp",
    "jinja2",
    "pandas",
    "polars",
    "pyarrow",
    "openpyxl",
    "rich",
    "typer",
    "yaml",
    "fastapi",
    "starlette",
    "pydantic",
    "uvicorn",
)
OPTIONAL = ("pandas", "polars", "pyarrow", "openpyxl", "defusedxml")


def inner_imports(m: Module) -> list[tuple[int, str]]:
    """Line and module of every import inside a function."""
    found = []
    for function in m.functions():
        for node in ast.walk(function):
            if isinstance(node, ast.Import):
                found += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found.append((node.lineno, node.module or ""))
    return found


def loaded_by(code: str) -> list[str]:
    """Modules that are loaded in a fresh interpreter after running some code."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names


def test_serving_one_person_needs_no_library_of_teams() -> None:
    """The local server starts where nobody has installed what only a team's server needs."""
    loaded = set(loaded_by("import weft.api.serving"))

    assert not {"authlib", "joserfc", "cryptography", "psycopg"} & loaded


def test_floors_hold() -> None:
    """Every import contract of pyproject.toml is kept."""
    # In a process of its own: it switches every logger off that is there already.
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stdout + done.stderr


def test_own_modules_are_imported_at_the_top() -> None:
    """A function imports nothing of weft: what looks like a need is a protocol or a wrong floor."""
    faults = [
        f"{m.path}:{line} imports {name}"
        for m in house()
        if m.path not in {REGISTRY, FACE}
        for line, name in inner_imports(m)
        if name.partition(".")[0] == "weft"
    ]

    assert not faults, report(faults)


def test_optional_packages_are_imported_when_needed() -> None:
    """What an extra brings is imported inside the function that needs it."""
    faults = []
    for m in house():
        inner = set(inner_imports(m))
        for node, name in m.imports():
            if (
                name.partition(".")[0] in OPTIONAL
                and (node.lineno, name) not in inner
                and not typing_only(m, node)
            ):
                faults.append(f"{m.path}:{node.lineno} imports {name}")

    assert not faults, report(faults)


def typing_only(m: Module, node: ast.stmt) -> bool:
    """Whether an import stands under `if TYPE_CHECKING`."""
    blocks = [b for b in ast.walk(m.tree) if isinstance(b, ast.If) and "TYPE_CHECKING" in ast.unparse(b.test)]
    return any(node in block.body for block in blocks)


def test_imports_name_the_leaf() -> None:
    """Nobody imports from weft's own face or from a room's door; the file is named."""
    doors = {"weft"} | {
        "weft." + m.path.removesuffix("/__init__.py").replace("/", ".")
        for m in house()
        if m.path.endswith("/__init__.py")
    }
    files = {"weft." + m.path.removesuffix(".py").replace("/", ".") for m in house()}
    faults = []
    for m in house():
        for node, name in m.imports():
            if isinstance(node, ast.ImportFrom) and name in doors:
                faults += [
                    f"{m.path}:{node.lineno} imports {alias.name} from {name}"
                    for alias in node.names
                    if f"{name}.{alias.name}" not in files | doors and alias.name != "__version__"
                ]

    assert not faults, report(faults)


def test_import_weft_is_light() -> None:
    """`import weft` loads no database, network, template, table, terminal or YAML library."""
    loaded = {name.partition(".")[0] for name in loaded_by("import weft")}

    assert loaded.isdisjoint(HEAVY), sorted(loaded.intersection(HEAVY))


def test_help_is_light() -> None:
    """`weft --help` loads no HTTP, database, template or table library."""
    code = (
        "import sys\nfrom weft.cli.main import main\nsys.argv = ['weft', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    loaded = {name.partition(".")[0] for name in loaded_by(code)}

    assert loaded.isdisjoint({*HEAVY} - {"rich", "typer"}), sorted(loaded.intersection(HEAVY))


def test_every_module_can_be_imported() -> None:
    """Each module loads in a fresh interpreter with nothing but weft's own dependencies in sight."""
    names = [
        "weft." + m.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for m in house()
        if m.path not in {"__init__.py", "__main__.py"} and "migrations/" not in m.path
    ]
    code = "import importlib\n" + "\n".join(f"importlib.import_module({name!r})" for name in names)

    assert set(names) <= set(loaded_by(code))


def test_no_function_shadows_the_rule() -> None:
    """The rule sees functions inside classes too."""
    tree = ast.parse("class A:\n    def f(self):\n        from weft.row import Row\n")

    assert inner_imports(Module("x.py", "", tree)) == [(3, "weft.row")]
    assert isinstance(tree.body[0], ast.ClassDef)
    assert isinstance(tree.body[0].body[0], Function)
