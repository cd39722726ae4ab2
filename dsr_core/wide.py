"""Damage that is wider than what the filter repairs: named, for it stays.

At full size the network takes a torn strip or a blotch for a thing in the picture. In a picture of a quarter
of the size the same is as narrow as the damage that it was trained on. So it looks a second time, at a
sixteenth of the pixels, and what it finds there and did not find before is told.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.detect import distance_within, find_defects
from dsr_core.options import Options
from dsr_core.pixels import Image
from dsr_core.prediction import Prediction
from dsr_core.pyramid import shrunk

_TIMES = 4  # smaller
_SHORTEST = 1024  # pixels of the shorter side; in less, many things are as narrow as damage when reduced
_WIDE = 16  # pixels
_LEFT = 0.5  # of a place; where more was found at full size, it is repaired
_LONG = 8  # times its width; what is longer ...
_STRAIGHT = 1.25  # ... in a box that is no broader than that is no tear but a rail or a mast
_CERTAIN = Options(sensitivity=0.2, lights="keep", grow=0)


def reduced(image: Image) -> Image | None:
    """Return an image ``(H, W[, C])`` a quarter as large, or ``None`` where that would show too little."""
    if min(image.shape[:2]) < _SHORTEST:
        return None
    return shrunk(image, *(side // _TIMES for side in image.shape[:2]))


def remark(again: Prediction, found: NDArray[np.bool_]) -> str:
    """Return what to tell about wide damage, ``""`` where there is none.

    Parameters
    ----------
    again
        Of the reduced picture.
    found
        ``(H, W)``: what is repaired in the picture itself.
    """
    places = find_left(again, found)
    if not places:
        return ""
    width, height = max(places, key=lambda size: size[0] * size[1])
    said = f"{len(places)} places look" if len(places) > 1 else "A place looks"
    return (
        f"{said} like damage that is too wide to be repaired, up to {width} x {height} pixels large; "
        "mark such damage by a mask, the brush or a selection to have it repaired, or retouch it."
    )


def find_left(again: Prediction, found: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return width and height in pixels of each place of wide damage that is left; parameters as above."""
    mask = find_defects(again, _CERTAIN)
    covered = shrunk(found.view(np.uint8) * np.uint8(255), *mask.shape) / 255
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    thick = np.zeros(count, np.float32)
    np.maximum.at(
        thick, np.asarray(labels, np.intp), 2 * distance_within(mask, slice(0, len(mask)), len(mask)) - 1
    )
    share = np.bincount(labels.ravel(), covered.ravel(), count) / boxes[:, cv2.CC_STAT_AREA]
    places = []
    for number in range(1, count):
        across, down = (int(boxes[number, side]) for side in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT))
        shorter, longer, width = min(across, down), max(across, down), float(thick[number])
        straight = longer > _LONG * width and shorter <= _STRAIGHT * width
        if width * _TIMES >= _WIDE and share[number] < _LEFT and not straight:
            places.append((across * _TIMES, down * _TIMES))
    return places
