"""The page's first scan, done as it says with the real model in a window of a small laptop."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from dsr_core.decisions import LEFT, PAINTED
from tests.napari.dock import LAPTOP, MISSED, STEPS, clean_the_sample, mend_one, open_the_sample, veto_one

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "napari.png"


@pytest.fixture
def shipped_model():
    """Take the real model."""
    return ROOT / "onnx_models" / "model-3.onnx"


def test_a_first_scan_as_the_page_says(make_napari_viewer, qtbot, shipped_model, told, tmp_path):
    assert shipped_model.is_file()
    viewer = make_napari_viewer(show=True)
    dock = open_the_sample(viewer, qtbot)
    picture = clean_the_sample(dock)
    fits_a_laptop(dock)
    assert picture.shape[:2] == LAPTOP[::-1]
    assert picture.std() > 20, "it shows something"
    count = int(dock.status.split()[0])
    assert count > 20, "the sample is dirty"
    scan, restored = dock["scan"].data.copy(), dock["scan restored"].data

    veto_one(dock)
    left = dock["decisions of scan"].data == LEFT
    assert left.any()
    assert np.array_equal(restored[left], scan[left]), "it is as it was"
    assert int(dock.status.split()[0]) == count - 1

    before = restored.copy()
    mend_one(dock)
    painted = dock["decisions of scan"].data == PAINTED
    assert painted[MISSED]
    assert 200 < painted.sum() < 500, "one touch of a brush that is 20 pixels wide"
    # a defect that the brush touched goes as a whole, with its rim
    near = cv2.dilate(painted.view(np.uint8), np.ones((31, 31), np.uint8)) > 0
    assert np.array_equal(restored[~near], before[~near]), "nothing else has changed"
    whites = [image[painted].mean() for image in (before, restored)]
    assert whites[1] < whites[0] - 0.02 * 65535, "the pale speck is gone"
    assert (dock["decisions of scan"].data[left] == LEFT).all()
    assert np.array_equal(dock["scan"].data, scan)
    viewer.layers.selection = {dock["scan restored"]}
    assert viewer.layers.save(str(tmp_path / "clean.tif"), selected=True)
    assert told() == []


def fits_a_laptop(dock):
    window = dock.viewer.window._qt_window
    assert (window.width(), window.height()) == LAPTOP, "the dock has not pushed the window beyond the screen"
    assert window.minimumSizeHint().height() <= LAPTOP[1]
    hidden = {"frames", "planes", "split"}  # this scan has no use for them
    for field in [widget for name, widget in dock.fields.items() if name and name not in hidden]:
        corner = field.native.mapTo(window, field.native.rect().bottomRight())
        assert field.native.isVisible(), field.name
        assert window.rect().contains(corner), field.name
    assert dock.widget.defects.height() >= 90, "there is room for the list"


def test_the_docs_show_them():
    page = (ROOT / "docs" / "napari.md").read_text(encoding="utf-8")
    for name in STEPS:
        assert f"](images/{name})" in page
        assert (PICTURE.parent / name).stat().st_size < 800_000
    assert PICTURE.relative_to(ROOT).as_posix() in (ROOT / "README.md").read_text(encoding="utf-8")
