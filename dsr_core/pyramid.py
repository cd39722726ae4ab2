"""The smaller copies of an image that viewers keep, after a repair."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.pixels import Image

_AS_IT_IS = ("float32", "float64", "uint8", "uint16")
"""What OpenCV shrinks as it is."""


def repaired_levels(levels: Sequence[Image], image: Image, mask: NDArray[np.bool_]) -> list[Image]:
    """Return smaller copies of a repaired image.

    Parameters
    ----------
    levels
        The smaller copies of the image before its repair, each ``(h, w[, C])``.
    image, mask
        The repaired image ``(H, W[, C])``, and where it was repaired, ``(H, W)``.

    Returns
    -------
    list of ndarray
        The copies, bit-identical to those given but where they show a repair.
    """
    result = []
    for level in levels:
        small = shrunk(image, *level.shape[:2])
        touched = shrunk(mask.astype(np.float32), *level.shape[:2]) > 0
        result.append(np.where(touched.reshape(touched.shape + (1,) * (level.ndim - 2)), small, level))
    return result


def shrunk(image: Image, height: int, width: int) -> Image:
    """Return an image ``(H, W[, C])`` reduced to ``(height, width[, C])`` by area, of the same type."""
    known = image if image.dtype.name in _AS_IT_IS else image.astype(np.float64)
    small = cv2.resize(np.ascontiguousarray(known), (width, height), interpolation=cv2.INTER_AREA)
    if small.dtype.kind != image.dtype.kind:
        small = np.rint(small)
    return small.astype(image.dtype, copy=False).reshape(height, width, *image.shape[2:])
