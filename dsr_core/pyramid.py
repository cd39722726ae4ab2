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
        size = level.shape[1], level.shape[0]
        small = _shrunk(image, size).reshape(level.shape)
        touched = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
        result.append(np.where(touched.reshape(touched.shape + (1,) * (level.ndim - 2)), small, level))
    return result


def _shrunk(image: Image, size: tuple[int, int]) -> Image:
    wide = image if image.dtype.name in _AS_IT_IS else image.astype(np.float64)
    small = cv2.resize(wide, size, interpolation=cv2.INTER_AREA)
    return small.astype(image.dtype) if image.dtype.kind == "f" else np.rint(small).astype(image.dtype)
