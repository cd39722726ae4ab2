"""Takes docs/images/napari.png: ``python -m tests.napari.screenshots``, on a screen of 1600 x 1000 pixels."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import napari
from qtpy.QtTest import QTest

from tests.napari.dock import Dock, use_on_a_laptop

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "napari.png"


class Hands:
    """What `Dock` needs of pytest-qt, without pytest."""

    mouseClick, wait = QTest.mouseClick, QTest.qWait  # noqa: N815 -- Qt's way

    @staticmethod
    def waitUntil(condition: Callable[[], bool], timeout: int) -> None:  # noqa: N802 -- Qt's way
        deadline = time.monotonic() + timeout / 1000
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError
            QTest.qWait(20)


def main() -> int:
    viewer = napari.Viewer()
    picture = use_on_a_laptop(Dock(viewer, Hands))
    viewer.close()
    cv2.imwrite(str(PICTURE), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return 0


if __name__ == "__main__":
    sys.exit(main())
