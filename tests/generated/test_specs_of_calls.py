"""What specs of api_heavy, kafka_heavy, ml_inference and analytics may get wrong, told before any code is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.generated.making import imported

from weft.errors import BadSpec
from weft.variants.generating import Generated, generate
from weft.variants.library import VariantLibrary
from weft.variants.specs import read_spec


def module(
    variant: str, kind: str, *operations: dict[str, Any], settings: dict[str, Any] | None = None
) -> Generated:
    """The module of a spec."""
    spec = {
        "name": "tried",
        "kind": kind,
        "description": "Try it.",
        "variant": variant,
        "operations": list(operations),
        "settings": settings or {},
    }
    return generate(read_spec(json.dumps(spec), path="tried.yaml"), library=VariantLibrary())


def call(name: str = "report", **given: Any) -> dict[str, Any]:
    """A call that takes a place, a temperature and whether it rains."""
    takes = {"place": "text", "celsius": "number", "rain": "boolean"}
    read = {"path": "/places/{place}", "method": "POST"} | given
    return {"name": name, "does": "http.call", "description": "Call.", "takes": takes, "with": read}


FIND = {
    "name": "find",
    "does": "http.call",
    "description": "Find it.",
    "gives": {"place": "text", "celsius": "integer"},
    "with": {"path": "/latest"},
}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"path": "/places/{plac}"}, r"holds `\{plac\}`, which is none of its inputs"),
        ({"path": "places"}, "begins with `/`"),
        ({"query": ["day"]}, "`query` of `report` names `day`"),
        ({"next_page": "next"}, "so it gives a list"),
        ({"found_at": "a.b"}, "gives nothing back"),
        ({"method": "GET", "idempotency_key": True}, "changes nothing"),
        ({"after": ["find"]}, "belong to orchestrators"),
    ],
)
def test_fault_in_a_call_is_told(given: dict[str, Any], said: str) -> None:
    """V29: a path, query or page that cannot work is refused, and nothing is silently left out."""
    with pytest.raises(BadSpec, match=said):
        module("api_heavy", "effect", FIND, call(**given))


@pytest.mark.parametrize(
    ("passes", "said"),
    [
        ("place", "write `place=operation.field`"),
        ("plac=find.place", "does not take `plac`"),
        ("place=look.place", "needs `look`, which is not listed before it"),
        ("place=find.town", "`find` gives no single `town`"),
        ("rain=find.place", "`rain` of `report` is bool, and `find.place` is str"),
    ],
)
def test_fault_in_a_plan_is_told(passes: str, said: str) -> None:
    """V29: what an orchestrator passes on is there, is taken, and is of the same type."""
    with pytest.raises(BadSpec, match=said):
        module("api_heavy", "orchestrator", FIND, call(passes=[passes]))


def test_whole_number_may_be_passed_as_number() -> None:
    """V08: a whole number fits where a number is taken."""
    assert (
        "got_celsius" in module("api_heavy", "orchestrator", FIND, call(passes=["celsius=find.celsius"])).code
    )


async def test_inputs_may_be_called_like_names_of_the_code(tmp_path: Path) -> None:
    """V08: inputs called `path` and `request` reach the body as they are."""
    takes = {"path": "text", "request": "text", "answer": "text"}
    keep = call("keep") | {"takes": takes, "with": {"method": "POST", "path": "/files"}}
    code = imported(module("api_heavy", "effect", keep), tmp_path)
    sent = []

    async def send(request: Any) -> Any:
        sent.append(json.loads(request.body))
        return code.HttpAnswer(204, {}, b"")

    await code.Tried(send=send).keep(path="p", request="r", answer="a")

    assert sent == [{"path": "p", "request": "r", "answer": "a"}]


READING = {
    "name": "reading",
    "does": "broker.consume",
    "description": "Read.",
    "gives": {"sensor": "text", "celsius": "number"},
    "with": {"topic": "readings"},
}


def alarm(takes: dict[str, str] | None = None, **given: Any) -> dict[str, Any]:
    """A message that is sent."""
    fields = takes or {"sensor": "text"}
    read = {"topic": "alarms"} | given
    return {"name": "alarm", "does": "broker.produce", "description": "Tell.", "takes": fields, "with": read}


@pytest.mark.parametrize(
    ("kind", "operations", "said"),
    [
        ("effect", [alarm(key="sensr")], "names the field `sensr`"),
        ("effect", [alarm(topic="a b")], "the topic of `alarm` has at most 249"),
        ("effect", [alarm(when="hot")], "`when` of `alarm` belongs to orchestrators"),
        ("effect", [alarm({"message_id": "text"})], "has a `message_id` already"),
        ("orchestrator", [READING, READING | {"name": "again"}], "two operations read the topic `readings`"),
        ("orchestrator", [alarm(when="hot"), READING], "stands before every `broker.consume`"),
        (
            "orchestrator",
            [READING, alarm(when="celsius")],
            "wants `celsius` as bool, and `reading` gives float",
        ),
        ("orchestrator", [READING, alarm({"celsius": "text"})], "as str, and `reading` gives float"),
        (
            "orchestrator",
            [READING | {"with": {"topic": "a", "sum": ["celsius"]}}, alarm()],
            "belong to reducers",
        ),
    ],
)
def test_fault_in_messages_is_told(kind: str, operations: list[dict[str, Any]], said: str) -> None:
    """V29: topics, keys and conditions that cannot work are refused, and none is silently left out."""
    with pytest.raises(BadSpec, match=said):
        module("kafka_heavy", kind, *operations)


def test_unknown_compression_is_told() -> None:
    """V29: a codec that no client knows."""
    with pytest.raises(BadSpec, match=r"`settings.compression`.*is one of none, gzip"):
        module("kafka_heavy", "effect", alarm(), settings={"compression": "zip"})


def predict(before: dict[str, Any], *after: dict[str, Any]) -> dict[str, Any]:
    """A prediction with one step before, and some after."""
    return {
        "name": "score",
        "does": "model.predict",
        "description": "Score.",
        "takes": {"income": "number", "debt": "number"},
        "gives": {"grade": "enum[good,bad]"},
        "with": {
            "model": "m.onnx",
            "before": [before],
            "after": [{"field": "grade", "steps": list(after)}],
        },
    }


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"step": "scael"}, {"step": "argmax"}, r"before\.0\.step`.*must be one of"),
        ({"step": "scale", "mea": [1]}, {"step": "argmax"}, r"before\.0\.mea`.*did you mean `mean`"),
        ({"step": "unit"}, {"step": "label", "lables": []}, r"steps\.0\.lables`.*did you mean `labels`"),
        (
            {"step": "scale", "mean": [1, 2]},
            {"step": "argmax"},
            "the step `scale` of `score` needs `deviation`",
        ),
        ({"step": "unit", "mean": [1, 2]}, {"step": "argmax"}, "`unit` of `score` has no use for `mean`"),
        (
            {"step": "scale", "mean": [1, 2, 3], "deviation": [1, 1]},
            {"step": "argmax"},
            "has 3 numbers for 2 fields",
        ),
        ({"step": "scale", "mean": [1, 2], "deviation": [0, 1]}, {"step": "argmax"}, "is not above zero"),
        ({"step": "range", "low": [0, 2], "high": [1, 2]}, {"step": "argmax"}, "needs low below high"),
        ({"step": "clip", "low": [3], "high": [2]}, {"step": "argmax"}, "needs low below high"),
        ({"step": "clip", "low": [0], "high": [2]}, {"step": "round"}, "`round` of `score` needs `digits`"),
        ({"step": "unit"}, {"step": "label", "labels": ["good", "ugly"]}, "the label `ugly` is none of"),
    ],
)
def test_fault_in_steps_around_a_model_is_told(
    before: dict[str, Any], after: dict[str, Any], said: str
) -> None:
    """V29: misspelt and missing values inside a step are refused, at any depth, and named once."""
    with pytest.raises(BadSpec, match=said) as caught:
        module("ml_inference", "compute", predict(before, after))
    assert str(caught.value).startswith("The spec `tried.yaml` has 1 problem:")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"value": "page"}, "`page`, which is no number"),
        ({"time": "page"}, "the time `page` of `click` is neither"),
        ({"slide_s": 90}, "`slide_s` of `click` is at most its `window_s`"),
        ({"slide_s": 0.01}, "more than 1000 windows"),
        ({"by": ["page"], "empty": True}, "is not for groups"),
        ({"buckets": [10, 10]}, "the `buckets` of `click` must rise"),
        ({"percentiles": [50, 50]}, "lists one twice"),
    ],
)
def test_fault_in_windows_is_told(given: dict[str, Any], said: str) -> None:
    """V29: windows and figures that make no sense are refused with the spec's line, not when the code runs."""
    operation = {
        "name": "click",
        "does": "aggregate.window",
        "description": "Count.",
        "takes": {"at": "number", "page": "text", "ms": "number"},
        "with": {"value": "ms", "time": "at", "window_s": 60} | given,
    }
    with pytest.raises(BadSpec, match=said):
        module("analytics", "reducer", operation)
