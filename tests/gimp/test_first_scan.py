"""The first scan as docs/gimp.md has it, done in a real GIMP with the model that ships."""

import json
from pathlib import Path

import cv2
import numpy as np

from dsr_core import restore
from dsr_core.editor.patches import OUTLINE
from tests.gimp.roots import REPOSITORY, Job

MODEL = REPOSITORY / "onnx_models" / "model-3.onnx"
PICTURES = ("gimp-dialog.png", "gimp-veto.png", "gimp-result.png", "gimp-mend.png")


def example() -> np.ndarray:
    """Return the scan ``(H, W, 3)`` that the page begins with."""
    return cv2.imread(str(REPOSITORY / "examples" / "scan.tif"), cv2.IMREAD_UNCHANGED)[..., ::-1]


def test_a_first_scan_as_the_page_says(tmp_path: Path):
    job, scan = Job("3.2", tmp_path, MODEL), example()
    job.on_screen("first_scan.py", 76, scan)
    out = tmp_path / "out"
    report = json.loads((out / "report.json").read_text())
    assert report["layers"] == report["mended"] == ["scan (repairs)", "scan"]
    assert report["after"] == report["before"]  # the scan is what it was
    before, after, selected = (
        np.frombuffer((out / f"{name}.raw").read_bytes(), np.uint8).reshape(scan.shape[:2])
        for name in ("mask", "mask-mended", "selection")
    )
    found = restore(scan, provider="cpu")
    sizes = np.bincount(found.labels[found.mask])
    (left_out,) = np.unique(found.labels[found.mask & (before == 0)])
    assert sizes[left_out] == np.sort(sizes[1:])[1]
    np.testing.assert_array_equal(before == 255, found.mask & (found.labels != left_out))
    assert 200 < (selected > 127).sum() < 800
    assert not before[selected > 127].all()
    assert (after[selected > 127] == 255).all()
    np.testing.assert_array_equal(after[selected == 0], before[selected == 0])
    mended, scanned = report["tones"]
    assert mended < scanned - 0.02  # the pale speck is gone
    assert report["by_dialog"] == report["by_menu"]  # to the bit
    first, again, taken = (cv2.imread(str(out / f"{name}.png")) for name in ("dialog", "again", "taken"))
    assert (taken[67:470, 24:514] == OUTLINE[2::-1]).all(-1).sum() > 50  # what will come of it is shown
    earlier = [shot[510:535, 540:660].std() for shot in (first, again, taken)]  # the row for previous repairs
    assert earlier[1] > 5
    assert max(earlier[0], earlier[2]) < 1  # what is selected is always added to them


def test_the_docs_show_it():
    page = (REPOSITORY / "docs" / "gimp.md").read_text(encoding="utf-8")
    for name in PICTURES:
        assert f"](images/{name})" in page
        assert (REPOSITORY / "docs" / "images" / name).stat().st_size < 800_000
