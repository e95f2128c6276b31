"""Modules of ml_inference at work: real onnxruntime, models made on the spot, without faults."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest
from tests.generated import ml_models as models
from tests.generated.making import module_of

LABELS = ["setosa", "versicolor", "virginica"]


@pytest.fixture
async def classifier(iris: ModuleType, folder: Path) -> AsyncIterator[Any]:
    settings = iris.FlowerClassifierSettings(models_folder=str(folder), device="cpu")
    async with iris.FlowerClassifier(settings=settings) as made:
        yield made


def expected(measures: list[float]) -> np.ndarray[Any, Any]:
    """What the model gives for one row, after the step before it."""
    mean, deviation = np.array([5.84, 3.06, 3.76, 1.2]), np.array([0.83, 0.44, 1.77, 0.76])
    scaled = ((np.array(measures) - mean) / deviation).astype(np.float32)
    return scaled @ models.WEIGHTS + models.OFFSETS


def row(*measures: float) -> dict[str, float]:
    return dict(zip(["sepal_length", "sepal_width", "petal_length", "petal_width"], measures, strict=True))


async def test_answers_are_those_of_the_model(classifier: Any) -> None:
    """V10: steps before and after the model give what numpy gives."""
    scores = expected([5.1, 3.5, 1.4, 0.2])
    found = await classifier.classify(**row(5.1, 3.5, 1.4, 0.2))

    assert found.scores == pytest.approx(scores.tolist(), rel=1e-5)
    assert found.species == LABELS[int(scores.argmax())]
    assert found.confidence == pytest.approx(float((np.exp(scores) / np.exp(scores).sum()).max()), abs=1e-5)
    assert (await classifier.is_sure(confidence=0.95)).sure is True


async def test_start_loads_no_model(classifier: Any) -> None:
    """V10: a model is loaded by the first call and not before."""
    assert classifier.metrics().get("models.loads") is None
    await classifier.classify(**row(1, 1, 1, 1))

    assert classifier.metrics()["models.loads"] == 1


async def test_hundred_first_calls_load_once(iris: ModuleType, folder: Path) -> None:
    """V10: 100 concurrent first calls share one load, and each gets its own answer."""
    opened = []

    def open_model(files: Any) -> Any:
        opened.append(len(files[""]))
        return iris.OnnxBackend(files, device="cpu", threads=1)

    settings = iris.FlowerClassifierSettings(models_folder=str(folder))
    async with iris.FlowerClassifier(settings=settings, open_model=open_model) as classifier:
        found = await asyncio.gather(*(classifier.classify(**row(n, 1, 2, 3)) for n in range(100)))

    assert len(opened) == 1
    for n, each in enumerate(found):
        assert each.scores == pytest.approx(expected([n, 1, 2, 3]).tolist(), rel=1e-4)


async def test_concurrent_rows_run_together(iris: ModuleType, folder: Path) -> None:
    """V10: rows of concurrent calls are gathered, never more than `group_rows`, and answers find their callers."""
    sizes: list[int] = []

    class Watched(iris.OnnxBackend):  # type: ignore[misc,name-defined]  # a class of a module made just now
        def run(self, feeds: Any) -> Any:
            sizes.append(len(feeds["x"]))
            return super().run(feeds)

    settings = iris.FlowerClassifierSettings(models_folder=str(folder), group_rows=16)
    opened: Callable[..., Any] = lambda files: Watched(files, device="cpu", threads=1)  # noqa: E731 - one line
    async with iris.FlowerClassifier(settings=settings, open_model=opened) as classifier:
        found = await asyncio.gather(*(classifier.classify(**row(n, 2, 3, 4)) for n in range(200)))

    assert max(sizes) == 16
    assert sum(sizes) == 200
    assert len(sizes) < 50
    assert [each.scores[0] for each in found] == pytest.approx(
        [float(expected([n, 2, 3, 4])[0]) for n in range(200)], rel=1e-4
    )


async def test_first_row_waits_for_its_bound_only(iris: ModuleType, folder: Path) -> None:
    """V10: a group that is not full leaves when its first row has waited `group_wait_s`, by the clock handed in."""
    waits: list[float] = []
    go_on = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await go_on.wait()

    settings = iris.FlowerClassifierSettings(models_folder=str(folder), group_rows=10, group_wait_s=0.25)
    async with iris.FlowerClassifier(settings=settings, sleep=sleep) as classifier:
        calls = [asyncio.create_task(classifier.classify(**row(n, 1, 1, 1))) for n in range(3)]
        while not waits:  # noqa: ASYNC110 - nothing tells when it waits
            await asyncio.sleep(0)
        done, _ = await asyncio.wait(calls, timeout=0.02)
        assert not done
        go_on.set()
        await asyncio.gather(*calls)

    assert waits == [0.25]


async def test_many_rows_come_back_in_their_order(classifier: Any, iris: ModuleType) -> None:
    """V10: a list of rows longer than a group comes back whole and in order."""
    rows = [iris.ClassifyInput(**row(n, n / 2, 1, 0)) for n in range(100)]
    found = await classifier.classify_many(rows)

    assert [each.scores for each in found] == [
        pytest.approx(expected([n, n / 2, 1, 0]).tolist(), rel=1e-4, abs=1e-4) for n in range(100)
    ]


async def test_module_without_gathering_answers_the_same(tmp_path: Path, folder: Path) -> None:
    """V10: with every switch off the answers are the same."""
    switches = {"metrics": False, "grouping": False, "reloading": False}
    module = module_of("ml_inference/example.compute.yaml", tmp_path, switches=switches)
    async with module.FlowerClassifier(
        settings=module.FlowerClassifierSettings(models_folder=str(folder))
    ) as plain:
        found = await asyncio.gather(*(plain.classify(**row(n, 1, 1, 1)) for n in range(20)))

    assert not hasattr(plain, "reload_model")
    assert [each.scores[2] for each in found] == pytest.approx(
        [float(expected([n, 1, 1, 1])[2]) for n in range(20)], rel=1e-4
    )


async def test_metrics_and_health_tell_what_happened(classifier: Any, iris: ModuleType) -> None:
    """V10: rows, failures, loads, device and checksum are counted; a missing model is no good health."""
    await classifier.classify(**row(1, 1, 1, 1))
    with pytest.raises(iris.InvalidInput):
        await classifier.classify(**row(float("nan"), 1, 1, 1))
    found = classifier.metrics()

    assert (found["classify.calls"], found["classify.failures"], found["classify.InvalidInput"]) == (2, 1, 1)
    assert found["inference.rows"] == 1
    assert found["models.kept"][0]["device"] == "cpu"
    assert (await classifier.health()).ok
    other = iris.FlowerClassifier(settings=iris.FlowerClassifierSettings(models_folder="nowhere"))
    assert (await other.health()).checks == {"running": "not started", "model iris.onnx": "missing"}


@pytest.mark.parametrize(("device", "level"), [("cuda", logging.WARNING), ("auto", logging.INFO)])
async def test_cpu_stands_in_for_a_gpu_and_says_why(
    iris: ModuleType, folder: Path, caplog: pytest.LogCaptureFixture, device: str, level: int
) -> None:
    """V10: without CUDA the model runs on the CPU, and the log has the reason, but no value of a row."""
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    caplog.set_level(logging.INFO)
    settings = iris.FlowerClassifierSettings(models_folder=str(folder), device=device)
    async with iris.FlowerClassifier(settings=settings) as classifier:
        await classifier.classify(**row(4.321987, 1, 1, 1))
    record = next(each for each in caplog.records if "model loaded" in each.getMessage())

    assert record.levelno == level
    assert json.loads(record.getMessage())["reason"] == "this onnxruntime was built without CUDA"
    assert "4.32" not in caplog.text


async def test_effect_writes_every_prediction_once(scorer: ModuleType, folder: Path) -> None:
    """V10: the sink gets each prediction once, with its key and the checksum of the model."""
    written: list[Any] = []

    class Sink:
        async def write(self, prediction: Any) -> None:
            written.append(prediction)

    settings = scorer.FlowerScorerSettings(models_folder=str(folder))
    async with scorer.FlowerScorer(settings=settings, sink=Sink()) as module:
        first = await module.classify(**row(1, 2, 3, 4), record_key="row 7")
        await module.classify(**row(1, 2, 3, 4))
        await module.classify_many(
            [scorer.ClassifyInput(**row(1, 2, 3, 4)), scorer.ClassifyInput(**row(4, 3, 2, 1))]
        )

    assert [each.key for each in written][:1] == ["row 7"]
    assert len(written) == 4
    assert written[0].result == {
        "species": first.species,
        "confidence": first.confidence,
        "scores": first.scores,
    }
    assert written[1].key == written[2].key != written[3].key  # the same row has the same key
    assert written[0].model_sha256 == hashlib.sha256((folder / "iris.onnx").read_bytes()).hexdigest()


async def test_lines_of_predictions_survive_a_torn_one(
    scorer: ModuleType, folder: Path, tmp_path: Path
) -> None:
    """V10: the file of predictions gets one line each; a line that a dead process left torn stays by itself."""
    path = tmp_path / "predictions.jsonl"
    path.write_text('{"operation": "class', encoding="utf-8")
    settings = scorer.FlowerScorerSettings(models_folder=str(folder), predictions_path=str(path))
    async with scorer.FlowerScorer(settings=settings) as module:
        await asyncio.gather(*(module.classify(**row(n, 1, 1, 1)) for n in range(10)))
    torn, *lines = path.read_text(encoding="utf-8").splitlines()

    assert torn == '{"operation": "class'
    assert len({json.loads(line)["key"] for line in lines}) == len(lines) == 10


@pytest.mark.parametrize("framework", ["onnx", "pytorch", "tensorflow"])
def test_only_the_chosen_framework_is_imported(framework: str) -> None:
    """V10: the module names one framework and no other."""
    modules = {"onnx": "'onnxruntime'", "pytorch": "'torch'", "tensorflow": "'tensorflow'"}
    code = models.generated_from(models.example_for(framework)).code
    imported = [line.strip() for line in code.splitlines() if "import_module(" in line]

    assert imported == [f"return importlib.import_module({modules[framework]})"]
    assert not any(
        f"{name}Backend(" in code for name in {"Onnx", "Pytorch", "Tensorflow"} - {framework.title()}
    )
