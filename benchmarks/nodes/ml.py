"""A module of ml_inference on onnxruntime: a small model, and one of real size made on the spot (50 MB)."""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from figures import Figure, closed_loop, percentile_ms
from tests.generated import ml_models as models

WINDOW_S = 1.0
CALLERS = 32
WIDE = 2048  # of each of the three layers of the large model
SPEC = """
name: two_models
kind: compute
description: Two models.
variant: ml_inference
operations:
  - name: small
    does: model.predict
    description: Four numbers to three.
    takes: {a: number, b: number, c: number, d: number}
    gives:
      scores: list[number]
    with: {model: small.onnx}
  - name: large
    does: model.predict
    description: Many numbers to ten.
    takes:
      values: list[number]
    gives:
      scores: list[number]
    with: {model: large.onnx}
"""


@contextmanager
def prepared() -> Iterator[Callable[[], list[Figure]]]:
    """Make the module and both models; yield what measures one window."""
    with tempfile.TemporaryDirectory(prefix="weft-nodes-") as name:
        folder = Path(name)
        made = models.module_from(SPEC, folder)
        models.linear(folder / "small.onnx")
        layers(folder / "large.onnx", [WIDE, WIDE, WIDE, WIDE, 10])
        yield lambda: asyncio.run(window(made, folder))


def layers(path: Path, widths: list[int]) -> None:
    """Write a network of dense layers with fixed weights."""
    chance = np.random.default_rng(1)
    nodes, weights, last = [], {}, "x"
    for place, (inner, outer) in enumerate(pairwise(widths)):
        weights[f"w{place}"] = (chance.standard_normal((inner, outer)) / inner**0.5).astype(np.float32)
        nodes += [
            models.helper.make_node("MatMul", [last, f"w{place}"], [f"m{place}"]),
            models.helper.make_node("Relu", [f"m{place}"], [f"r{place}"]),
        ]
        last = f"r{place}"
    ends = [models.floats("x", "n", widths[0])], [models.floats(last, "n", widths[-1])]
    models.save(path, nodes, *ends, **weights)


async def window(made: Any, folder: Path) -> list[Figure]:
    """Measure loading, calls one after another, and calls of many at a time."""
    settings = made.TwoModelsSettings(models_folder=str(folder), group_wait_s=0.001, device="cpu")
    row = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    values = [0.5] * WIDE
    async with made.TwoModels(settings=settings) as module:
        began = time.perf_counter()
        await module.large(values=values)
        loaded_s = time.perf_counter() - began
        await module.small(**row)
        _, small = await closed_loop(lambda _: module.small(**row), callers=1, for_s=WINDOW_S / 2)
        _, large = await closed_loop(lambda _: module.large(values=values), callers=1, for_s=WINDOW_S / 2)
        smalls, _ = await closed_loop(lambda _: module.small(**row), callers=CALLERS, for_s=WINDOW_S)
        larges, _ = await closed_loop(lambda _: module.large(values=values), callers=CALLERS, for_s=WINDOW_S)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return [
        Figure(name="small model, 95 % within", value=percentile_ms(small, 0.95), unit="ms", target=50),
        Figure(name="large model, 95 % within", value=percentile_ms(large, 0.95), unit="ms", target=50),
        Figure(
            name=f"small model, {CALLERS} callers", value=smalls, unit="/s", target=100, more_is_better=True
        ),
        Figure(
            name=f"large model, {CALLERS} callers", value=larges, unit="/s", target=100, more_is_better=True
        ),
        Figure(name="large model, load and first answer", value=loaded_s, unit="s", target=5),
        Figure(name="memory of the process, all parts so far", value=peak, unit="MB", target=2000),
    ]
