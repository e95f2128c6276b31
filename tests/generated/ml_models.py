"""Small ONNX models made on the spot, with answers that can be worked out by hand; and modules that run them."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tests.generated.making import PACK

from weft.variants.generating import Generated, generate
from weft.variants.library import VariantLibrary
from weft.variants.specs import read_spec

WEIGHTS = np.array([[1, 0, 2], [0, 1, -1], [3, 0, 0], [0, -2, 1]], dtype=np.float32)
OFFSETS = np.array([0.5, -0.25, 0], dtype=np.float32)


def generated_from(text: str) -> Generated:
    """Generate a module of the text of a spec."""
    return generate(read_spec(text, path="spec.yaml"), library=VariantLibrary())


def example_for(framework: str) -> str:
    """The example of a compute module, for a framework."""
    text = (PACK / "ml_inference" / "example.compute.yaml").read_text(encoding="utf-8")
    return f"{text}settings: {{framework: {framework}}}\n"


def module_from(text: str, folder: Path) -> ModuleType:
    """Generate a module of the text of a spec, write it into a folder and import it."""
    generated = generated_from(text)
    return module_of_text(generated.text, folder / generated.path)


def module_of_text(text: str, path: Path) -> ModuleType:
    """Write a module and import it."""
    path.write_text(text, encoding="utf-8")
    name = f"generated_{path.parent.name}_{path.stem}"
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # dataclasses look their module up
    found.loader.exec_module(module)
    return module


def save(
    path: Path, nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], **constants: Any
) -> Path:
    """Write a model of these nodes."""
    initial = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(list(nodes), "made", list(inputs), list(outputs), initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def floats(name: str, *shape: int | str) -> Any:
    """A tensor of 32-bit numbers."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def whole(name: str, *shape: int | str) -> Any:
    """A tensor of 64-bit whole numbers."""
    return helper.make_tensor_value_info(name, TensorProto.INT64, list(shape))


def linear(path: Path, *, times: float = 1.0, rows: int | str = "n") -> Path:
    """Four numbers in, three scores out: x @ WEIGHTS * times + OFFSETS."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Add", ["m", "b"], ["scores"])]
    return save(
        path,
        nodes,
        [floats("x", rows, 4)],
        [floats("scores", rows, 3)],
        w=WEIGHTS * np.float32(times),
        b=OFFSETS,
    )


def lookup(path: Path) -> Path:
    """A whole number in, the square of it out; any but 0 to 9 makes the whole run fail."""
    nodes = [helper.make_node("Gather", ["table", "place"], ["square"])]
    squares = np.arange(10, dtype=np.float32) ** 2
    return save(path, nodes, [whole("place", "n", 1)], [floats("square", "n", 1)], table=squares)


def logarithm(path: Path) -> Path:
    """One number in, its logarithm out: NaN for what is negative."""
    return save(path, [helper.make_node("Log", ["x"], ["y"])], [floats("x", "n", 1)], [floats("y", "n", 1)])


def added_up(path: Path) -> Path:
    """Adds all rows into one, as no model for rows should."""
    nodes = [helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=1)]
    return save(path, nodes, [floats("x", "n", 1)], [floats("y", 1, 1)], axes=np.array([0], dtype=np.int64))


def mean_of_any(path: Path) -> Path:
    """A list of any length in, its mean out."""
    nodes = [helper.make_node("ReduceMean", ["x"], ["y"], axes=[1], keepdims=0)]
    return save(path, nodes, [floats("x", "n", "length")], [floats("y", "n")])


def two_inputs(path: Path) -> Path:
    """A vector and a whole number in; the vector times the number, and the number, out."""
    nodes = [
        helper.make_node("Cast", ["factor"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["vector", "f"], ["product"]),
        helper.make_node("Identity", ["factor"], ["echo"]),
    ]
    return save(
        path,
        nodes,
        [floats("vector", "n", 3), whole("factor", "n", 1)],
        [floats("product", "n", 3), whole("echo", "n", 1)],
    )


ODD = """
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


def odd_folder(folder: Path) -> Path:
    """Write the models of `ODD` into a folder."""
    lookup(folder / "lookup.onnx")
    logarithm(folder / "logarithm.onnx")
    logarithm(folder / "promised.onnx")
    added_up(folder / "added_up.onnx")
    mean_of_any(folder / "mean.onnx")
    two_inputs(folder / "two_inputs.onnx")
    return folder


def odd_module(folder: Path, written: Path) -> ModuleType:
    """Make the module of `ODD`, which is promised the model in this folder."""
    promise = hashlib.sha256((folder / "promised.onnx").read_bytes()).hexdigest()
    return module_from(ODD.replace("PROMISE", promise), written)


def opened(odd: ModuleType, folder: Path, **settings: Any) -> Any:
    """Open the module of `ODD` on a folder of models."""
    return odd.OddModels(settings=odd.OddModelsSettings(models_folder=str(folder), **settings))
