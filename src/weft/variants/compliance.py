"""Whether generated code keeps the rules of good modules: each rule, passed or breached with its line.

Knows the rules as small functions over a syntax tree. They look at form and not at meaning: what
passes may still be wrong, and the tests against real services are for that.
Refuses to run code and to know templates.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from weft.variants.following import FUNCTIONS, dotted, logged_values, parameters

_WRITES = frozenset({"db.write", "broker.produce"})
_CLIENTS = frozenset({"asyncpg", "httpx", "aiohttp", "aiokafka"})
_GLOBAL_CLOCKS = frozenset({
    "time.time", "time.sleep", "time.monotonic", "time.perf_counter", "time.time_ns", "time.monotonic_ns",
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.date.today", "asyncio.sleep",
    "random.random", "random.uniform", "random.randint", "random.randrange", "random.choice", "random.shuffle",
    "random.sample", "random.gauss",
})  # fmt: skip
_MUTABLE = frozenset({"list", "dict", "set", "bytearray", "deque", "defaultdict", "OrderedDict", "Counter"})
_READ_ONLY = frozenset({"Mapping", "Sequence"})
_SILENT = (ast.Pass, ast.Continue, ast.Break)
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
        self.calls = [(node, dotted(node.func)) for node in self.nodes if isinstance(node, ast.Call)]
        self.functions = [node for node in self.nodes if isinstance(node, FUNCTIONS)]
        self.classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}

    def methods(self) -> set[str]:
        return {
            node.name for each in self.classes.values() for node in each.body if isinstance(node, FUNCTIONS)
        }

    def imported(self) -> dict[str, str]:
        """What each imported name stands for: `dt` → `datetime`, `sleep` → `asyncio.sleep`."""
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found |= {alias.asname: alias.name for alias in node.names if alias.asname}
            elif isinstance(node, ast.ImportFrom):
                found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        return found


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
        if (
            isinstance(node, ast.ExceptHandler)
            and all(_says_nothing(each) for each in node.body)
            and (node.type is None or _EVERYTHING & _names(node.type))
        ):
            yield Breach(node.lineno, "swallows every error in silence.")
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
            if raised in {"Exception", "BaseException", "RuntimeError"}:
                yield Breach(node.lineno, f"raises `{raised}`, which tells nobody what to do.")
    last = {
        id(each)
        for node in code.nodes
        if isinstance(node, ast.Try)
        for end in node.finalbody
        for each in ast.walk(end)
    }  # what closes things at the end may go on whatever happens
    for call, name in code.calls:
        if id(call) in last:
            continue
        if name.rpartition(".")[2] == "suppress" and any(_EVERYTHING & _names(each) for each in call.args):
            yield Breach(call.lineno, "swallows every error in silence.")


_EVERYTHING = frozenset({"Exception", "BaseException"})


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _says_nothing(node: ast.stmt) -> bool:
    constant = isinstance(node, ast.Expr | ast.Return) and (
        node.value is None or isinstance(node.value, ast.Constant)
    )
    return constant or isinstance(node, _SILENT)


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
    ports = [
        name
        for name, each in code.classes.items()
        if name.endswith("Port") and any(isinstance(node, FUNCTIONS) for node in each.body)
    ]
    is_async = any(isinstance(node, ast.Await) for node in code.nodes)
    if not (imported & _CLIENTS or (ports and is_async)):
        return
    limited = any("timeout" in name.lower() for _, name in code.calls) or any(
        "timeout" in (keyword.arg or "") and not _is_nothing(keyword.value)
        for call, _ in code.calls
        for keyword in call.keywords
    )
    if not limited:
        yield Breach(0, "calls outside without a limit of time anywhere.")


def _is_nothing(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (None, 0)


def _bounded(code: _Code) -> Iterator[Breach]:
    for call, name in code.calls:
        last = name.rpartition(".")[2]
        bound = {**_UNBOUNDED, **_POOLS}.get(last)
        given = {keyword.arg for keyword in call.keywords if not _is_nothing(keyword.value)}
        place = int(last == "deque")  # where the bound stands among the positional arguments
        by_place = last in _UNBOUNDED and len(call.args) > place and not _is_nothing(call.args[place])
        if bound and not (bound in given or None in given or by_place):
            yield Breach(call.lineno, f"makes `{name}` without `{bound}`.")
        endless = [*call.args[:1], *(each.value for each in call.keywords if each.arg == "maxsize")]
        if last == "lru_cache" and any(_is_nothing(each) for each in endless):
            yield Breach(call.lineno, "keeps a cache that grows for ever.")
    for function in code.functions:
        for mark in function.decorator_list:
            if ast.unparse(mark) in {"cache", "functools.cache"} and parameters(function):
                yield Breach(mark.lineno, "keeps a cache that grows for ever.")


def _observable(code: _Code) -> Iterator[Breach]:
    for name in ("metrics", "health"):
        if code.switches.get(name) and name not in code.methods():
            yield Breach(0, f"has no `{name}`, which is switched on.")


def _no_values_in_logs(code: _Code) -> Iterator[Breach]:
    for line, name in logged_values(code.tree, code.operations):
        yield Breach(line, f"logs `{name}`, a value of a row.")


def _no_global_state(code: _Code) -> Iterator[Breach]:
    for node in code.nodes:
        if isinstance(node, ast.Global):
            yield Breach(node.lineno, "changes a global name.")
    for node in code.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _changes(node.value):
            if isinstance(node, ast.AnnAssign) and _names(node.annotation) & _READ_ONLY:
                continue  # the type checker sees to it that nothing changes
            name = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
            yield Breach(node.lineno, f"keeps `{name}` at module level, where all share it.")


def _changes(node: ast.expr) -> bool:
    """Whether a value can be changed in place: a list, a mapping, a set, or what makes one."""
    if isinstance(node, ast.Call):
        return ast.unparse(node.func).rpartition(".")[2] in _MUTABLE
    return isinstance(node, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


def _time_is_handed_in(code: _Code) -> Iterator[Breach]:
    imported = code.imported()
    for call, name in code.calls:
        head, dot, rest = name.partition(".")
        if imported.get(head, head) + dot + rest in _GLOBAL_CLOCKS and not any(
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
