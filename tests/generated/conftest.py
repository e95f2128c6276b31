"""Real services and models for the tests of generated modules; each service is written in its own file beside."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from tests.generated import ml_models
from tests.generated.making import module_of
from tests.generated.postgres import postgres, postgres_server

__all__ = ["postgres", "postgres_server"]


@pytest.fixture(scope="session")
def iris(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The module that classifies flowers; made once for all its tests."""
    return module_of("ml_inference/example.compute.yaml", tmp_path_factory.mktemp("iris"))


@pytest.fixture(scope="session")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The module that scores messages; made once for all its tests."""
    return module_of("ml_inference/example.effect.yaml", tmp_path_factory.mktemp("scorer"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of models with one that can be worked out by hand."""
    ml_models.linear(tmp_path / "iris.onnx")
    return tmp_path
