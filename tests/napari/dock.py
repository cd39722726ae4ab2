"""The dock in a viewer, and a person's hands."""

import numpy as np
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

PLUGIN = "dust-scratch-removal"
WIDGET = "Remove dust & scratches"
LAPTOP = (1366, 768)
MISSED = [(row, np.interp(row, [0, 30, 63, 93], [1, 4.5, 10, 15])) for row in range(2, 93)]
"""Rows and columns of a part of a scratch in the sample, in its upper left corner."""


class Dock:
    """A viewer with the dock open, worked by way of a pytest-qt `QtBot` or something like it."""

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot
        self.dock, self.widget = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
        self.fields = self.widget.fields

    def click(self, button, *, wait=True):
        self.qtbot.mouseClick(self.fields[button].native, Qt.MouseButton.LeftButton)
        if wait:
            self.settled()

    def settled(self):
        """Wait until nothing runs and nothing is left to be composed."""
        self.until(lambda: not self.widget.session.busy)

    def until(self, condition):
        self.qtbot.waitUntil(
            condition, timeout=300_000
        )  # patient, for machines that are busy with other work

    def choose(self, **values):
        for name, value in values.items():
            self.fields[name].value = value
        self.settled()

    @property
    def camera(self):
        return getattr(self.viewer, "scene", self.viewer).camera  # it has moved in napari 0.9

    @property
    def running(self):
        return self.fields["cancel"].enabled

    @property
    def names(self):
        return [layer.name for layer in self.viewer.layers]

    @property
    def status(self):
        return self.fields["status"].value

    def __getitem__(self, name):
        return self.viewer.layers[name]


def use_on_a_laptop(dock: Dock) -> np.ndarray:
    """Restore the sample in a window of a laptop's size; return the picture of the window (H, W, 3)."""
    dock.viewer.window._qt_window.resize(*LAPTOP)
    dock.viewer.open_sample(PLUGIN, "scan")
    dock.choose(provider="cpu")
    dock.click("remove")
    dock["defects of scan"].visible = True
    dock.viewer.layers.selection.active = dock["defects of scan"]
    dock.viewer.reset_view()
    return photograph(dock)


def veto_one(dock: Dock) -> np.ndarray:
    """Leave the defect alone that the network doubts most, as the page says; return the picture."""
    dock.click("next")
    dock.click("reject")
    return photograph(dock)


def mend_one(dock: Dock) -> np.ndarray:
    """Paint over damage that was missed, as the page says; return the picture."""
    dock.click("undo")
    layer = dock["defects of scan"]
    dock.camera.center, dock.camera.zoom = (0, 70, 55), 4
    layer.mode, layer.brush_size = "paint", 5
    with layer.block_history():
        for place in MISSED:
            layer.paint(place, layer.selected_label)
    dock.settled()
    return photograph(dock)


def photograph(dock: Dock) -> np.ndarray:
    """Return the picture of the window, (H, W, 3)."""
    notification_manager.records.clear()
    dock.qtbot.wait(200)  # for the paint
    return dock.viewer.screenshot(canvas_only=False, flash=False)[..., :3]
