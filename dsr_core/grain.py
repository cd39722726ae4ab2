"""Film grain for repairs: what is filled in is smooth, and the film around it is not."""

from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core import pixels
from dsr_core.bands import side_by_side
from dsr_core.pixels import Image

_APART = 4  # pixels around a hole from which no grain is taken: damage reaches beyond what was found of it
_WINDOW = 11  # side in pixels of the squares in which the strength of grain is measured
_AROUND = 33  # side in pixels of the place whose smoothest square counts: the others may hold texture
_EVEN = 1.25  # mean strength of even grain, relative to where it is weakest by chance
_PEAK = 3.0  # times the mean amplitude; what exceeds that is no grain and is clipped
_FURTHEST = 24  # pixels; the largest distance that grain is copied over
REACH = 32
"""Pixels of surroundings that the grain of a pixel depends on."""
_BLOCK = 512  # pixels to a side that are done at once, so that memory does not grow with the image
_Planes = NDArray[np.float32]


def _spiral(count: int = 48) -> list[tuple[int, int]]:
    """Return shifts in all directions, the short ones first."""
    radius = np.linspace(2 * _APART, _FURTHEST, count)
    angle = np.arange(count) * np.pi * (3 - np.sqrt(5))  # the golden angle: every direction is another
    down, right = (np.rint(radius * turn(angle)).astype(int) for turn in (np.sin, np.cos))
    return list(zip(down.tolist(), right.tolist(), strict=True))


_SHIFTS = _spiral()


def add_grain(
    repaired: Image,
    samples: Image,
    holes: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
    *,
    linear: bool,
) -> None:
    """Add grain to what was filled, in place.

    Grain is copied from the nearest undamaged place, at most as strong as in the smoothest place around, so
    that neither texture nor edges come along, and only as much as the fill lacks. The same input gets the
    same grain.

    Parameters
    ----------
    repaired, samples
        ``(H, W, 1|3)``: colour samples after and before the repair, in one encoding.
    holes
        ``(H, W)``: everything that was filled.
    wanted
        ``(H, W)``: the part of it that gets grain.
    linear
        Whether the samples are linear light.
    """
    height, width, channels = repaired.shape

    def work(corner: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp], Image] | None:
        top, left = corner
        core = slice(top, top + _BLOCK), slice(left, left + _BLOCK)
        if not wanted[core].any():
            return None
        first, start = max(top - REACH, 0), max(left - REACH, 0)
        around = slice(first, top + _BLOCK + REACH), slice(start, left + _BLOCK + REACH)
        filled = holes[around]
        planes = _planes(samples[around], linear)
        planes[:, filled] = _planes(repaired[around][filled][None], linear)[:, 0]
        inside = np.zeros_like(filled)
        inside[top - first :, left - start :][:_BLOCK, :_BLOCK] = wanted[core]
        y, x, values = _grained(planes, filled, inside)
        encoded = np.empty((1, len(y), channels), repaired.dtype)
        pixels.from_network(values[:, None], encoded, linear=linear)
        return y + first, x + start, encoded[0]

    blocks = side_by_side(work, product(range(0, height, _BLOCK), range(0, width, _BLOCK)))
    for y, x, values in filter(None, blocks):  # only now: a block looks at its neighbours as they were
        repaired[y, x] = values


def _planes(samples: Image, linear: bool) -> _Planes:
    planes = np.empty((3, *samples.shape[:2]), np.float32)
    pixels.to_network(samples, planes, linear=linear)
    return planes


def _grained(
    planes: _Planes, holes: NDArray[np.bool_], wanted: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp], _Planes]:
    """Return rows and columns of the pixels that lack grain, and their values ``(3, N)`` with it."""
    soft = _soft(planes)
    amplitude = cv2.absdiff(planes[1], soft[1])  # measured on green alone
    side = 2 * _APART + 1
    usable = cv2.dilate(holes.view(np.uint8), np.ones((side, side), np.uint8)) == 0
    y, x = np.nonzero(wanted)
    level = _EVEN * _smoothest(amplitude, usable)[y, x]
    own = _mean(amplitude, holes, side)[0][y, x]
    lacking = own < level
    y, x, level, own = y[lacking], x[lacking], level[lacking], own[lacking]
    source = _sources(y, x, usable)
    grain, soft = (values.reshape(3, -1)[:, source] for values in (planes, soft))
    grain -= soft
    np.clip(grain, -_PEAK * level, _PEAK * level, out=grain)
    grain *= np.sqrt(1 - (own / level) ** 2)  # independent noise adds in squares
    grain[:, source < 0] = 0
    return y, x, planes[:, y, x] + grain


def _soft(planes: _Planes) -> _Planes:
    """Return the planes without their grain; its sums do not depend on where the planes begin."""
    soft = np.empty_like(planes)
    for plane, result in zip(planes, soft, strict=True):
        cv2.blur(cv2.blur(plane, (3, 3)), (3, 3), dst=result)
    return soft


def _smoothest(amplitude: NDArray[np.float32], usable: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the mean amplitude in the smoothest square around each pixel; 0 where there is no source."""
    mean, share = _mean(amplitude, usable, _WINDOW)
    mean[share <= 0.25] = np.inf  # noqa: PLR2004 -- too few pixels for a mean
    least = cv2.erode(mean, np.ones((_AROUND, _AROUND)))
    return np.where(least <= 1, least, np.float32(0))


def _mean(
    values: NDArray[np.float32], where: NDArray[np.bool_], side: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean of the values that count in the square around each pixel, and the share that counts."""
    share, total = (
        np.asarray(cv2.blur(part, (side, side)), np.float32)
        for part in (where.astype(np.float32), values * where)
    )
    return np.divide(total, share, out=np.zeros_like(total), where=share > 0), share


def _sources(y: NDArray[np.intp], x: NDArray[np.intp], usable: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return a place near each pixel that grain can be copied from, counted row by row, or -1."""
    height, width = usable.shape
    source = np.full(len(y), -1)
    for down, right in _SHIFTS:
        left = np.flatnonzero(source < 0)
        if not len(left):
            break
        row, column = y[left] + down, x[left] + right
        fits = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        left, row, column = left[fits], row[fits], column[fits]
        good = usable[row, column]
        source[left[good]] = (row * width + column)[good]
    return source
