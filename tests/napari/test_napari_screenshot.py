"""The whole window in use, on a small laptop; the picture is the one in the README."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from napari.utils.notifications import notification_manager

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "napari.png"
LAPTOP = (1366, 768)


@pytest.fixture
def shipped_model():
    """Take the real model."""
    return ROOT / "onnx_models" / "model-3.onnx"


def test_the_window_in_use_fits_a_laptop(open_dock, shipped_model):
    assert shipped_model.is_file()
    dock = open_dock(show=True)
    window = dock.viewer.window._qt_window
    window.resize(*LAPTOP)
    dock.viewer.open_sample("dust-scratch-removal", "scan")
    dock.choose(provider="cpu")
    dock.click("remove")
    dock["defects of scan"].visible = True
    dock.viewer.layers.selection.active = dock["defects of scan"]
    dock.viewer.reset_view()
    notification_manager.records.clear()
    dock.qtbot.wait(200)  # for the paint
    picture = dock.viewer.screenshot(canvas_only=False, flash=False)[..., :3]

    assert (window.width(), window.height()) == LAPTOP, "the dock has not pushed the window beyond the screen"
    assert window.minimumSizeHint().height() <= LAPTOP[1]
    fields = [widget for name, widget in dock.fields.items() if name and name != "frames"]
    for field in fields:
        corner = field.native.mapTo(window, field.native.rect().bottomRight())
        assert field.native.isVisible(), field.name
        assert window.rect().contains(corner), field.name
    assert "defects" in dock.status
    assert picture.shape[:2] == LAPTOP[::-1]
    assert picture.std() > 20, "it shows something"

    # A picture that looks the same is left alone, for a test should not change the working tree for nothing.
    old = cv2.imread(str(PICTURE))
    if old is None or old.shape != picture.shape or np.abs(old.astype(int) - picture[..., ::-1]).mean() > 0.2:
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(PICTURE), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


def test_the_readme_shows_it():
    assert PICTURE.relative_to(ROOT).as_posix() in (ROOT / "README.md").read_text(encoding="utf-8")
