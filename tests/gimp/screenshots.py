"""Takes the pictures of docs/images: the shipped model 3 on the example, worked by hand in a real GIMP."""

import shutil
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from tests.gimp.roots import REPOSITORY, Job
from tests.gimp.test_desktop import run_desktop

IMAGES = REPOSITORY / "docs" / "images"


# A part of the thin scratch on the flag that the network does not find: corners of a lasso around it, x and y
MISS = (0, 12, 5, 10, 8, 30, 14, 60, 18, 90, 12, 92, 7, 63, 2, 36)
CANVAS, PART = (214, 96), (0, 0, 150, 120)  # where GIMP shows the scan; what of it the picture shows


def main() -> None:
    scan = cv2.imread(str(REPOSITORY / "examples" / "scan.tif"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    with tempfile.TemporaryDirectory() as folder:
        model = REPOSITORY / "onnx_models" / "model-3.onnx"
        out = run_desktop(Job("3.2", Path(folder), model), 79, scan, MISS, patience=45).folder / "out"
        write_pictures(out)
        sys.stdout.write((out / "report.json").read_text() + "\n")


def write_pictures(out: Path) -> None:
    """Make the pictures of the screenshots in a folder."""
    for name, of in {"dialog": "dialog", "veto": "dialog-clicked", "result": "repeated"}.items():
        shutil.copy(out / f"{of}.png", IMAGES / f"gimp-{name}.png")
    x, y, width, height = (round(value * 2 / 3) for value in PART)  # the zoom that GIMP chooses
    x, y = x + CANVAS[0], y + CANVAS[1]
    parts = [
        cv2.imread(str(out / f"{name}.png"))[y : y + height, x : x + width] for name in ("selected", "mended")
    ]
    gap = np.full((height, 6, 3), 255, np.uint8)
    both = cv2.resize(np.hstack([parts[0], gap, parts[1]]), None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(IMAGES / "gimp-mend.png"), both)


if __name__ == "__main__":
    main()
