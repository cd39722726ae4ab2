"""Takes the pictures of docs/napari.md: ``python -m tests.napari.screenshots``, on a screen of 1600 x 1000.

The three things that the page explains are done as it says, and the seconds that each takes are printed.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import napari
from qtpy.QtTest import QTest

from tests.napari.dock import STEPS, open_the_sample

PICTURES = Path(__file__).parents[2] / "docs" / "images"


class Hands:
    """What `Dock` needs of pytest-qt, without pytest."""

    mouseClick, mouseMove, wait = QTest.mouseClick, QTest.mouseMove, QTest.qWait  # noqa: N815 -- Qt's way

    @staticmethod
    def waitUntil(condition: Callable[[], bool], timeout: int) -> None:  # noqa: N802 -- Qt's way
        deadline = time.monotonic() + timeout / 1000
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError
            QTest.qWait(20)


def main() -> int:
    viewer = napari.Viewer()
    dock = open_the_sample(viewer, Hands)
    for name, step in STEPS.items():
        start = time.monotonic()
        picture = step(dock)
        print(f"{name}: {time.monotonic() - start:.1f} s")  # noqa: T201
        cv2.imwrite(str(PICTURES / name), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    viewer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
