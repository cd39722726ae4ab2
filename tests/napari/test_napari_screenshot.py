"""The whole window in use, on a small laptop; the README shows a picture of it."""

from pathlib import Path

import pytest

from tests.napari.dock import LAPTOP, use_on_a_laptop
from tests.napari.screenshots import STEPS

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "napari.png"


@pytest.fixture
def shipped_model():
    """Take the real model."""
    return ROOT / "onnx_models" / "model-3.onnx"


def test_the_window_in_use_fits_a_laptop(open_dock, shipped_model):
    assert shipped_model.is_file()
    dock = open_dock(show=True)
    picture = use_on_a_laptop(dock)

    window = dock.viewer.window._qt_window
    assert (window.width(), window.height()) == LAPTOP, "the dock has not pushed the window beyond the screen"
    assert window.minimumSizeHint().height() <= LAPTOP[1]
    fields = [widget for name, widget in dock.fields.items() if name and name not in {"frames", "planes"}]
    for field in fields:
        corner = field.native.mapTo(window, field.native.rect().bottomRight())
        assert field.native.isVisible(), field.name
        assert window.rect().contains(corner), field.name
    assert dock.widget.defects.height() >= 90, "there is room for the list"
    assert "defects" in dock.status
    assert picture.shape[:2] == LAPTOP[::-1]
    assert picture.std() > 20, "it shows something"


def test_the_docs_show_them():
    page = (ROOT / "docs" / "napari.md").read_text(encoding="utf-8")
    for name in STEPS:
        assert f"](images/{name})" in page
        assert (PICTURE.parent / name).stat().st_size < 800_000
    assert PICTURE.relative_to(ROOT).as_posix() in (ROOT / "README.md").read_text(encoding="utf-8")
