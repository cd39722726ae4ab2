"""Fixtures that every folder of tests shares."""

from pathlib import Path

import pytest

import dsr_core  # noqa: F401 -- before onnxruntime, which else leaves traces in the home
from tests.toy_model import write_toy_model


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the hand-made model."""
    return write_toy_model(tmp_path_factory.mktemp("models") / "toy.onnx")
