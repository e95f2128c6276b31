"""Modules of ml_inference with PyTorch and TensorFlow; skipped where these are not installed.

They are large, so `make test` does not install them: `pip install torch tensorflow-cpu` and run this file.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tests.generated import ml_models as models

SPEC = """
name: two_frameworks
kind: compute
description: One small model.
variant: ml_inference
operations:
  - name: score
    does: model.predict
    description: Score four numbers.
    takes: {a: number, b: number, c: number, d: number}
    gives:
      scores: list[number]
      best: integer
    with:
      model: MODEL
      after: [{field: best, output: OUTPUT, steps: [{step: argmax}]}, {field: scores, output: OUTPUT}]
settings: {framework: FRAMEWORK}
"""
ROWS = [[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0], [-1.0, 0.5, 9.0, 2.0]]


def module_for(framework: str, folder: Path) -> ModuleType:
    model, output = {"pytorch": ("score.pt2", "output_0"), "tensorflow": ("score", "scores")}[framework]
    text = SPEC.replace("FRAMEWORK", framework).replace("MODEL", model).replace("OUTPUT", output)
    return models.module_from(text, folder)


def save_torch(path: Path, times: float = 1.0) -> None:
    torch = pytest.importorskip("torch")

    class Linear(torch.nn.Module):  # type: ignore[misc,name-defined]  # torch may be missing
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.Parameter(torch.tensor(models.WEIGHTS * np.float32(times)))
            self.b = torch.nn.Parameter(torch.tensor(models.OFFSETS))

        def forward(self, x: Any) -> Any:
            return x @ self.w + self.b

    rows = {0: torch.export.Dim("rows")}
    torch.export.save(torch.export.export(Linear(), (torch.zeros(2, 4),), dynamic_shapes=(rows,)), path)


def save_tensorflow(path: Path, times: float = 1.0) -> None:
    tensorflow = pytest.importorskip("tensorflow")

    class Linear(tensorflow.Module):  # type: ignore[misc,name-defined]  # tensorflow may be missing
        def __init__(self) -> None:
            super().__init__()
            self.w = tensorflow.Variable(models.WEIGHTS * np.float32(times))

        @tensorflow.function(input_signature=[tensorflow.TensorSpec([None, 4], tensorflow.float32, name="x")])
        def __call__(self, x: Any) -> Any:
            return {"scores": tensorflow.linalg.matmul(x, self.w) + models.OFFSETS}

    made = Linear()
    tensorflow.saved_model.save(made, str(path), signatures={"serving_default": made.__call__})


SAVERS = {
    "pytorch": (save_torch, "score.pt2", "torch"),
    "tensorflow": (save_tensorflow, "score", "tensorflow"),
}


@pytest.mark.parametrize("framework", SAVERS)
@pytest.mark.filterwarnings("ignore")
async def test_answers_are_those_of_the_framework(tmp_path: Path, framework: str) -> None:
    """V10: the same answers as worked out by hand, a bad row alone, a checked reload, and no corrupt model."""
    save, name, package = SAVERS[framework]
    pytest.importorskip(package)
    module = module_for(framework, tmp_path)
    save(tmp_path / name)
    settings = module.TwoFrameworksSettings(models_folder=str(tmp_path), device="auto")
    rows = [module.ScoreInput(**dict(zip("abcd", row, strict=True))) for row in ROWS]
    bad = module.ScoreInput(a=float("nan"), b=0, c=0, d=0)
    async with module.TwoFrameworks(settings=settings) as opened:
        one, refused, two, three = await opened.score_many([rows[0], bad, *rows[1:]])
        single = await opened.score(a=1, b=2, c=3, d=4)
        kept = opened.metrics()["models.kept"]
        other = tmp_path / "other"
        other.mkdir()
        save(other / name, 2.0)
        (tmp_path / name).rename(tmp_path / "old")
        (other / name).rename(tmp_path / name)
        await opened.reload_model(name)
        doubled = await opened.score(a=1, b=2, c=3, d=4)

    worked_out = np.array(ROWS, dtype=np.float32) @ models.WEIGHTS + models.OFFSETS
    assert [each.scores for each in (one, two, three)] == [
        pytest.approx(each.tolist(), rel=1e-5) for each in worked_out
    ]
    assert [each.best for each in (one, two, three)] == worked_out.argmax(axis=1).tolist()
    assert isinstance(refused, module.InvalidInput)
    assert single == one
    assert kept[0]["device"] == "cpu" or kept[0]["device"] == "cuda"
    assert doubled.scores == pytest.approx((2 * (worked_out[0] - models.OFFSETS) + models.OFFSETS).tolist())


@pytest.mark.parametrize("framework", SAVERS)
@pytest.mark.filterwarnings("ignore")
async def test_corrupt_file_is_told(tmp_path: Path, framework: str) -> None:
    """V10: what the framework cannot read is an error of its own, and so is a file of the wrong form."""
    _, name, package = SAVERS[framework]
    pytest.importorskip(package)
    module = module_for(framework, tmp_path)
    path = tmp_path / name
    if framework == "tensorflow":
        path.mkdir()
        path = path / "saved_model.pb"
    path.write_bytes(b"garbage")
    settings = module.TwoFrameworksSettings(models_folder=str(tmp_path))
    async with module.TwoFrameworks(settings=settings) as opened:
        with pytest.raises(module.ModelCorrupt):
            await opened.score(a=1, b=2, c=3, d=4)


@pytest.mark.parametrize("framework", SAVERS)
async def test_missing_framework_is_told(tmp_path: Path, framework: str) -> None:
    """V10: without the framework the module can be imported and tried, and a call says what to install."""
    _, name, package = SAVERS[framework]
    if importlib.util.find_spec(package) is not None:
        pytest.skip(f"{package} is installed")
    module = module_for(framework, tmp_path)
    module.smoke_test()
    (tmp_path / name).write_bytes(b"anything")
    settings = module.TwoFrameworksSettings(models_folder=str(tmp_path))
    async with module.TwoFrameworks(settings=settings) as opened:
        with pytest.raises(module.FrameworkMissing, match=f"pip install {package}"):
            await opened.score(a=1, b=2, c=3, d=4)
