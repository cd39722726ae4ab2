"""The dock in a viewer, and a person's hands."""

import numpy as np
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, Qt

PLUGIN = "dust-scratch-removal"
WIDGET = "Remove dust & scratches"
LAPTOP = (1366, 768)
MISSED = (717, 345)
"""Row and column of a pale speck on the rim of the round badge that the network does not find."""


class Dock:
    """A viewer with the dock open, worked by way of a pytest-qt `QtBot` or something like it."""

    def __init__(self, viewer, qtbot, title=None):
        """Open the dock, or take the one of this title that is open."""
        self.viewer, self.qtbot = viewer, qtbot
        if title is None:
            self.dock, self.widget = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
        else:
            self.widget = viewer.window.dock_widgets[title]
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


def choose_in_menus(viewer, *names) -> None:
    """Choose an entry as a person does: menu, submenu, entry."""
    menu = viewer.window._qt_window.menuBar()
    for name in names:
        entry = next(each for each in menu.actions() if each.text().replace("&", "") == name.replace("&", ""))
        menu = entry.menu()
        if menu is not None:
            menu.aboutToShow.emit()
    entry.trigger()


def open_the_sample(viewer, qtbot) -> Dock:
    """Open the sample and the dock from the menus, as the page says, in a window of a laptop's size."""
    choose_in_menus(viewer, "File", "Open Sample", "Damaged film scan (Dust Scratch Removal)")
    choose_in_menus(viewer, "Layers", "Filter", f"{WIDGET} (Dust Scratch Removal)")
    dock = Dock(viewer, qtbot, f"{WIDGET} (Dust Scratch Removal)")
    viewer.window._qt_window.resize(*LAPTOP)
    return dock


def clean_the_sample(dock: Dock) -> np.ndarray:
    """Remove the damage, as the page says; return the picture (H, W, 3) with what was found."""
    dock.choose(provider="cpu")
    dock.click("remove")
    dock["defects of scan"].visible = True  # the eye beside its name
    dock.viewer.layers.selection.active = dock["defects of scan"]
    dock.viewer.reset_view()
    return photograph(dock)


def veto_one(dock: Dock) -> np.ndarray:
    """Leave the find alone that the network doubts most, as the page says; return the picture."""
    dock.click("next")
    dock.click("reject")
    return photograph(dock)


def mend_one(dock: Dock) -> np.ndarray:
    """Paint over damage that was missed, as the page says; return the picture."""
    dock.click("mend")
    dock.camera.center, dock.camera.zoom = (0, *MISSED), 6  # the wheel
    dock["defects of scan"].brush_size = 20
    dock.qtbot.wait(200)
    canvas = dock.viewer.window._qt_viewer.canvas.native
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    dock.qtbot.mouseMove(canvas, middle)
    dock.qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
    dock.settled()
    return photograph(dock)


def photograph(dock: Dock) -> np.ndarray:
    """Return the picture of the window, (H, W, 3)."""
    notification_manager.records.clear()
    dock.qtbot.wait(200)  # for the paint
    return dock.viewer.screenshot(canvas_only=False, flash=False)[..., :3]


STEPS = {"napari.png": clean_the_sample, "napari-veto.png": veto_one, "napari-mend.png": mend_one}
"""What docs/napari.md explains, one after the other, and the pictures of it there."""
