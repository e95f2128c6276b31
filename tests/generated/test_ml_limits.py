"""Modules of ml_inference at their limits: too many rows, too slow, given up, not running, failing sinks and steps."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generated import ml_models as models

from weft.errors import BadSpec

ROW = {"sepal_length": 1.0, "sepal_width": 1.0, "petal_length": 1.0, "petal_width": 1.0}


class Gate:
    """A backend that answers zeros, and only while its gate is open."""

    def __init__(self, module: ModuleType) -> None:
        self.inputs = (module.Tensor("x", "float32", (4,)),)
        self.outputs = ("scores",)
        self.device, self.device_note = "cpu", ""
        self.gate = threading.Event()
        self.rows: list[int] = []

    def run(self, feeds: Any) -> Any:
        assert self.gate.wait(10)
        self.rows.append(len(feeds["x"]))
        return {"scores": feeds["x"][:, :3]}


async def test_too_many_rows_are_refused_and_nothing_is_lost(iris: ModuleType, folder: Path) -> None:
    """Beyond `most_waiting` rows calls are refused at once; those that wait get their answers."""
    backend = Gate(iris)
    limits = iris.FlowerClassifierSettings(models_folder=str(folder), most_waiting=8, group_rows=2)
    async with iris.FlowerClassifier(settings=limits, open_model=lambda _: backend) as module:
        waiting = [asyncio.create_task(module.classify(**ROW)) for _ in range(8)]
        await asyncio.sleep(0)
        with pytest.raises(iris.ModelsBusy):
            await module.classify(**ROW)
        backend.gate.set()
        assert len(await asyncio.gather(*waiting)) == 8
        await module.classify(**ROW)


async def test_slow_model_is_overdue(iris: ModuleType, folder: Path) -> None:
    """A call whose answer takes too long ends with an error of its own, and the module goes on."""
    backend = Gate(iris)
    limits = iris.FlowerClassifierSettings(models_folder=str(folder), answer_within_s=0.05, group_wait_s=0)
    async with iris.FlowerClassifier(settings=limits, open_model=lambda _: backend) as module:
        with pytest.raises(iris.AnswerOverdue):
            await module.classify(**ROW)
        with pytest.raises(iris.AnswerOverdue):
            await module.classify_many([iris.ClassifyInput(**ROW)])
        backend.gate.set()
        await module.classify(**ROW)


async def test_caller_who_gives_up_takes_only_its_row(iris: ModuleType, folder: Path) -> None:
    """A cancelled call leaves its group; its neighbours are answered, and its row is not run."""
    backend = Gate(iris)
    backend.gate.set()
    limits = iris.FlowerClassifierSettings(models_folder=str(folder), group_rows=4, group_wait_s=60)
    async with iris.FlowerClassifier(settings=limits, open_model=lambda _: backend) as module:
        await module.classify_many([iris.ClassifyInput(**ROW)])
        calls = [asyncio.create_task(module.classify(**{**ROW, "sepal_length": n})) for n in range(3)]
        while not module._gathering._open:  # noqa: ASYNC110 - nothing tells when a row has come
            await asyncio.sleep(0)
        calls[1].cancel()
        calls.append(asyncio.create_task(module.classify(**ROW)))
        found = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(each).__name__ for each in found] == [
        "ClassifyResult",
        "CancelledError",
        "ClassifyResult",
        "ClassifyResult",
    ]
    assert backend.rows == [1, 3]


async def test_first_caller_who_gives_up_loses_no_load(iris: ModuleType, folder: Path) -> None:
    """The load goes on when the caller that began it is cancelled, and serves the next one."""
    opened = []

    def open_model(files: Any) -> Any:
        opened.append(1)
        return iris.OnnxBackend(files, device="cpu", threads=1)

    limits = iris.FlowerClassifierSettings(models_folder=str(folder))
    async with iris.FlowerClassifier(settings=limits, open_model=open_model) as module:
        first = asyncio.create_task(module.classify(**ROW))
        await asyncio.sleep(0)
        first.cancel()
        await module.classify(**ROW)

    assert opened == [1]


async def test_module_works_between_start_and_stop_only(iris: ModuleType, folder: Path) -> None:
    """Before `start` and after `stop` a call is refused; what waits at `stop` is answered first."""
    limits = iris.FlowerClassifierSettings(models_folder=str(folder), group_wait_s=60)
    module = iris.FlowerClassifier(settings=limits)
    with pytest.raises(iris.NotRunning):
        await module.classify(**ROW)
    await module.start()
    waiting = asyncio.create_task(module.classify(**ROW))
    while not module._gathering._open:  # noqa: ASYNC110 - nothing tells when a row has come
        await asyncio.sleep(0)
    await module.stop()

    assert (await waiting).species
    with pytest.raises(iris.NotRunning):
        await module.classify(**ROW)


async def test_sink_that_fails_loses_no_prediction(scorer: ModuleType, folder: Path) -> None:
    """A failing sink is asked once; the error carries the prediction with its key, other rows are written."""
    asked: list[str] = []

    class Sink:
        async def write(self, prediction: Any) -> None:
            asked.append(prediction.key)
            if len(asked) in (1, 3):
                raise ConnectionError("the other side has gone")

    limits = scorer.FlowerScorerSettings(models_folder=str(folder))
    async with scorer.FlowerScorer(settings=limits, sink=Sink()) as module:
        with pytest.raises(scorer.NotWritten) as caught:
            await module.classify(**ROW, record_key="row 1")
        rows = [scorer.ClassifyInput(**{**ROW, "petal_width": n}) for n in range(3)]
        found = await module.classify_many(rows)

    assert caught.value.prediction.key == "row 1"
    assert caught.value.prediction.result["species"]
    assert [type(each).__name__ for each in found] == ["ClassifyResult", "NotWritten", "ClassifyResult"]
    assert len(asked) == 4


# ── steps ────────────────────────────────────────────────────────────────────────────────────────

STEPS = """
name: steps
kind: compute
description: Steps of every kind.
variant: ml_inference
operations:
  - name: run
    does: model.predict
    description: Everything.
    takes:
      values: list[number]
    gives:
      mean: number
      doubled: number
      big: boolean
    with:
      model: mean.onnx
      before: [{step: range, low: [0], high: [2]}, {step: call, name: yours}, {step: clip, low: [-1], high: [1]}]
      after:
        - {field: mean, steps: [{step: round, digits: 3}]}
        - {field: doubled, steps: [{step: call, name: twice}]}
        - {field: big, steps: [{step: sigmoid}, {step: at_least, at: 0.5}]}
"""


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return models.module_from(STEPS, tmp_path_factory.mktemp("steps"))


async def test_functions_of_yours_take_part(steps: ModuleType, tmp_path: Path) -> None:
    """Steps as data and functions handed in run in the order of the spec."""
    models.mean_of_any(tmp_path / "mean.onnx")
    yours = {"yours": lambda found: found + 0.25, "twice": lambda found: found * 2}
    limits = steps.StepsSettings(models_folder=str(tmp_path))
    async with steps.Steps(settings=limits, step_functions=yours) as module:
        found = await module.run(values=[1.0, 9.0, -9.0])

    # (0.5, 4.5, -4.5) + 0.25, cut to -1..1: (0.75, 1, -1)
    assert (found.mean, found.doubled, found.big) == (0.25, pytest.approx(0.5), True)


async def test_function_that_fails_is_told(steps: ModuleType, tmp_path: Path) -> None:
    """A function of yours that raises, or makes NaN, fails its row with a typed error; a missing one fails at once."""
    models.mean_of_any(tmp_path / "mean.onnx")
    limits = steps.StepsSettings(models_folder=str(tmp_path))
    with pytest.raises(steps.InvalidInput, match="yours"):
        steps.Steps(settings=limits)
    broken = {"yours": lambda found: 1 / 0, "twice": np.asarray}
    async with steps.Steps(settings=limits, step_functions=broken) as module:
        with pytest.raises(steps.PipelineFailed, match="ZeroDivisionError"):
            await module.run(values=[1.0])
    nothing = {"yours": lambda found: found * float("nan"), "twice": np.asarray}
    async with steps.Steps(settings=limits, step_functions=nothing) as module:
        with pytest.raises(steps.InvalidInput, match="after the steps"):
            await module.run(values=[1.0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=8))
def test_steps_are_those_of_the_textbook(steps: ModuleType, values: list[float]) -> None:
    """Softmax sums to one and keeps the order, `unit` has length one, `sigmoid` and `log1p` are numpy's."""
    found = np.array(values)
    run = lambda name, **given: steps._run_model_steps([steps.ModelStep(does=name, values=given)], found, {})  # noqa: E731 - one line a step

    assert run("softmax").sum() == pytest.approx(1.0)
    assert run("softmax")[found.argmax()] == run("softmax").max()
    assert np.linalg.norm(run("unit")) == pytest.approx(1.0 if any(values) else 0.0)
    assert run("sigmoid") == pytest.approx(1 / (1 + np.exp(-found)))
    assert run("scale", mean=[1], deviation=[2]) == pytest.approx((found - 1) / 2)
    assert run("pick", index=1) == found[1]


BAD = st.sampled_from([float("nan"), float("inf"), 1e300, None, "7", [1.0], True, {}])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.floats(-1e6, 1e6), BAD), min_size=1, max_size=40), st.integers(1, 9))
def test_rows_of_any_sort_are_answered_one_by_one(
    iris: ModuleType, tmp_path_factory: pytest.TempPathFactory, values: list[Any], group_rows: int
) -> None:
    """Whatever rows come together, each has the answer or the error that it has alone, by call and by list."""
    folder = tmp_path_factory.getbasetemp() / "any"
    models.linear(folder / "iris.onnx")
    rows = [{**ROW, "petal_length": value} for value in values]
    limits = iris.FlowerClassifierSettings(models_folder=str(folder), group_rows=group_rows)

    async def ask() -> list[list[Any]]:
        async with iris.FlowerClassifier(settings=limits) as module:
            listed = await module.classify_many([iris.ClassifyInput(**row) for row in rows])
            called = await asyncio.gather(*(module.classify(**row) for row in rows), return_exceptions=True)
            return [listed, called]

    for found in asyncio.run(ask()):
        for value, each in zip(values, found, strict=True):
            if isinstance(value, float) and abs(value) < 1e30:
                scaled = np.array([-4.84 / 0.83, -2.06 / 0.44, (value - 3.76) / 1.77, -0.2 / 0.76])
                scores = scaled.astype(np.float32) @ models.WEIGHTS + models.OFFSETS
                assert each.scores == pytest.approx(scores.tolist(), rel=1e-4, abs=1e-3)
            elif value is not True:
                assert isinstance(each, iris.FlowerClassifierError)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("list[number]", "text"), "make it an enum"),
        (
            ("    gives:\n      mean: number\n      doubled: number\n      big: boolean\n", ""),
            "needs `gives`",
        ),
        (
            ("model: mean.onnx", "model: mean.onnx\n      inputs: [{input: x, fields: [other]}]"),
            "does not take",
        ),
    ],
)
def test_specs_that_no_model_can_serve_are_refused(change: tuple[str, str], reason: str) -> None:
    """Texts without options, no result, and fields that are not taken fail when the module is generated."""
    with pytest.raises(BadSpec, match=reason):
        models.generated_from(STEPS.replace(*change))
