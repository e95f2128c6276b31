"""Whether generated code keeps the rules of good modules: each rule, passed or breached with its line.

Knows the rules as small functions over a syntax tree. They look at form and not at meaning: what
passes may still be wrong, and the tests against real services are for that.
Refuses to run code and to know templates.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

_WRITES = frozenset({"db.write", "broker.produce"})
_CLIENTS = frozenset({"asyncpg", "httpx", "aiohttp", "aiokafka"})
_GLOBAL_CLOCKS = frozenset({
    "time.time", "time.sleep", "time.monotonic", "time.perf_counter", "random.random", "random.uniform",
    "dt.datetime.now", "dt.datetime.utcnow", "datetime.now", "dt.date.today", "asyncio.sleep",
})  # fmt: skip
_UNBOUNDED = {"Queue": "maxsize", "LifoQueue": "maxsize", "PriorityQueue": "maxsize", "deque": "maxlen"}
_POOLS = {"create_pool": "max_size", "Limits": "max_connections", "TCPConnector": "limit"}


@dataclass(frozen=True, slots=True)
class Breach:
    """One place where a rule does not hold.

    Attributes:
        line: in the generated code below its header, counted from 1; 0 = the module as a whole.
    """

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule and what was found.

    Attributes:
        name: stable, such as `typed_errors`.
        sentence: what it demands.
        breaches: in the order of lines; empty = passed.
    """

    name: str
    sentence: str
    breaches: tuple[Breach, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it holds."""
        return not self.breaches


class _Code:
    """A module's tree with what rules ask of it, walked once."""

    def __init__(
        self, tree: ast.Module, switches: Mapping[str, bool], operations: Sequence[Mapping[str, object]]
    ) -> None:
        self.tree, self.switches, self.operations = tree, switches, operations
        self.nodes = list(ast.walk(tree))
        self.calls = [(node, ast.unparse(node.func)) for node in self.nodes if isinstance(node, ast.Call)]
        self.classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}

    def methods(self) -> set[str]:
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        return {
            node.name for each in self.classes.values() for node in each.body if isinstance(node, functions)
        }


def judge_code(
    code: str, *, switches: Mapping[str, bool], operations: Sequence[Mapping[str, object]] = ()
) -> tuple[Rule, ...]:
    """Check every rule on one module; a text that is no Python passes none.

    Args:
        switches: of the module; a rule may ask for what is switched on.
        operations: as templates saw them: `name`, `kind`, `takes`.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return tuple(Rule(name, sentence, (Breach(0, "is no Python."),)) for name, sentence, _ in _RULES)
    read = _Code(tree, switches, operations)
    return tuple(
        Rule(name, sentence, tuple(sorted(check(read), key=lambda each: each.line)))
        for name, sentence, check in _RULES
    )


def _typed_errors(code: _Code) -> Iterator[Breach]:
    for node in code.nodes:
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield Breach(node.lineno, "catches everything without a name.")
        if isinstance(node, ast.ExceptHandler) and all(isinstance(each, ast.Pass) for each in node.body):
            caught = ast.unparse(node.type) if node.type is not None else ""
            if caught in {"", "Exception", "BaseException"}:
                yield Breach(node.lineno, "swallows every error in silence.")
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            raised = ast.unparse(node.exc.func)
            if raised in {"Exception", "BaseException", "RuntimeError"}:
                yield Breach(node.lineno, f"raises `{raised}`, which tells nobody what to do.")


def _no_blind_retry(code: _Code) -> Iterator[Breach]:
    writes = [str(each["name"]) for each in code.operations if each.get("kind") in _WRITES]
    retries = [call for call, name in code.calls if "retry" in name.lower() and not name[:1].isupper()]
    raised = {
        ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
        for node in code.nodes
        if isinstance(node, ast.Raise) and node.exc is not None
    }
    if writes and retries and "OutcomeUnknown" not in raised:
        yield Breach(retries[0].lineno, f"retries, and `{writes[0]}` never says `OutcomeUnknown`.")


def _timeouts(code: _Code) -> Iterator[Breach]:
    imported = {
        (alias.name if isinstance(node, ast.Import) else node.module or "").partition(".")[0]
        for node in code.nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    ports = [name for name in code.classes if name.endswith("Port")]
    is_async = any(isinstance(node, ast.Await) for node in code.nodes)
    if not (imported & _CLIENTS or (ports and is_async)):
        return
    limited = any("timeout" in name.lower() for _, name in code.calls) or any(
        "timeout" in (keyword.arg or "") for call, _ in code.calls for keyword in call.keywords
    )
    if not limited:
        yield Breach(0, "calls outside without a limit of time anywhere.")


def _bounded(code: _Code) -> Iterator[Breach]:
    for call, name in code.calls:
        last = name.rpartition(".")[2]
        bound = {**_UNBOUNDED, **_POOLS}.get(last)
        given = {keyword.arg for keyword in call.keywords}
        enough = (
            bound in given or None in given or (last in _UNBOUNDED and len(call.args) > (last == "deque"))
        )
        if bound and not enough:
            yield Breach(call.lineno, f"makes `{name}` without `{bound}`.")
        if last in {"cache", "lru_cache"} and any(
            keyword.arg == "maxsize"
            and isinstance(keyword.value, ast.Constant)
            and keyword.value.value is None
            for keyword in call.keywords
        ):
            yield Breach(call.lineno, "keeps a cache that grows for ever.")


def _observable(code: _Code) -> Iterator[Breach]:
    for name in ("metrics", "health"):
        if code.switches.get(name) and name not in code.methods():
            yield Breach(0, f"has no `{name}`, which is switched on.")


def _no_values_in_logs(code: _Code) -> Iterator[Breach]:
    values = {
        str(each["name"])
        for operation in code.operations
        for each in _listed(operation.get("takes")) + _listed(operation.get("gives"))
    }
    for call, name in code.calls:
        owner, _, method = name.rpartition(".")
        logs = name == "_log" or ("log" in owner.lower() and method in _LEVELS)
        if logs:
            for node in (
                n for each in [*call.args, *(k.value for k in call.keywords)] for n in ast.walk(each)
            ):
                if isinstance(node, ast.Name) and node.id in values:
                    yield Breach(call.lineno, f"logs `{node.id}`, a value of a row.")


_LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})


def _listed(found: object) -> list[Mapping[str, object]]:
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _no_global_state(code: _Code) -> Iterator[Breach]:
    for node in code.nodes:
        if isinstance(node, ast.Global):
            yield Breach(node.lineno, "changes a global name.")
    for node in code.tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List | ast.Dict | ast.Set):
            yield Breach(
                node.lineno, f"keeps `{ast.unparse(node.targets[0])}` at module level, where all share it."
            )


def _time_is_handed_in(code: _Code) -> Iterator[Breach]:
    for call, name in code.calls:
        if name in _GLOBAL_CLOCKS and not any(
            isinstance(each, ast.Constant) and each.value == 0 for each in call.args
        ):
            yield Breach(call.lineno, f"calls `{name}` itself instead of what was handed in.")


_RULES: tuple[tuple[str, str, Callable[[_Code], Iterator[Breach]]], ...] = (
    ("typed_errors", "errors have a class of their own and none is swallowed", _typed_errors),
    ("no_blind_retry", "a write whose outcome is unknown is reported, not repeated", _no_blind_retry),
    ("timeouts", "calls outside have a limit of time", _timeouts),
    ("bounded", "pools, queues and caches have a limit", _bounded),
    ("observable", "metrics and health are there when they are switched on", _observable),
    ("no_values_in_logs", "logs hold names, counts and times, no values of rows", _no_values_in_logs),
    ("no_global_state", "nothing is kept at module level", _no_global_state),
    ("time_is_handed_in", "clock, sleep and chance are handed in", _time_is_handed_in),
)
