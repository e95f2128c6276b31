"""Features of two variants in one module: it runs a model and gathers figures, and each does what it does alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from tests.generated import ml_models as models
from tests.generated.making import PACK

from weft.variants.generating import generate
from weft.variants.library import VariantLibrary
from weft.variants.specs import read_spec


@pytest.mark.parametrize(("first", "second"), [("ml_inference", "analytics"), ("analytics", "ml_inference")])
async def test_two_variants_make_one_module(tmp_path: Path, first: str, second: str) -> None:
    """V47: whichever comes first, both sets of operations, metrics, health and smoke tests are there and work."""
    one, two = (
        read_spec((PACK / name / "example.compute.yaml").read_text(encoding="utf-8"), path=name)
        for name in (first, second)
    )
    spec = replace(one, name="joined", also=(second,), operations=one.operations + two.operations)
    module = models.module_of_text(generate(spec, library=VariantLibrary()).text, tmp_path / "joined.py")
    models.linear(tmp_path / "iris.onnx")
    hour = dt.datetime(2026, 3, 31, 14, tzinfo=dt.UTC)
    row = {"sepal_length": 1.0, "sepal_width": 1.0, "petal_length": 1.0, "petal_width": 1.0}

    module.smoke_test()
    async with module.Joined(settings=module.JoinedSettings(models_folder=str(tmp_path))) as joined:
        species = (await joined.classify(**row)).species
        summary = await joined.summary(measurements=[1.0, 2.0, 3.0])
        [window] = await joined.by_sensor(
            [module.BySensorInput(reading_id="a", at=hour, sensor="s", value=2.5)]
        )

        assert species in {"setosa", "versicolor", "virginica"}
        assert (summary.count, summary.mean, window.figures.sum) == (3, 2.0, 2.5)
        assert joined.metrics()["models.loads"] == 1
        assert (await joined.health()).checks["model iris.onnx"] == "ok"
