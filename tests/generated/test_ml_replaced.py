"""Models in trouble: missing, corrupt, refused, unfit, replaced under load; and how many are kept in memory."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tests.generated import ml_models as models
from tests.generated.ml_models import odd_module, opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.odd_folder(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def odd(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return odd_module(folder, tmp_path_factory.mktemp("module"))


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


async def test_weights_beside_a_model_are_covered_by_its_checksum(
    iris: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights in files of their own are read from the model's folder and nowhere else, not even from here."""
    model = models.onnx.load(models.linear(tmp_path / "plain.onnx"))
    inside = tmp_path / "models" / "iris.onnx"
    inside.mkdir(parents=True)
    models.onnx.save_model(
        model, inside / "model.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
    )
    row = {"sepal_length": 5.84, "sepal_width": 3.06, "petal_length": 3.76, "petal_width": 1.2}
    settings = iris.FlowerClassifierSettings(models_folder=str(tmp_path / "models"))
    _, before = iris.ModelFolder(tmp_path / "models", max_bytes=10_000).read("iris.onnx")
    async with iris.FlowerClassifier(settings=settings) as module:
        assert (await module.classify(**row)).scores == pytest.approx(models.OFFSETS.tolist())
    (tmp_path / "w.bin").write_bytes((inside / "w.bin").read_bytes())
    (inside / "w.bin").write_bytes(bytes(len((inside / "w.bin").read_bytes())))
    _, after = iris.ModelFolder(tmp_path / "models", max_bytes=10_000).read("iris.onnx")
    assert before != after

    (tmp_path / "alone").mkdir()
    (inside / "model.onnx").rename(tmp_path / "alone" / "iris.onnx")
    monkeypatch.chdir(tmp_path)  # where the weights lie, and onnxruntime would look by itself
    settings = iris.FlowerClassifierSettings(models_folder=str(tmp_path / "alone"))
    async with iris.FlowerClassifier(settings=settings) as module:
        with pytest.raises(iris.ModelCorrupt):
            await module.classify(**row)


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
        assert (await module.health()).ok
        with pytest.raises(iris.ModelMissing):
            await module.reload_model("other.onnx")
