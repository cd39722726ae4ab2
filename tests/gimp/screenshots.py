"""Takes the pictures of docs/gimp.md: ``python -m tests.gimp.screenshots``.

The first scan that the page explains is done in a real GIMP, and the seconds that each part takes are told.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from tests.gimp.roots import REPOSITORY, Job
from tests.gimp.test_first_scan import MODEL, example

IMAGES = REPOSITORY / "docs" / "images"
PART = (344, 494, 200, 160)  # of GIMP's window: x, y, width and height of what was mended and around it


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        job = Job("3.2", Path(folder), MODEL)
        job.on_screen("first_scan.py", 76, example())
        out = job.folder / "out"
        write_pictures(out)
        sys.stdout.write((out / "report.json").read_text() + "\n")


def write_pictures(out: Path) -> None:
    """Make the pictures of the screenshots in a folder."""
    for name in ("dialog", "veto", "result"):
        shutil.copy(out / f"{name}.png", IMAGES / f"gimp-{name}.png")
    x, y, width, height = PART
    parts = [
        cv2.imread(str(out / f"{name}.png"))[y : y + height, x : x + width] for name in ("selected", "mended")
    ]
    gap = np.full((height, 4, 3), 255, np.uint8)
    both = cv2.resize(np.hstack([parts[0], gap, parts[1]]), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(IMAGES / "gimp-mend.png"), both)


if __name__ == "__main__":
    main()
