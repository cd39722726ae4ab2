"""How stored rows lie when a picture is shown, as its EXIF orientation says, and back."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsr_core import tifftags
from dsr_core.region import Region
from dsr_core.tifftags import Tags

_TURNS = {
    2: (False, 1, -1),
    3: (False, -1, -1),
    4: (False, -1, 1),
    5: (True, 1, 1),
    6: (True, 1, -1),
    7: (True, -1, -1),
    8: (True, -1, 1),
}
"""Orientation -> whether rows become columns, and then the direction of rows and of columns."""
_STORED = (False, 1, 1)


def upright(stored: NDArray[Any], tags: Tags) -> NDArray[Any]:
    """Return the view of an image ``(H, W[, C])`` that is shown."""
    swapped, down, right = _turn(tags)
    return (np.swapaxes(stored, 0, 1) if swapped else stored)[::down, ::right]


def lying(shown: NDArray[Any], tags: Tags) -> NDArray[Any]:
    """Return the view of an image ``(H, W[, C])`` that is stored, the inverse of `upright`."""
    swapped, down, right = _turn(tags)
    turned = shown[::down, ::right]
    return np.swapaxes(turned, 0, 1) if swapped else turned


def stored_region(shown: Region, shape: tuple[int, ...], tags: Tags) -> Region:
    """Return where a region of the picture that is shown lies in the stored one.

    Parameters
    ----------
    shown
        The region; it must lie in the picture.
    shape
        Height and width as they are stored.
    tags
        Those of the picture.

    Raises
    ------
    DsrError
        The region does not lie in the picture.
    """
    swapped, down, right = _turn(tags)
    height, width = shape[1::-1] if swapped else shape[:2]
    shown.check((height, width))
    x = shown.x if right > 0 else width - shown.x - shown.width
    y = shown.y if down > 0 else height - shown.y - shown.height
    if swapped:
        return Region(y, x, shown.height, shown.width)
    return Region(x, y, shown.width, shown.height)


def _turn(tags: Tags) -> tuple[bool, int, int]:
    return _TURNS.get(tifftags.number_of(tags, tifftags.ORIENTATION, 1), _STORED)
