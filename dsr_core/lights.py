"""Lamps, stars and snow, which look like dust: their edges are soft on every side, those of dust are not."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MANY = 24  # from this number on they are told: single specks of dust may have a soft edge, too
_LARGEST = 40  # pixels across
_LONGER = 2  # times as long as wide at most, and a pixel: two lights may touch
_SOFT = 0.56
"""Share of what rises from the ground that reaches half the height: a cone's is 0.35, that of the smallest
star five pixels of nine."""
_GROUND = 0.15  # of the height


def find_lights(
    at: NDArray[np.intp], label: NDArray[Any], excess: NDArray[np.float32], count: int, width: int
) -> NDArray[np.bool_]:
    """Return for each component whether it is round and soft, so that it may be a light.

    Parameters
    ----------
    at, label, excess
        Where each pixel lies, counted row by row; to which component it belongs; how much brighter it is than
        its repair.
    count, width
        Number of components, and of pixels in a row.
    """
    height = np.zeros(count, np.float32)
    np.maximum.at(height, label, excess)
    rises = np.bincount(label[excess > _GROUND * height[label]], minlength=count)
    high = np.bincount(label[excess > 0.5 * height[label]], minlength=count)
    sides = extents(at, label, count, width)
    longer, shorter = np.maximum(*sides), np.minimum(*sides)
    is_round = (longer <= _LARGEST) & (longer <= _LONGER * shorter + 1)
    return np.asarray(is_round & (high > 0) & (high < _SOFT * rises), np.bool_)


def extents(
    at: NDArray[np.intp], label: NDArray[Any], count: int, width: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return how many rows and how many columns each component takes; parameters as for `find_lights`."""
    down, across = (_extent(place, label, count) for place in np.divmod(at, width))
    return down, across


def _extent(place: NDArray[np.intp], label: NDArray[Any], count: int) -> NDArray[np.intp]:
    """Return how many rows or columns each component takes."""
    first, last = np.full(count, np.iinfo(np.intp).max), np.full(count, -1)
    np.minimum.at(first, label, place)
    np.maximum.at(last, label, place)
    return np.where(last < 0, 0, last - first + 1)


def remark(lights: int) -> str:
    """Return what to tell about so many of them, ``""`` for few."""
    if lights < _MANY:
        return ""
    return f"{lights} of the specks may be lamps, stars or snow; set lights to keep, and they stay."
