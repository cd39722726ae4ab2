"""What deserves a look in a restored scan: kept beside the results, so that a report can be made later."""

import base64
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.detect import SURE
from dsr_core.prediction import Restoration

SIDE = 1200
"""Pixels of a preview's longer side, at most."""
_BIGGEST = 6
_MOST_DOUBTFUL = 3


def examine(result: Restoration) -> dict[str, Any]:
    """Return what a report needs to know about a restoration, in words that JSON can hold.

    Returns
    -------
    dict
        ``doubtful``: how many defects the network was not sure of (nowhere 0.8 or more).
        ``places``: of the six biggest defects and the three biggest doubtful ones, row and column of a pixel
        in their middle, how many pixels they have, and whether they are doubtful.
        ``marks``: the mask, made small as `shrink_marks` does, as PNG in base64.
    """
    labels: NDArray[Any]
    count, labels, stats, centres = cv2.connectedComponentsWithStats(
        result.mask.view(np.uint8), connectivity=8
    )
    at = np.flatnonzero(result.mask)
    strongest = np.zeros(count, np.uint8)
    np.maximum.at(strongest, labels.ravel()[at].astype(np.intp), result.probability.ravel()[at])
    doubtful = strongest < SURE
    doubtful[0] = False  # what is not damaged
    areas = stats[:, cv2.CC_STAT_AREA]
    order = np.argsort(-areas[1:], kind="stable") + 1
    chosen = [
        *order[:_BIGGEST],
        *[number for number in order[_BIGGEST:] if doubtful[number]][:_MOST_DOUBTFUL],
    ]
    return {
        "doubtful": int(doubtful.sum()),
        "places": [
            [
                *_middle(labels, number, stats[number], centres[number]),
                int(areas[number]),
                bool(doubtful[number]),
            ]
            for number in chosen
        ],
        "marks": base64.b64encode(cv2.imencode(".png", shrink_marks(result.mask))[1].tobytes()).decode(),
    }


def shrink_marks(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return a mask at a preview's size, 0 and 255; a mark of one pixel stays one."""
    factor = -(-max(mask.shape) // SIDE)
    height, width = (-(-side // factor) for side in mask.shape)
    marks = np.zeros((height, width), np.bool_)
    for row in range(factor):
        for column in range(factor):
            part = mask[row::factor, column::factor]
            marks[: part.shape[0], : part.shape[1]] |= part
    return marks.view(np.uint8) * np.uint8(255)


def _middle(
    labels: NDArray[Any], number: int, stats: NDArray[Any], centre: NDArray[np.float64]
) -> tuple[int, int]:
    """Return row and column of the pixel of a defect that is next to its centre, which may lie beside it."""
    left, top, width, height, _ = (int(value) for value in stats)
    rows, columns = np.nonzero(labels[top : top + height, left : left + width] == number)
    nearest = np.argmin((rows + top - centre[1]) ** 2 + (columns + left - centre[0]) ** 2)
    return int(rows[nearest]) + top, int(columns[nearest]) + left
