"""A restore from the dock, in a napari of its own with an empty home, leaves nothing of ours there."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
OTHERS = {
    (".cache", "napari"),
    (".config", "napari"),
    (".cache", "fontconfig"),
    (".cache", "mesa_shader_cache"),
}
"""Folders of napari, and of what draws its window."""
RESTORE = """
import sys
from pathlib import Path

import napari
from qtpy.QtWidgets import QApplication

from dsr_core import models
from tests.napari.scans import make_scan

models.models_folder = lambda: Path(sys.argv[1])
viewer = napari.Viewer(show=False)
viewer.add_image(make_scan(), name="scan")
_, dock = viewer.window.add_plugin_dock_widget("dust-scratch-removal", "Remove dust & scratches")
dock.fields["provider"].value = "cpu"
dock.fields["remove"].native.click()
while dock.session.busy:
    QApplication.processEvents()
print(dock.fields["status"].value)
print([layer.name for layer in viewer.layers])
viewer.close()
"""


def test_nothing_of_ours_is_left_in_the_home(shipped_model, tmp_path):
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    kept = ("PATH", "DISPLAY", "XAUTHORITY", "QT_QPA_PLATFORM", "LD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", RESTORE, shipped_model.parent],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stderr
    assert "'scan restored'" in ran.stdout, ran.stdout + ran.stderr
    left = [path.relative_to(home).parts for path in home.rglob("*") if path.is_file()]
    assert {parts[:2] for parts in left} - OTHERS == set()
    assert list(temporary.rglob("*")) == []
