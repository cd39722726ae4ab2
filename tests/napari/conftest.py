"""What the tests of the dock share: a scan, the toy model as the shipped one, and a viewer with the dock open."""

import shutil
from pathlib import Path

import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt, QThreadPool

from dsr_core import models

WIDGET = "Remove dust & scratches"
PLUGIN = "dust-scratch-removal"


@pytest.fixture(autouse=True)
def shipped_model(toy_model, tmp_path, monkeypatch) -> Path:
    """Let the toy model be the model 3 that ships with the package."""
    folder = tmp_path / "onnx_models"
    folder.mkdir()
    shutil.copy(toy_model, folder / "model-3.onnx")
    monkeypatch.setattr(models, "models_folder", lambda: folder)
    return folder / "model-3.onnx"


@pytest.fixture
def told():
    """The texts of all notifications of this test."""
    notification_manager.records.clear()
    return lambda: [record.message for record in notification_manager.records]


class Dock:
    """A viewer with the dock open, and a person's hands."""

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot
        self.dock, self.widget = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)

    def click(self, button, *, wait=True):
        self.qtbot.mouseClick(self.widget.fields[button].native, Qt.MouseButton.LeftButton)
        if wait:
            self.settled()

    def settled(self):
        """Wait until nothing runs and nothing is left to be composed."""
        self.qtbot.waitUntil(
            lambda: self.widget._worker is None and not self.widget._stale and QThreadPool.globalInstance().waitForDone(0),
            timeout=30_000,
        )

    def __getitem__(self, name):
        return self.viewer.layers[name]


@pytest.fixture
def open_dock(make_napari_viewer, qtbot):
    """Open the dock on a viewer that holds the given layers."""

    def open_it(*layers, **viewer_options):
        viewer = make_napari_viewer(**viewer_options)
        for layer in layers:
            viewer.add_layer(layer)
        return Dock(viewer, qtbot)

    yield open_it
    QThreadPool.globalInstance().waitForDone(10_000)
