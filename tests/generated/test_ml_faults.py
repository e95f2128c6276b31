"""Modules of ml_inference in trouble: bad rows, bad models, models replaced under load, failing sinks."""

from __future__ import annotations

import asyncio
import hashlib
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tests.generated import ml_models as models
from tests.generated.making import module_of

SPEC = """
name: odd_models
kind: compute
description: Models that have a fault of their own.
variant: ml_inference
operations:
  - name: square
    does: model.predict
    description: Look the square of a digit up.
    takes: {digit: integer}
    gives: {square: number}
    with: {model: lookup.onnx}
  - name: logarithm
    does: model.predict
    description: The logarithm.
    takes: {x: number}
    gives: {y: number}
    with: {model: logarithm.onnx}
  - name: total
    does: model.predict
    description: Rows that are added up.
    takes: {x: number}
    gives: {y: number}
    with: {model: added_up.onnx}
  - name: mean
    does: model.predict
    description: The mean of a list.
    takes:
      values: list[number]
    gives: {mean: number}
    with: {model: mean.onnx}
  - name: product
    does: model.predict
    description: A vector times a number.
    takes:
      factor: integer
      colour: enum[red,green,blue]
    gives:
      product: list[number]
      echo: integer
    with:
      model: two_inputs.onnx
      inputs: [{input: vector, fields: [colour]}, {input: factor, fields: [factor]}]
  - name: promised
    does: model.predict
    description: The logarithm by a model that is promised.
    takes: {x: {type: number, required: false}}
    gives: {y: number}
    with: {model: promised.onnx, sha256: "PROMISE", missing: 1}
settings: {group_wait_s: 0.02, models_kept: 2}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    models.lookup(folder / "lookup.onnx")
    models.logarithm(folder / "logarithm.onnx")
    models.logarithm(folder / "promised.onnx")
    models.added_up(folder / "added_up.onnx")
    models.mean_of_any(folder / "mean.onnx")
    models.two_inputs(folder / "two_inputs.onnx")
    return folder


@pytest.fixture(scope="module")
def odd(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    promise = hashlib.sha256((folder / "promised.onnx").read_bytes()).hexdigest()
    return models.module_from(SPEC.replace("PROMISE", promise), tmp_path_factory.mktemp("module"))


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return module_of("ml_inference/example.compute.yaml", tmp_path_factory.mktemp("iris"))


def opened(odd: ModuleType, folder: Path, **settings: Any) -> Any:
    return odd.OddModels(settings=odd.OddModelsSettings(models_folder=str(folder), **settings))


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e39])
async def test_number_that_is_none_harms_no_neighbour(odd: ModuleType, folder: Path, bad: float) -> None:
    """NaN, infinite and too large numbers are refused; rows of the same group are answered."""
    async with opened(odd, folder) as module:
        found = await asyncio.gather(
            *(module.logarithm(x=x) for x in [1.0, bad, math.e]), return_exceptions=True
        )
        listed = await module.logarithm_many([odd.LogarithmInput(x=x) for x in [1.0, bad, math.e]])

    for first, second, third in (found, listed):
        assert (first.y, third.y) == (0.0, pytest.approx(1.0))
        assert isinstance(second, odd.InvalidInput)
        assert "1e+39" not in str(second)


async def test_row_on_which_the_framework_fails_fails_alone(odd: ModuleType, folder: Path) -> None:
    """A row that makes the whole run fail is found by halving; 31 others get their answers."""
    digits = [n % 10 for n in range(32)]
    digits[13] = 99
    async with opened(odd, folder) as module:
        found = await asyncio.gather(*(module.square(digit=n) for n in digits), return_exceptions=True)

    assert isinstance(found[13], odd.InferenceFailed)
    assert found[13].__cause__ is not None
    assert [each.square for n, each in enumerate(found) if n != 13] == [
        float(n * n) for place, n in enumerate(digits) if place != 13
    ]


async def test_nan_from_a_model_is_no_answer(odd: ModuleType, folder: Path) -> None:
    """NaN and infinity that a model gives are an error of their row and of no other."""
    async with opened(odd, folder) as module:
        found = await module.logarithm_many([odd.LogarithmInput(x=x) for x in [1.0, -1.0, 0.0, 1.0]])

    assert [type(each).__name__ for each in found] == [
        "LogarithmResult",
        "UnusableAnswer",
        "UnusableAnswer",
        "LogarithmResult",
    ]


async def test_model_that_mixes_rows_is_caught(odd: ModuleType, folder: Path) -> None:
    """A model that gives one result for many rows never has it taken for an answer of each."""
    async with opened(odd, folder) as module:
        found = await module.total_many([odd.TotalInput(x=1.0), odd.TotalInput(x=2.0)])

    assert all(isinstance(each, odd.UnusableAnswer) for each in found)


async def test_rows_of_different_lengths_share_no_array(odd: ModuleType, folder: Path) -> None:
    """Lists of different lengths are run apart and each gets its own mean; an empty one is refused."""
    rows = [[1.0], [1.0, 2.0], [4.0, 6.0], [3.0] * 50, []]
    async with opened(odd, folder) as module:
        found = await module.mean_many([odd.MeanInput(values=each) for each in rows])

    assert [each.mean for each in found[:4]] == [1.0, 1.5, 5.0, 3.0]
    assert isinstance(found[4], odd.InvalidInput)


@pytest.mark.parametrize(
    "values",
    ["text", ["1.5"], [None], [[1.0], [1.0, 2.0]], None, [[1.0, 2.0]] * 2, {"a": 1}],
    ids=["text", "digits in text", "nothing inside", "ragged", "nothing", "too deep", "mapping"],
)
async def test_row_of_another_shape_is_refused(odd: ModuleType, folder: Path, values: Any) -> None:
    """Bad shape: what is no list of numbers never reaches the model."""
    async with opened(odd, folder) as module:
        with pytest.raises(odd.InvalidInput):
            await module.mean(values=values)
        assert (await module.mean(values=[2.0, 4.0])).mean == 3.0


async def test_inputs_of_several_kinds_meet_their_names(odd: ModuleType, folder: Path) -> None:
    """Fields go to the inputs they are named for; an option becomes a one among zeros; others are refused."""
    async with opened(odd, folder) as module:
        found = await module.product(colour="green", factor=7)
        with pytest.raises(odd.InvalidInput):
            await module.product(colour="pink", factor=7)
        with pytest.raises(odd.InvalidInput, match="int64"):
            await module.product(colour="red", factor=1.5)

    assert (found.product, found.echo) == ([0.0, 7.0, 0.0], 7)


async def test_missing_value_takes_its_stand_in(odd: ModuleType, folder: Path) -> None:
    """An optional field without a value is replaced where the spec says by what."""
    async with opened(odd, folder) as module:
        assert (await module.promised()).y == 0.0
        with pytest.raises(odd.InvalidInput, match="no value"):
            await module.logarithm(x=None)


# ── models ───────────────────────────────────────────────────────────────────────────────────────


async def test_missing_model_is_told_and_found_later(iris: ModuleType, tmp_path: Path) -> None:
    """A missing file is an error that names it; it is looked for again once `retry_load_s` has passed."""
    now = 0.0
    row = {"sepal_length": 1.0, "sepal_width": 1.0, "petal_length": 1.0, "petal_width": 1.0}
    settings = iris.FlowerClassifierSettings(models_folder=str(tmp_path), retry_load_s=5)
    async with iris.FlowerClassifier(settings=settings, clock=lambda: now) as module:
        with pytest.raises(iris.ModelMissing, match=r"iris\.onnx"):
            await module.classify(**row)
        models.linear(tmp_path / "iris.onnx")
        with pytest.raises(iris.ModelMissing):
            await module.classify(**row)
        assert "ModelMissing" in (await module.health()).checks["model iris.onnx"]
        now = 5.0
        await module.classify(**row)

        assert (await module.health()).ok


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("garbage", b"no model at all", "ModelCorrupt"),
        ("empty", b"", "ModelCorrupt"),
        ("cut", None, "ModelCorrupt"),
    ],
)
async def test_corrupt_model_is_told(
    iris: ModuleType, tmp_path: Path, name: str, content: bytes | None, error: str
) -> None:
    """A file that onnxruntime cannot read is an error of its own, and no call hangs."""
    path = models.linear(tmp_path / "iris.onnx")
    path.write_bytes(path.read_bytes()[:-40] if content is None else content)
    settings = iris.FlowerClassifierSettings(models_folder=str(tmp_path))
    async with iris.FlowerClassifier(settings=settings) as module:
        calls = [
            module.classify(sepal_length=n, sepal_width=1, petal_length=1, petal_width=1) for n in range(5)
        ]
        found = await asyncio.gather(*calls, return_exceptions=True)

    assert {type(each).__name__ for each in found} == {error}


async def test_another_file_than_promised_is_refused(odd: ModuleType, folder: Path, tmp_path: Path) -> None:
    """A model with another checksum is never asked, and the error shows both checksums."""
    models.linear(tmp_path / "promised.onnx")
    async with opened(odd, tmp_path) as module:
        with pytest.raises(odd.ModelRefused, match="checksum"):
            await module.promised(x=1.0)
    async with opened(odd, folder) as module:
        assert (await module.promised(x=1.0)).y == 0.0


async def test_name_never_leads_out_of_the_folder(iris: ModuleType, tmp_path: Path) -> None:
    """Paths upwards, absolute paths and links out of the folder are refused, and so is a model too large."""
    inside = tmp_path / "models"
    outside = models.linear(tmp_path / "secret.onnx")
    inside.mkdir()
    (inside / "link.onnx").symlink_to(outside)
    source = iris.ModelFolder(inside, max_bytes=10_000)
    for name in ("../secret.onnx", str(outside), "link.onnx", ".", ""):
        with pytest.raises(iris.ModelRefused):
            source.read(name)
    models.linear(inside / "iris.onnx")
    with pytest.raises(iris.ModelRefused, match="more than 100 bytes"):
        iris.ModelFolder(inside, max_bytes=100).read("iris.onnx")
    with pytest.raises(iris.ModelMissing):
        source.read("bad\0name.onnx")


@pytest.mark.parametrize("fault", ["inputs", "width", "outputs", "rows"])
async def test_model_that_does_not_fit_is_told(iris: ModuleType, tmp_path: Path, fault: str) -> None:
    """A model with other inputs, another width, other outputs or a fixed number of rows gives no answers."""
    path = tmp_path / "iris.onnx"
    {
        "inputs": lambda: models.two_inputs(path),
        "width": lambda: models.save(
            path,
            [models.helper.make_node("Identity", ["x"], ["scores"])],
            [models.floats("x", "n", 5)],
            [models.floats("scores", "n", 5)],
        ),
        "outputs": lambda: models.mean_of_any(path),
        "rows": lambda: models.linear(path, rows=7),
    }[fault]()
    settings = iris.FlowerClassifierSettings(models_folder=str(tmp_path))
    async with iris.FlowerClassifier(settings=settings) as module:
        with pytest.raises(iris.InvalidInput if fault == "width" else iris.ModelUnfit):
            await module.classify(sepal_length=1, sepal_width=1, petal_length=1, petal_width=1)


async def test_model_for_one_row_answers_many(iris: ModuleType, tmp_path: Path) -> None:
    """A model exported for a single row is run row by row."""
    models.linear(tmp_path / "iris.onnx", rows=1)
    settings = iris.FlowerClassifierSettings(models_folder=str(tmp_path))
    rows = [
        iris.ClassifyInput(sepal_length=n, sepal_width=1, petal_length=1, petal_width=1) for n in range(9)
    ]
    async with iris.FlowerClassifier(settings=settings) as module:
        found = await module.classify_many(rows)

    assert len({each.scores[0] for each in found}) == 9


async def test_models_in_memory_are_bounded(odd: ModuleType, folder: Path) -> None:
    """The longest unused model goes, comes back when needed, and stays the same file."""
    async with opened(odd, folder) as module:
        for _ in range(2):
            await module.square(digit=3)
            await module.logarithm(x=1.0)
            await module.mean(values=[1.0])
        found = module.metrics()

    assert len(found["models.kept"]) == 2
    assert (found["models.loads"], found["models.evictions"]) == (6, 4)


async def test_file_replaced_unasked_is_refused(odd: ModuleType, tmp_path: Path) -> None:
    """A model that has to be loaded again must be the file it was, until a reload is asked for."""
    models.lookup(tmp_path / "lookup.onnx")
    models.logarithm(tmp_path / "logarithm.onnx")
    async with opened(odd, tmp_path, models_kept=1) as module:
        assert (await module.square(digit=3)).square == 9.0
        nodes = [models.helper.make_node("Gather", ["table", "place"], ["square"])]
        value = np.arange(10, dtype=np.float32) * 100
        shapes = ([models.whole("place", "n", 1)], [models.floats("square", "n", 1)])
        models.save(tmp_path / "lookup.onnx", nodes, *shapes, table=value)
        assert (await module.square(digit=3)).square == 9.0
        await module.logarithm(x=1.0)
        with pytest.raises(odd.ModelRefused):
            await module.square(digit=3)
        await module.reload_model("lookup.onnx")

        assert (await module.square(digit=3)).square == 300.0


async def test_reload_under_load_mixes_no_models(iris: ModuleType, tmp_path: Path) -> None:
    """While rows stream, a model is replaced ten times: each call has one model, none fails, the last one stays."""
    path = models.linear(tmp_path / "iris.onnx")
    settings = iris.FlowerClassifierSettings(models_folder=str(tmp_path), group_rows=4, group_wait_s=0.001)
    rows = [
        iris.ClassifyInput(sepal_length=n, sepal_width=3, petal_length=2, petal_width=1) for n in range(11)
    ]
    plain = np.array(
        [[(n - 5.84) / 0.83, (3 - 3.06) / 0.44, (2 - 3.76) / 1.77, -0.2 / 0.76] for n in range(11)]
    )
    base = plain.astype(np.float32) @ models.WEIGHTS
    seen: set[float] = set()
    stop = False

    def version(scores: list[float], place: int) -> float:
        return round((scores[0] - 0.5) / float(base[place][0]), 2)

    async def ask(module: Any) -> None:
        while not stop:
            found = await module.classify_many(rows)
            versions = {version(each.scores, place) for place, each in enumerate(found)}
            assert len(versions) == 1
            one = await module.classify(sepal_length=9, sepal_width=3, petal_length=2, petal_width=1)
            seen.update(versions | {version(one.scores, 9)})

    async with iris.FlowerClassifier(settings=settings) as module:
        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                group.create_task(ask(module))
            for times in range(2, 12):
                models.linear(path, times=times)
                digest = await module.reload_model("iris.onnx")
                assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
                await asyncio.sleep(0)
            stop = True
        last = await module.classify(sepal_length=9, sepal_width=3, petal_length=2, petal_width=1)

        assert module.metrics()["models.kept"][0]["sha256"] == digest
    assert seen <= {float(n) for n in range(1, 12)}
    assert version(last.scores, 9) == 11.0


async def test_failed_reload_keeps_the_model(iris: ModuleType, tmp_path: Path) -> None:
    """A reload of a corrupt file, or of another one than asked for, fails; calls go on with the old model."""
    path = models.linear(tmp_path / "iris.onnx")
    row = {"sepal_length": 1.0, "sepal_width": 1.0, "petal_length": 1.0, "petal_width": 1.0}
    settings = iris.FlowerClassifierSettings(models_folder=str(tmp_path))
    async with iris.FlowerClassifier(settings=settings) as module:
        before = await module.classify(**row)
        path.write_bytes(b"garbage")
        with pytest.raises(iris.ModelCorrupt):
            await module.reload_model("iris.onnx")
        models.linear(path, times=2)
        with pytest.raises(iris.ModelRefused):
            await module.reload_model("iris.onnx", sha256="0" * 64)

        assert await module.classify(**row) == before
        with pytest.raises(iris.ModelMissing):
            await module.reload_model("other.onnx")
