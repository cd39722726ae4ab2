"""Takes the pictures of docs/images: the shipped model 3 on the example, worked by hand in a real GIMP."""

import shutil
import tempfile
from pathlib import Path

import cv2

from tests.gimp.roots import REPOSITORY, Job
from tests.gimp.test_desktop import run_desktop

IMAGES = REPOSITORY / "docs" / "images"


def main() -> None:
    scan = cv2.imread(str(REPOSITORY / "examples" / "scan.tif"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    with tempfile.TemporaryDirectory() as folder:
        job = run_desktop(Job("3.2", Path(folder), REPOSITORY / "onnx_models" / "model-3.onnx"), 79, scan)
        IMAGES.mkdir(parents=True, exist_ok=True)
        for name in ("dialog", "result"):
            shutil.copy(job.folder / "out" / f"{name}.png", IMAGES / f"gimp-{name}.png")


if __name__ == "__main__":
    main()
