"""The parts of a picture that an editor needs: places that were repaired, and reduced views."""

from collections.abc import Callable
from itertools import chain
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.bands import BAND, cut, side_by_side
from dsr_core.pixels import Image, blend, colour, full_scale
from dsr_core.pyramid import shrunk

OUTLINE = (255, 30, 80, 255)  # RGBA: a red that occurs neither in sepia nor in skin
INSIDE = (255, 30, 80, 60)
LEFT_OUT = (255, 205, 40, 255)  # around what a person took out

Mask = NDArray[np.bool_]
Place = tuple[int, int, int, int]  # x, y, width, height


class Patch(NamedTuple):
    """A rectangle that has changed: where in the region, its samples, its mask (0 and 255)."""

    place: Place
    samples: Image
    marks: NDArray[np.uint8]


def cut_patches(
    restored: Callable[[slice], Image],
    mask: Mask,
    rows: slice,
    columns: slice,
    alpha: Callable[[Image, Mask], Image],
) -> list[Patch]:
    """Return the places of a region that the mask marks.

    Parameters
    ----------
    restored
        Returns rows of the restored image ``(rows, W[, C])``.
    mask
        ``(H, W)``: what has changed.
    rows, columns
        The region.
    alpha
        One of `ALPHA`, for the samples.
    """

    def work(band: slice) -> list[Patch]:
        marked = mask[band, columns]
        places = occupied(marked)
        if not places:
            return []
        image = restored(band)[:, columns]
        patches = []
        for x, y, width, height in places:
            part = slice(y, y + height), slice(x, x + width)
            samples = np.ascontiguousarray(alpha(image[part], marked[part]))
            place = x, y + band.start - rows.start, width, height
            patches.append(Patch(place, samples, marked[part] * np.uint8(255)))
        return patches

    return list(chain.from_iterable(side_by_side(work, cut(rows, BAND))))


def blend_selected(before: Image, after: Image, clip: NDArray[np.uint8]) -> Image:
    """Return ``before`` where ``clip`` is 0, ``after`` where it is 255 (to the bit), a mixture in between."""
    result = before.copy()
    full = clip == 255  # noqa: PLR2004
    result[full] = after[full]
    partly = (clip > 0) & ~full
    share = clip[partly] / 255
    result[partly] = blend(before[partly], after[partly], share.reshape(-1, *(1,) * (before.ndim - 2)))
    return result


def shrink(image: Image, step: int) -> Image:
    """Return a view reduced ``step`` times by area, same type; the last row and column may be partial."""
    if step == 1:
        return image
    return shrunk(image, -(-image.shape[0] // step), -(-image.shape[1] // step))


def shrink_mask(mask: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    """Return a mask reduced ``step`` times, in which no marked pixel gets lost."""
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % step), (0, -width % step)))
    blocks = padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step)
    return np.asarray(blocks.any(axis=(1, 3)))


def outlines(mask: NDArray[np.bool_], left: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
    """Return a mask as a picture to lay over another: (H, W, 4) 8-bit RGBA, an outline around each defect.

    ``left``, a mask of what a person took out, is outlined in another colour.
    """
    marks = np.zeros((*mask.shape, 4), np.uint8)
    if left is not None:
        marks[_around(left)] = LEFT_OUT
    marks[mask] = INSIDE
    marks[_around(mask)] = OUTLINE
    return marks


def _around(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inside = mask.view(np.uint8)
    return np.asarray(cv2.dilate(inside, np.ones((3, 3), np.uint8)) > inside)


def occupied(mask: NDArray[np.bool_], side: int = 32) -> list[Place]:
    """Return rectangles (x, y, width, height) that cover a mask: neighbouring blocks that are not empty."""
    height, width = mask.shape
    places = []
    for row, blocks in enumerate(shrink_mask(mask, side)):
        edges = np.flatnonzero(np.diff(blocks, prepend=False, append=False)) * side
        top = row * side
        for left, right in edges.reshape(-1, 2).tolist():
            places.append((left, top, min(right, width) - left, min(side, height - top)))
    return places


def _with_alpha(image: Image, shown: NDArray[np.bool_] | bool) -> Image:
    """Return the image with an alpha channel: 0 where they are not shown, else what it was, or opaque."""
    samples = colour(image)
    channels = samples.shape[2]
    result = np.full((*image.shape[:2], channels + 1), full_scale(image.dtype), image.dtype)
    result[..., :channels] = samples
    if image.ndim > 2 and image.shape[2] > channels:  # noqa: PLR2004
        result[..., -1] = image[..., -1]
    result[..., -1] *= shown
    return result


ALPHA: dict[str, Callable[[Image, NDArray[np.bool_]], Image]] = {
    "kept": lambda image, _: image,
    "added": lambda image, _: _with_alpha(image, True),
    "masked": _with_alpha,
}
