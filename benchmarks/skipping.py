"""What would be gained if the small network looked first and the large one saw only what is suspicious."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core import predict, run
from dsr_core.detect import FOUND
from dsr_core.io import read_picture
from dsr_core.models import ModelInfo
from training.measure.scans import load_scans

MIDDLE = 1800
"""Pixels of the square in the middle of each scan that is looked at: 3 megapixels are enough to tell."""

SIDES = (256, 512)
"""Of the squares that are skipped or not, in pixels."""

SUSPECT = (2, 5, 12, FOUND, 64)
"""Probabilities times 255 from one of which on the first look calls a square suspicious."""

_HALF = 128  # of 255
Probability = NDArray[np.uint8]


def look(first: ModelInfo, second: ModelInfo, scans: Path) -> list[dict[str, Any]]:
    """Return what each way to skip would save and lose on a folder of real scans.

    Returns
    -------
    list
        Of each way its ``side`` and ``suspect``; the share of squares ``skipped``; ``computed``, the pixels
        that the second network still has to compute for each pixel of the scans, with its margins; how many
        ``defects`` the second finds, and how many are ``missed``, because they lie in skipped squares.

    Raises
    ------
    DsrError
        There are no scans, or a model cannot be run.
    """
    pairs = [_looks(scan.path, first, second) for scan in load_scans(scans, [scans / "judged"])]
    rows = []
    for side in SIDES:
        for suspect in SUSPECT:
            counts = np.sum([_counted(*pair, side, suspect) for pair in pairs], axis=0)
            squares, skipped, defects, missed = (int(count) for count in counts)
            around = ((side + 2 * second.margin) / side) ** 2
            rows.append(
                {
                    "side": side,
                    "suspect": suspect,
                    "skipped": skipped / squares,
                    "computed": (1 - skipped / squares) * around,
                    "defects": defects,
                    "missed": missed,
                }
            )
    return rows


def _looks(path: Path, first: ModelInfo, second: ModelInfo) -> tuple[Probability, Probability]:
    """Return the probabilities that two networks give the middle of a scan."""
    image = read_picture(path).pixels
    top, left = (max(0, (length - MIDDLE) // 2) for length in image.shape[:2])
    part = np.ascontiguousarray(image[top : top + MIDDLE, left : left + MIDDLE])
    one, other = (
        run(predict(part, model=model.path, provider="cpu")).probability for model in (first, second)
    )
    return one, other


def _counted(first: Probability, second: Probability, side: int, suspect: int) -> tuple[int, int, int, int]:
    """Return the number of squares, of skipped ones, of the second look's defects, and of those missed.

    A defect is missed if most of it lies in skipped squares.
    """
    skipped = np.zeros(first.shape, np.bool_)
    squares = count = 0
    for top in range(0, first.shape[0], side):
        for left in range(0, first.shape[1], side):
            square = slice(top, top + side), slice(left, left + side)
            skipped[square] = first[square].max() < suspect
            squares += 1
            count += int(skipped[top, left])
    number, labels = cv2.connectedComponents((second >= FOUND).view(np.uint8), connectivity=8)
    found = np.unique(labels[second >= _HALF])
    areas, within = (np.bincount(labels.ravel(), each, number) for each in (None, skipped.ravel()))
    return squares, count, len(found), int((within[found] > areas[found] / 2).sum())
