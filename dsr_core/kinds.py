"""Specks, hairs and scratches, told from the shape of a defect."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsr_core.prediction import Restoration

KINDS = ("specks", "hairs", "scratches", "others")
"""What there is; a number stands for each, from 1 on."""
VALUES = (0, 64, 128, 192, 255)
"""What a mask holds for no defect and for each kind."""
_SLENDER = 0.5  # as wide as that, relative to its extent, is a hair at most
_WINDING = (
    10.0  # half the outline squared over the area, from which on a wide one is a hair, too; a disc has 5
)
_SHORTEST = 6  # pixels of a hair's extent; three in a row may be anything
_STRAIGHT = 0.1  # as wide as that at most, relative to its extent
_LARGE = 0.02  # of the picture's longer side; what is larger and not drawn out is no speck
_SMALLEST = 16  # pixels; what is not larger is a speck in a small picture, too


@dataclass(frozen=True, eq=False)
class Shapes:
    """What tells the kinds of defects apart, ``(count,)`` each.

    Parameters
    ----------
    winding
        Half the outline squared over the area, which size does not change.
    extent
        The length in pixels of a bar with the same moments.
    spread
        The width of that bar relative to its length.
    """

    winding: NDArray[np.float64]
    extent: NDArray[np.float64]
    spread: NDArray[np.float64]


def measure(at: NDArray[np.intp], label: NDArray[Any], labels: NDArray[Any], count: int) -> Shapes:
    """Return the shapes of components.

    Parameters
    ----------
    at, label
        Where each of their pixels lies, counted row by row, and to which component it belongs.
    labels
        ``(H, W)``: the components.
    count
        Their number.
    """
    height, width = labels.shape
    rows, columns = np.divmod(at, width)
    outline = np.zeros(len(at))
    for place, end, step in ((columns, width, 1), (rows, height, width)):
        for inside, away in ((place > 0, -step), (place < end - 1, step)):
            outline += ~inside | (labels.ravel().take(np.where(inside, at + away, at)) != label)

    def total(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(label, values, count), np.float64)

    area = np.bincount(label, minlength=count).clip(1)
    down, right = (place - (total(place) / area)[label] for place in (rows, columns))
    # the twelfth is the moment of a pixel, which is a square
    vertical, level = (total(away**2) / area + 1 / 12 for away in (down, right))
    middle, apart = (vertical + level) / 2, np.hypot((vertical - level) / 2, total(down * right) / area)
    return Shapes(
        winding=(total(outline) / 2) ** 2 / area,
        extent=np.sqrt(12 * (middle + apart)),
        spread=np.sqrt((middle - apart).clip(0) / (middle + apart)),
    )


def sort(shapes: Shapes, longest: int) -> NDArray[np.uint8]:
    """Return the number ``(count,)`` of each defect's kind.

    The limits are those that tell the labels of hand-drawn outlines apart (docs/kinds.md).

    Parameters
    ----------
    shapes
        From `measure`.
    longest
        The picture's longer side in pixels.
    """
    large = shapes.extent > max(_LARGE * longest, _SMALLEST)
    thin = (shapes.spread < _SLENDER) | (shapes.winding > _WINDING)
    drawn = np.where(shapes.spread <= _STRAIGHT, 3, 2)
    return np.where(thin & (shapes.extent > _SHORTEST), drawn, np.where(large, 4, 1)).astype(np.uint8)


def numbers_of(
    labels: NDArray[np.int32], probability: NDArray[np.uint8], count: int, least: int
) -> NDArray[np.uint8]:
    """Return the number ``(count + 1,)`` of the kind that each defect is of; 0 for what is none.

    The shape is that of the pixels whose probability is at least ``least`` of 255, which are those that were
    found before they grew; of a defect that a person drew, all of it.
    """
    at = np.flatnonzero(labels)
    label = labels.ravel().take(at)
    certain = probability.ravel().take(at) >= least
    found = np.zeros(count + 1, np.bool_)
    found[label[certain]] = True
    certain |= ~found[label]
    at, label = at[certain], label[certain]
    shown = np.zeros_like(labels)
    shown.ravel()[at] = label
    number = sort(measure(at, label, shown, count + 1), max(labels.shape))
    number[0] = 0
    return number


def values_of(result: Restoration, least: int) -> NDArray[np.uint8]:
    """Return a mask ``(H, W)`` with one of `VALUES` for the kind of each defect, told as in `numbers_of`."""
    number = numbers_of(result.labels, result.probability, result.defects, least)
    return np.array(VALUES, np.uint8)[number][result.labels]
