"""The doors of the house: which file may touch which outside thing.

A new import of an outside thing is a one-line change of a table here, which a reviewer sees.
"""

from __future__ import annotations

import ast
import sys
from fnmatch import fnmatch

import pytest
from tests.house.source import Module, house, report

# outside package → files that may import it
DOORS: dict[str, tuple[str, ...]] = {
    "aiohttp": ("providers/_http.py", "identity/_wire.py", "remote/_wire.py", "testing/*"),
    "alembic": ("store/*",),
    "authlib": ("identity/_tokens.py",),  # what a token of an identity provider must say
    "click": ("cli/*",),
    "cryptography": ("app/vault.py",),
    "defusedxml": ("tables/formats/xlsx.py",),
    "fastapi": ("api/*",),
    "joserfc": ("identity/_tokens.py", "testing/tokens.py"),  # who has signed it; and the fake that signs
    "jinja2": (
        "templates/environment.py",
        "templates/failing.py",  # how its errors read
        "templates/bodies.py",  # what a text says before it is compiled
        "templates/flattening.py",  # one tree out of many files
        "templates/leaves.py",  # one of these files
        "templates/source_*.py",  # templates of Python source
    ),
    "markupsafe": ("templates/source_filters.py",),  # how jinja marks text
    "mcp": ("agents/serving.py",),
    "mcp_types": ("agents/serving.py",),
    "openpyxl": ("tables/formats/xlsx.py",),
    "orjson": ("*",),  # JSON is no outside thing, only a fast codec
    "pandas": ("tables/reading.py", "tables/writing.py", "app/frames.py"),
    "polars": ("tables/reading.py", "tables/writing.py", "app/frames.py"),
    "pyarrow": ("tables/formats/parquet.py",),
    "prometheus_client": ("metrics/exposing.py",),
    "psycopg": ("store/distant/link.py",),
    "pydantic": ("api/wire/*", "agents/shapes.py", "agents/telling.py", "agents/serving.py"),
    "re2": ("limits.py",),
    "rich": ("cli/*",),
    "sqlalchemy": ("store/*",),
    "starlette": ("api/*",),
    "typer": ("cli/*",),
    "uvicorn": ("api/serving.py", "api/connections.py"),
    "yaml": ("templates/*",),
    "yarl": ("providers/_http.py",),  # aiohttp's own addresses
}

# parts of the standard library with an address
STANDARD_DOORS: dict[str, tuple[str, ...]] = {
    "time": ("kit/clocks.py",),
    "secrets": ("app/opening.py",),  # keys of the local server; ids and labels need no secrets
    "pickle": (),
    "marshal": (),
    "shelve": (),
    # A process renders foreign templates, because only a process can be killed;
    # generated code is judged by programs and tried in a process of its own;
    # nobody could restore a dump that was not made by PostgreSQL's own program.
    "subprocess": ("templates/worker.py", "variants/proving.py", "store/distant/dumping.py"),
    # The server's further workers are processes: a run's work needs a processor of its own.
    "asyncio.subprocess": ("cli/crew.py",),
    "sqlite3": ("store/*", "app/checkup.py"),  # the check-up tells its version
    "socket": (
        "providers/_addresses.py",
        "providers/_http.py",
        "store/owners.py",
        "testing/*",
        "api/serving.py",
    ),
    "ssl": ("providers/_http.py",),
    "http.client": (),
    "http.server": (),
    "urllib.request": (),
    "logging": ("*",),
    "signal": ("cli/*", "templates/worker.py", "templates/worker_*.py"),  # timers of a row, and how it died
}

# calls with an address; `random.Random` is a type until it is seeded from the system
CALLS: dict[str, tuple[str, ...]] = {
    "eval": (),
    "exec": (),
    "compile": (),
    "__import__": (),
    # Drop-ins, the desk, commands and the wire are loaded when they are asked for.
    "import_module": (
        "kit/registries.py",
        "__init__.py",
        "cli/main.py",
        "app/planning.py",
        "cli/commands/serve.py",  # the server's libraries are an extra
        "cli/commands/worker.py",  # likewise those of a team's server
        "cli/commands/mcp.py",  # likewise the library of agents' protocol
        "cli/commands/team.py",  # so are those by which people sign in
    ),
    "print": ("cli/console.py",),
    "input": ("cli/console.py",),
    "sys.exit": ("cli/*", "__main__.py"),
    "os._exit": ("cli/*", "templates/worker_main.py"),  # a forked child has nothing to clean up
    "os.system": (),
    "asyncio.create_subprocess_exec": ("cli/crew.py",),  # see `asyncio.subprocess` above
    "asyncio.create_subprocess_shell": (),
    "datetime.now": ("kit/clocks.py",),
    "datetime.utcnow": (),
    "datetime.datetime.now": ("kit/clocks.py",),
    "date.today": (),
    "asyncio.sleep": ("kit/clocks.py",),
    "os.getenv": ("app/opening.py",),
    "random.Random": ("app/opening.py", "app/weft.py", "testing/*"),
    "Random": ("app/opening.py", "app/weft.py", "testing/*"),
    "uuid.uuid1": (),
    "uuid.uuid4": (),
    "uuid4": (),
    "SystemRandom": ("app/opening.py",),
}
ENVIRONMENT = ("app/opening.py",)

# opening files for reading or writing
FILES = (
    "remote/tables.py",  # tables that are handed over to a server
    "remote/writing.py",  # exports that come from one
    "tables/*",
    "*/library.py",
    "templates/folders.py",  # template files and what is known about them
    "app/bundling.py",  # the bundle that is imported
    "providers/_pricing.py",  # the dated price file and the user's own
    "app/opening.py",
    "app/keeping.py",  # tables that were handed over
    "app/access.py",  # the key of the local server
    "app/masters.py",  # master keys
    "app/module_specs.py",  # reads specs of modules
    "app/projects.py",  # writes the files of a new project
    "app/recording.py",  # writes a record per row below --output-dir
    "store/*",
    "testing/*",
    "app/modules.py",  # writes generated modules
    "variants/sources.py",  # reads the templates of a pack
    "variants/proving.py",  # lays code out for the tools that judge it
    "variants/trial.py",  # is told which files to try
    "variants/usage.py",  # appends to the project's log of choices
    "variants/vocabulary.py",  # weft's own lists of words
    "variants/weighing.py",  # weft's own weights
    "app/variants.py",  # reads the spec to choose for, keeps learnt weights
)
OPENERS = ("fdopen", "read_text", "write_text", "read_bytes", "write_bytes")


def admits(patterns: tuple[str, ...], path: str) -> bool:
    """Whether a file is behind one of the doors."""
    return any(fnmatch(path, pattern) for pattern in patterns)


def outside(m: Module) -> list[tuple[int, str]]:
    """Line and top-level package of every import that is not weft's own."""
    return [
        (node.lineno, name.partition(".")[0]) for node, name in m.imports() if not name.startswith("weft")
    ]


def test_foreign_packages_enter_by_their_door() -> None:
    """A third-party package is imported only in the files that the table names."""
    faults = []
    for m in house():
        for line, name in outside(m):
            package = name.partition(".")[0]
            if package not in sys.stdlib_module_names and not admits(DOORS.get(package, ()), m.path):
                faults.append(f"{m.path}:{line} imports {package}")

    assert not faults, report(faults)


def test_standard_modules_enter_by_their_door() -> None:
    """Time, processes, sockets and the like are touched only where the table says."""
    faults = [
        f"{m.path}:{line} imports {name}"
        for m in house()
        for line, name in outside(m)
        for guarded, doors in STANDARD_DOORS.items()
        if f"{name}.".startswith(f"{guarded}.") and not admits(doors, m.path)
    ]

    assert not faults, report(faults)


def test_calls_with_an_address_stay_there() -> None:
    """Nobody evaluates text, prints, sleeps, asks the wall clock or draws at random elsewhere."""
    faults = [
        f"{m.path}:{call.lineno} calls {name}"
        for m in house()
        for call, name in m.calls()
        if name in CALLS and not admits(CALLS[name], m.path) and not is_harmless(call)
    ]

    assert not faults, report(faults)


def is_harmless(call: ast.Call) -> bool:
    """Whether a number stands in the call: `asyncio.sleep(0)` only yields, `Random(0)` is no chance."""
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


def test_randomness_is_handed_in() -> None:
    """The global generator of `random` is used nowhere."""
    faults = [
        f"{m.path}:{call.lineno} calls {name}"
        for m in house()
        for call, name in m.calls()
        if name.startswith("random.") and name != "random.Random" and uses_module(m, "random")
    ]

    assert not faults, report(faults)


def uses_module(m: Module, name: str) -> bool:
    """Whether `name` is the imported module here, and not a parameter of that name."""
    return any(isinstance(node, ast.Import) and found == name for node, found in m.imports())


def test_environment_is_read_at_the_desk() -> None:
    """Environment variables are read in `app/opening.py` alone."""
    faults = [
        f"{m.path}:{node.lineno}"
        for m in house()
        for node in ast.walk(m.tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "os.environ"
        if not admits(ENVIRONMENT, m.path)
    ]

    assert not faults, report(faults)


def test_files_are_opened_behind_doors() -> None:
    """Files are opened in formats, libraries, the store and where the house is opened."""
    faults = []
    for m in house():
        for call, name in m.calls():
            if opens_file(call, name) and not admits(FILES, m.path):
                faults.append(f"{m.path}:{call.lineno} calls {name}")

    assert not faults, report(faults)


def opens_file(call: ast.Call, name: str) -> bool:
    """Whether a call opens a file: `open(…)`, `path.open("r")`, `path.read_text()`, but not `store.open()`."""
    with_mode = any(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in call.args)
    return name in {"open", "io.open", "os.open", "gzip.open"} or (
        name.rpartition(".")[2] in OPENERS or (name.endswith(".open") and with_mode)
    )


@pytest.mark.parametrize("table", [DOORS, STANDARD_DOORS, CALLS], ids=["foreign", "standard", "calls"])
def test_every_door_leads_somewhere(table: dict[str, tuple[str, ...]]) -> None:
    """A door that names a file names one that exists."""
    paths = [m.path for m in house()]
    dead = [
        f"{thing}: {pattern}"
        for thing, patterns in table.items()
        for pattern in patterns
        if not any(fnmatch(path, pattern) for path in paths)
    ]

    assert not dead, report(dead)
