"""What the tests of the dock share: the toy model as the shipped one, and a viewer with the dock open."""

import shutil
import time
from pathlib import Path

import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QThreadPool

from dsr_core import engine, models, sweep
from tests.napari.dock import Dock


@pytest.fixture(autouse=True)
def shipped_model(toy_model, tmp_path, monkeypatch) -> Path:
    """Let the toy model be the model 3 that ships with the package, on the processor wherever this runs."""
    folder = tmp_path / "onnx_models"
    folder.mkdir()
    shutil.copy(toy_model, folder / "model-3.onnx")
    monkeypatch.setattr(models, "models_folder", lambda: folder)
    monkeypatch.setattr(engine, "cuda_fault", lambda: "none in the tests")
    return folder / "model-3.onnx"


@pytest.fixture
def network(monkeypatch):
    """Count the network's batches and make each take at least ``network.seconds``; tiles are small."""

    class Network:
        batches, seconds = 0, 0.0

    run = engine.Engine.__call__

    def counted(self, batch, **options):
        Network.batches += 1
        time.sleep(Network.seconds)
        return run(self, batch, **options)

    monkeypatch.setattr(engine.Engine, "__call__", counted)
    monkeypatch.setitem(sweep.LOADS, "cpu", sweep.Load("cpu", 1, 64))
    return Network


@pytest.fixture
def told():
    """The errors and warnings that napari has shown in this test, as (severity, text)."""
    notification_manager.records.clear()
    return lambda: [
        (str(record.severity), record.message)
        for record in notification_manager.records
        if str(record.severity) != "info"
    ]


@pytest.fixture
def open_dock(make_napari_viewer, qtbot):
    """Open the dock on a viewer that holds the given layers."""

    def open_it(*layers, **viewer_options):
        viewer = make_napari_viewer(**viewer_options)
        for layer in layers:
            viewer.add_layer(layer)
        return Dock(viewer, qtbot)

    yield open_it
    assert QThreadPool.globalInstance().waitForDone(20_000)
